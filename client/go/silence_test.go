package foreman

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// halfway begins an answer, which is closed by whoever waits for its rest.
func halfway(t *testing.T) (server *httptest.Server, left <-chan struct{}) {
	gone := make(chan struct{})
	server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		io.WriteString(answer, `{"id": `)
		http.NewResponseController(answer).Flush()
		<-request.Context().Done()
		close(gone)
	}))
	t.Cleanup(server.Close)
	return server, gone
}

func TestAnAnswerThatFallsSilentHalfwayIsGivenUpAndIsNoEndOfAContext(t *testing.T) {
	server, left := halfway(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := listener{http.DefaultClient, 10 * time.Millisecond}.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != errSilent || string(text) != `{"id": ` {
		t.Errorf("%q, %v", text, err)
	}
	<-left
}

func TestTheEndOfAContextIsNoSilence(t *testing.T) {
	server, left := halfway(t)
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := listener{http.DefaultClient, time.Hour}.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	response.Body.Close()
	<-left
}
