// Package webhook verifies what foreman tells a receiver, as Standard Webhooks has it.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/foreman/client/go/api"
)

// Call is what foreman has to tell. A receiver may be told twice, and of a later state before an earlier one: the ID is the same
// on every try, and Data.Sequence, of two calls about one job, larger in the newer.
type Call struct {
	ID string `json:"-"`
	// Type is "job." and the state.
	Type string `json:"type"`
	// Timestamp is when that state was reached.
	Timestamp time.Time `json:"timestamp"`
	// Data is the job as it was then.
	Data api.Job `json:"data"`
}

// Why a call is not believed.
var (
	ErrSecret    = errors.New("webhook: the secret is not whsec_ and base64")
	ErrHeaders   = errors.New("webhook: webhook-id, webhook-timestamp and webhook-signature are not all there")
	ErrTimestamp = errors.New("webhook: the timestamp is more than five minutes off")
	ErrSignature = errors.New("webhook: no signature is of this secret")
)

// tolerance is how far the clocks may be apart, and how long a call that somebody has overheard is of use.
const tolerance = 5 * time.Minute

// Verify reads a call from the headers and the bytes of a request, which must be those that came. Anything it returns an error
// for is to be refused.
func Verify(secret string, header http.Header, body []byte) (*Call, error) {
	return verify(secret, header, body, time.Now())
}

func verify(secret string, header http.Header, body []byte, now time.Time) (*Call, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return nil, ErrSecret
	}
	id, stamp, signatures := header.Get("webhook-id"), header.Get("webhook-timestamp"), header.Get("webhook-signature")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || signatures == "" {
		return nil, ErrHeaders
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return nil, ErrTimestamp
	}
	hash := hmac.New(sha256.New, key)
	fmt.Fprintf(hash, "%s.%s.%s", id, stamp, body)
	if !signed(signatures, hash.Sum(nil)) {
		return nil, ErrSignature
	}
	call := Call{ID: id}
	if err := json.Unmarshal(body, &call); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return &call, nil
}

// signed says whether one of the signatures, of which there are two while a secret is changed, is the expected one.
func signed(signatures string, expected []byte) bool {
	for signature := range strings.FieldsSeq(signatures) {
		version, encoded, _ := strings.Cut(signature, ",")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(given, expected) {
			return true
		}
	}
	return false
}
