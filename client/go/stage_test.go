package foreman_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	foreman "example.com/foreman/client/go"
)

// stage is a foreman process in front of a simulated Ollama, both of the checkout that this module lies in.
type stage struct {
	URL    string `json:"url"`
	Target string `json:"target"`
	Token  string `json:"token"`
	Secret string `json:"secret"`

	t       testing.TB
	say     io.Writer
	answers *bufio.Scanner
}

func setStage(t testing.TB) *stage {
	t.Helper()
	root := checkout(t)
	command := exec.Command(filepath.Join(root, "node_modules/.bin/node"), filepath.Join(root, "scripts/clients/stage.ts"))
	command.Stderr = os.Stderr
	say, err := command.StdinPipe()
	must(t, err)
	hear, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() {
		say.Close()
		command.Wait()
	})
	s := &stage{t: t, say: say, answers: bufio.NewScanner(hear)}
	s.hear(s)
	return s
}

// do has the stage obey commands, one after the other; scripts/clients/stage.ts says which there are.
func (s *stage) do(commands ...string) {
	s.t.Helper()
	for _, command := range commands {
		_, err := io.WriteString(s.say, command+"\n")
		must(s.t, err)
		var answer struct{ Done string }
		s.hear(&answer)
	}
}

func (s *stage) hear(into any) {
	s.t.Helper()
	if !s.answers.Scan() {
		s.t.Fatal("the stage has fallen silent")
	}
	must(s.t, json.Unmarshal(s.answers.Bytes(), into))
}

func (s *stage) client(options ...foreman.Option) *foreman.Client {
	return foreman.New(s.URL, append([]foreman.Option{foreman.WithToken(s.Token)}, options...)...)
}

// checkout is the root of the repository. Wherever else the module lies its tests have nothing to run against.
func checkout(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	if _, err := os.Stat(filepath.Join(root, "scripts/clients/stage.ts")); err != nil {
		t.Skip("this is no checkout of foreman")
	}
	return root
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var hello = []foreman.Message{{Role: "user", Content: "Hello"}}

func chat(t *testing.T, model string) foreman.JobRequest {
	t.Helper()
	return foreman.JobRequest{Endpoint: "/api/chat", Body: encode(t, foreman.ChatRequest{Model: model, Messages: hello})}
}

func encode(t *testing.T, value any) json.RawMessage {
	t.Helper()
	encoded, err := json.Marshal(value)
	must(t, err)
	return encoded
}

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var value T
	must(t, json.Unmarshal(text, &value))
	return value
}

// told is all that a sequence of events tells.
func told(t *testing.T, events iter.Seq2[foreman.Event, error]) []foreman.Event {
	t.Helper()
	var all []foreman.Event
	for event, err := range events {
		must(t, err)
		all = append(all, event)
	}
	return all
}

// said is what the target said in an event.
func said(t *testing.T, event foreman.Event) string {
	t.Helper()
	if event.Kind != foreman.EventOutput {
		return ""
	}
	return decode[foreman.ChatResponse](t, event.Output).Message.Content
}
