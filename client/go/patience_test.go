package foreman_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	foreman "example.com/foreman/client/go"
)

// gateway answers one request after the other with what stands in for a foreman that is not well, and keeps what was sent.
type gateway struct {
	*httptest.Server
	mutex sync.Mutex
	kept  []string
}

func newGateway(t *testing.T, answers ...http.HandlerFunc) *gateway {
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		g.mutex.Lock()
		next := min(len(g.kept), len(answers)-1)
		g.kept = append(g.kept, request.Method+" "+request.URL.RequestURI()+" "+string(body))
		g.mutex.Unlock()
		answers[next](answer, request)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) sent() []string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.kept
}

func says(status int, text string) http.HandlerFunc {
	return func(answer http.ResponseWriter, _ *http.Request) {
		answer.WriteHeader(status)
		io.WriteString(answer, text)
	}
}

func hangsUp(http.ResponseWriter, *http.Request) {
	panic(http.ErrAbortHandler)
}

func breaksOff(answer http.ResponseWriter, _ *http.Request) {
	answer.Header().Set("Content-Length", "1000")
	io.WriteString(answer, `{"id": "job_1", `)
	http.NewResponseController(answer).Flush()
	panic(http.ErrAbortHandler)
}

const (
	queued = `{"id": "job_1", "state": "queued"}`
	done   = `{"id": "job_1", "state": "done", "response": {"message": {"role": "assistant", "content": "Hi"}, "done": true}}`
)

func problem(code string, status int) http.HandlerFunc {
	return func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Retry-After", "1")
		answer.WriteHeader(status)
		fmt.Fprintf(answer, `{"code": %q, "status": %d, "detail": "come back"}`, code, status)
	}
}

func TestACallIsTriedAgainWithItsKeyUntilItIsAnswered(t *testing.T) {
	for _, first := range [][]http.HandlerFunc{
		{hangsUp, says(502, "<html>Bad Gateway</html>")},
		{problem("queue_full", 503), says(429, "")},
		{breaksOff, says(504, "<html>cut</html>")},
	} {
		g := newGateway(t, append(first, says(200, done))...)
		answer, err := foreman.New(g.URL).Chat(soon(t), foreman.ChatRequest{Model: "llama3.2", Messages: hello})
		must(t, err)
		sent := g.sent()
		if answer.Message.Content != "Hi" || len(sent) != 3 || sent[1] != sent[0] || sent[2] != sent[0] {
			t.Errorf("answer = %+v to %q", answer, sent)
		}
		if !strings.Contains(sent[0], `"idempotency_key"`) {
			t.Errorf("there is no key in %s", sent[0])
		}
	}
}

func TestAJobIsWaitedForOverCutsOfItsGatewayAndAStoppingForeman(t *testing.T) {
	g := newGateway(t, says(202, queued), says(504, "<html>cut</html>"), says(200, queued), says(200, done))
	_, err := foreman.New(g.URL).Chat(soon(t), foreman.ChatRequest{Model: "llama3.2", Messages: hello})
	must(t, err)
	sent := g.sent()
	if len(sent) != 4 || !strings.HasPrefix(sent[0], "POST /jobs?wait=25&include=response ") {
		t.Errorf("sent %q", sent)
	}
	for _, one := range sent[1:] {
		if one != "GET /jobs/job_1?wait=25&include=response " {
			t.Errorf("waited by %s", one)
		}
	}
}

func TestTwoCallsHaveKeysOfTheirOwn(t *testing.T) {
	g := newGateway(t, says(200, done))
	for range 2 {
		_, err := foreman.New(g.URL).Chat(soon(t), foreman.ChatRequest{Model: "llama3.2", Messages: hello})
		must(t, err)
	}
	if g.sent()[0] == g.sent()[1] {
		t.Errorf("sent twice: %s", g.sent()[0])
	}
}

func TestARefusalIsFinalAndSoIsAnAnswerThatIsNotForemans(t *testing.T) {
	for _, test := range []struct {
		answer http.HandlerFunc
		want   error
	}{
		{problem("storage_full", 507), foreman.ErrStorageFull},
		{problem("internal", 500), foreman.ErrInternal},
		{says(404, "no such page"), foreman.ErrUnreachable},
		{says(200, "<html>Welcome to the hotel</html>"), foreman.ErrUnreachable},
		{says(200, `{"signed_in": false}`), foreman.ErrUnreachable},
		{says(200, `{"id": "job_1"}`), foreman.ErrUnreachable},
		{says(200, "null"), foreman.ErrUnreachable},
	} {
		g := newGateway(t, test.answer)
		if _, err := foreman.New(g.URL).Get(soon(t), "job_1"); !errors.Is(err, test.want) || len(g.sent()) != 1 {
			t.Errorf("err = %v after %d requests, want %v after 1", err, len(g.sent()), test.want)
		}
	}
}

func TestAPageThatIsNoEventsEndsThem(t *testing.T) {
	g := newGateway(t, says(200, "<html>Welcome to the hotel</html>"))
	for _, err := range foreman.New(g.URL).Events(soon(t), "job_1", "") {
		if !errors.Is(err, foreman.ErrUnreachable) {
			t.Errorf("err = %v", err)
		}
	}
	if len(g.sent()) != 1 {
		t.Errorf("%d requests", len(g.sent()))
	}
}

func TestPatienceHasAnEnd(t *testing.T) {
	g := newGateway(t, hangsUp)
	c := foreman.New(g.URL, foreman.WithPatience(300*time.Millisecond))
	if _, err := c.Get(soon(t), "job_1"); !errors.Is(err, foreman.ErrUnreachable) || !errors.Is(err, io.EOF) || len(g.sent()) != 2 {
		t.Errorf("err = %v after %d requests", err, len(g.sent()))
	}
	full := newGateway(t, problem("queue_full", 503))
	c = foreman.New(full.URL, foreman.WithPatience(300*time.Millisecond))
	if _, err := c.Get(soon(t), "job_1"); !errors.Is(err, foreman.ErrQueueFull) || len(full.sent()) != 1 {
		t.Errorf("err = %v after %d requests", err, len(full.sent()))
	}
}

func TestTheEndOfTheContextIsToldWithWhyThereWasNoAnswerUntilThen(t *testing.T) {
	ctx, cancel := context.WithCancel(soon(t))
	g := newGateway(t, hangsUp, func(http.ResponseWriter, *http.Request) {
		cancel()
		<-ctx.Done()
	})
	_, err := foreman.New(g.URL).Get(ctx, "job_1")
	if !errors.Is(err, context.Canceled) || !errors.Is(err, foreman.ErrUnreachable) || !strings.Contains(err.Error(), g.URL) {
		t.Errorf("err = %v", err)
	}
}

func TestWhatIsNotForemanIsSaidNotToBe(t *testing.T) {
	for status, said := range map[int]string{404: "what answers at %s is not foreman: HTTP 404", 500: "no foreman behind %s: HTTP 500"} {
		g := newGateway(t, says(status, "<html>no such page</html>"))
		_, err := foreman.New(g.URL).Get(soon(t), "job_1")
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(said, g.URL)) {
			t.Errorf("err = %v", err)
		}
	}
}

func TestWhoeverCanWaitNoLongerIsToldOfWhichJobWhichIsLeftAlone(t *testing.T) {
	request := foreman.ChatRequest{Model: "llama3.2", Messages: hello}
	for name, call := range map[string]func(*foreman.Client) error{
		"Chat": func(c *foreman.Client) error {
			_, err := c.Chat(soon(t), request)
			return err
		},
		"ChatStream": func(c *foreman.Client) (last error) {
			for _, err := range c.ChatStream(soon(t), request) {
				last = err
			}
			return last
		},
	} {
		g := newGateway(t, says(202, queued), hangsUp)
		err := call(foreman.New(g.URL, foreman.WithPatience(0)))
		var failed *foreman.Error
		if !errors.As(err, &failed) || failed.Code != foreman.ErrUnreachable || failed.JobID != "job_1" || strings.Contains(strings.Join(g.sent(), " "), "/cancel") {
			t.Errorf("%s: err = %+v after %q", name, err, g.sent())
		}
	}
	wrong := foreman.New("")
	for _, id := range []string{"job_1", "job_2"} {
		var failed *foreman.Error
		if _, err := wrong.Wait(soon(t), id); !errors.As(err, &failed) || failed.JobID != id {
			t.Errorf("err = %+v", err)
		}
	}
}

func TestAnAddressThatIsNoneIsSaidAtOnce(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:11435", "ftp://127.0.0.1", "http://", "http://a b"} {
		if _, err := foreman.New(address).Get(soon(t), "job_1"); !errors.Is(err, foreman.ErrInvalidRequest) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestTheAddressMayHaveAPath(t *testing.T) {
	g := newGateway(t, says(200, done))
	_, err := foreman.New(g.URL+"/foreman/").Get(soon(t), "job_1")
	must(t, err)
	if g.sent()[0] != "GET /foreman/jobs/job_1 " {
		t.Errorf("sent %s", g.sent()[0])
	}
}
