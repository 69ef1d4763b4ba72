package foreman

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// silence is how long an answer that has begun may keep its reader waiting. foreman says something every 15 s on a connection on
// which it has nothing to say; one that is gone may never tell.
const silence = 45 * time.Second

var errSilent = errors.New("the answer broke off in silence")

// listener makes calls whose answers do not keep their readers waiting for ever.
type listener struct {
	client  *http.Client
	silence time.Duration
}

// Do is that of an http.Client.
func (l listener) Do(request *http.Request) (*http.Response, error) {
	ctx, cut := context.WithCancelCause(request.Context())
	response, err := l.client.Do(request.WithContext(ctx))
	if err != nil {
		cut(nil)
		return nil, err
	}
	response.Body = watched{ReadCloser: response.Body, ctx: ctx, cut: cut, silence: l.silence}
	return response, nil
}

// watched is the body of an answer. A reader may take its time between two reads.
type watched struct {
	io.ReadCloser
	ctx     context.Context
	cut     context.CancelCauseFunc
	silence time.Duration
}

func (w watched) Read(into []byte) (int, error) {
	watch := time.AfterFunc(w.silence, func() { w.cut(errSilent) })
	defer watch.Stop()
	read, err := w.ReadCloser.Read(into)
	// Not as the end of a context, which the caller would take for its own.
	if err != nil && err != io.EOF && context.Cause(w.ctx) == errSilent {
		err = errSilent
	}
	return read, err
}

func (w watched) Close() error {
	defer w.cut(nil)
	return w.ReadCloser.Close()
}
