package foreman_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	foreman "example.com/foreman/client/go"
)

func TestAListThatIsNoneIsNoEmptyOne(t *testing.T) {
	g := newGateway(t, says(200, `{"signed_in": false}`))
	if page, err := foreman.New(g.URL).List(soon(t), foreman.ListOptions{}); !errors.Is(err, foreman.ErrUnreachable) {
		t.Errorf("page = %+v, err = %v", page, err)
	}
}

func TestAPauseIsAsLongAsForemanSaysUnlessThatIsBeyondThePatience(t *testing.T) {
	far := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for value, requests := range map[string]int{
		far: 1, "3600": 1, "10000000000": 1, "99999999999999999999": 1,
		"Thu, 01 Jan 1970 00:00:00 GMT": 2, "-5": 2, "-99999999999999999999": 2, "soon": 2,
	} {
		g := newGateway(t, func(answer http.ResponseWriter, _ *http.Request) {
			answer.Header().Set("Retry-After", value)
			answer.WriteHeader(http.StatusServiceUnavailable)
		}, says(200, done))
		_, err := foreman.New(g.URL).Get(soon(t), "job_1")
		if len(g.sent()) != requests || (err == nil) != (requests == 2) {
			t.Errorf("Retry-After: %s: err = %v after %d requests", value, err, len(g.sent()))
		}
	}
}

func TestPatienceIsCountedFromTheFirstFailureOfACallHoweverLongItWasWaitedFor(t *testing.T) {
	g := newGateway(t, hangsUp, says(200, done))
	_, err := foreman.New(g.URL, foreman.WithPatience(250*time.Millisecond)).Get(soon(t), "job_1")
	must(t, err)
	if len(g.sent()) != 2 {
		t.Errorf("%d requests", len(g.sent()))
	}
}

func streams(text string) http.HandlerFunc {
	return func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(answer, text)
	}
}

func TestAnEventThatCannotBeReadEndsThem(t *testing.T) {
	g := newGateway(t, streams("id: 1-0\nevent: state\ndata: {\"id\": 1}\n\n"))
	var last error
	for _, err := range foreman.New(g.URL).Events(soon(t), "job_1", "") {
		last = err
	}
	if !errors.Is(last, foreman.ErrUnreachable) || len(g.sent()) != 1 {
		t.Errorf("err = %v after %d requests", last, len(g.sent()))
	}
}

func TestPatienceWithEventsEndsWhenNothingIsHeardAndIsRenewedByAWord(t *testing.T) {
	mute := newGateway(t, streams(""))
	for _, err := range foreman.New(mute.URL, foreman.WithPatience(300*time.Millisecond)).Events(soon(t), "job_1", "") {
		if !errors.Is(err, foreman.ErrUnreachable) || len(mute.sent()) != 2 {
			t.Errorf("err = %v after %d requests", err, len(mute.sent()))
		}
	}
	g := newGateway(t, streams(": \n\n"), streams(": \n\n"), streams(": \n\n"), streams("id: 1-9\nevent: end\ndata: {}\n\n"))
	all := told(t, foreman.New(g.URL, foreman.WithPatience(300*time.Millisecond)).Events(soon(t), "job_1", ""))
	if len(all) != 1 || all[0].Kind != foreman.EventEnd {
		t.Errorf("told %+v", all)
	}
}

func TestASequenceBeginsAnewForEachLoop(t *testing.T) {
	g := newGateway(t, streams("id: 1-9\nevent: end\ndata: {}\n\n"))
	events := foreman.New(g.URL).Events(soon(t), "job_1", "1-1")
	told(t, events)
	told(t, events)
	pages := newGateway(t, says(200, `{"data": [], "next_cursor": "2"}`), says(200, `{"data": []}`))
	all := foreman.New(pages.URL).All(soon(t), foreman.ListOptions{})
	for range 2 {
		for _, err := range all {
			must(t, err)
		}
	}
	if sent := g.sent(); len(sent) != 2 || sent[0] != sent[1] {
		t.Errorf("sent %q", sent)
	}
	if sent := pages.sent(); len(sent) != 3 || sent[2] != sent[0] {
		t.Errorf("sent %q", sent)
	}
}

func TestATokenThatFitsInNoHeaderIsSaidAtOnceAndNotShown(t *testing.T) {
	g := newGateway(t, says(200, done))
	for _, token := range []string{"secret\n", "a secret", "secrét"} {
		_, err := foreman.New(g.URL, foreman.WithToken(token)).Get(soon(t), "job_1")
		if !errors.Is(err, foreman.ErrInvalidRequest) || strings.Contains(err.Error(), "secr") {
			t.Errorf("err = %v", err)
		}
	}
	if len(g.sent()) != 0 {
		t.Errorf("sent %q", g.sent())
	}
}

func TestATransportInPlaceOfGosOwnIsUsed(t *testing.T) {
	g := newGateway(t, says(200, done))
	own, trips := http.DefaultTransport, 0
	http.DefaultTransport = tripper(func(request *http.Request) (*http.Response, error) {
		trips++
		return own.RoundTrip(request)
	})
	defer func() { http.DefaultTransport = own }()
	_, err := foreman.New(g.URL).Get(soon(t), "job_1")
	must(t, err)
	if trips != 1 {
		t.Errorf("%d trips", trips)
	}
}

func TestALimitOfLessThanASecondIsNoneOfZero(t *testing.T) {
	g := newGateway(t, says(200, done))
	request := foreman.ChatRequest{Model: "llama3.2", Messages: hello}
	_, err := foreman.New(g.URL).Chat(soon(t), request, foreman.WithWorkingTime(300*time.Millisecond))
	must(t, err)
	if !strings.Contains(g.sent()[0], `"timeout_s":1`) {
		t.Errorf("sent %s", g.sent()[0])
	}
}
