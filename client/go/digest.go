package foreman

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strings"
)

// whole is the body of an artifact. Its end is an error unless what was read is what foreman has: its tag is the digest of that,
// to which a gateway that compresses may add something.
type whole struct {
	io.ReadCloser
	hash   hash.Hash
	tag    string
	status int
}

func wholly(response *http.Response) io.ReadCloser {
	return whole{response.Body, sha256.New(), response.Header.Get("ETag"), response.StatusCode}
}

func (w whole) Read(into []byte) (int, error) {
	read, err := w.ReadCloser.Read(into)
	w.hash.Write(into[:read])
	if err == io.EOF && !strings.Contains(w.tag, hex.EncodeToString(w.hash.Sum(nil))) {
		err = &Error{Code: ErrUnreachable, Detail: "the artifact arrived damaged", Status: w.status}
	}
	return read, err
}
