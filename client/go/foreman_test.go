package foreman_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	foreman "example.com/foreman/client/go"
)

// direct is what the target itself answers.
func direct[T any](t *testing.T, s *stage, path string, body any) *T {
	t.Helper()
	encoded, err := json.Marshal(body)
	must(t, err)
	response, err := http.Post(s.Target+path, "application/json", bytes.NewReader(encoded))
	must(t, err)
	defer response.Body.Close()
	answer := new(T)
	lines := json.NewDecoder(response.Body)
	must(t, lines.Decode(answer))
	return answer
}

func TestChatGenerateAndEmbedReturnWhatOllamaWouldHaveReturned(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)

	chatted, err := c.Chat(ctx, foreman.ChatRequest{Model: "llama3.2", Messages: hello})
	must(t, err)
	asked := map[string]any{"model": "llama3.2", "messages": hello, "stream": false}
	if want := direct[foreman.ChatResponse](t, s, "/api/chat", asked); chatted.Message.Content != want.Message.Content || chatted.EvalCount != want.EvalCount {
		t.Errorf("Chat = %+v, want %+v", chatted, want)
	}
	if !chatted.Done || chatted.DoneReason != "stop" || chatted.CreatedAt.IsZero() {
		t.Errorf("Chat = %+v", chatted)
	}

	generated, err := c.Generate(ctx, foreman.GenerateRequest{Model: "llama3.2", Prompt: "Hello"})
	must(t, err)
	asked = map[string]any{"model": "llama3.2", "prompt": "Hello", "stream": false}
	if want := direct[foreman.GenerateResponse](t, s, "/api/generate", asked); generated.Response != want.Response || generated.Response == "" {
		t.Errorf("Generate = %+v, want %+v", generated, want)
	}

	embedded, err := c.Embed(ctx, foreman.EmbedRequest{Model: "nomic-embed-text", Input: []string{"a", "b"}})
	must(t, err)
	asked = map[string]any{"model": "nomic-embed-text", "input": []string{"a", "b"}}
	want := direct[foreman.EmbedResponse](t, s, "/api/embed", asked)
	if len(embedded.Embeddings) != 2 || embedded.Embeddings[1][0] != want.Embeddings[1][0] {
		t.Errorf("Embed = %+v, want %+v", embedded, want)
	}
}

func TestAChatOfAWarmModelIsOneRoundTrip(t *testing.T) {
	s := setStage(t)
	trips := 0
	counted := &http.Client{Transport: tripper(func(request *http.Request) (*http.Response, error) {
		trips++
		return http.DefaultTransport.RoundTrip(request)
	})}
	_, err := s.client(foreman.WithHTTPClient(counted)).Chat(soon(t), foreman.ChatRequest{Model: "llama3.2", Messages: hello})
	must(t, err)
	if trips != 1 {
		t.Errorf("%d round trips", trips)
	}
}

func TestAnyEndpointIsCalledWithTypesOfOthers(t *testing.T) {
	s := setStage(t)
	body := json.RawMessage(`{"model": "llama3.2", "seed": 9007199254740993, "messages": [{"role": "user", "content": "Hello"}]}`)
	var answer struct {
		Choices []struct{ Message foreman.Message }
	}
	c, ctx := s.client(), soon(t)
	must(t, c.Do(ctx, "/v1/chat/completions", body, &answer, foreman.WithIdempotencyKey("exact")))
	if len(answer.Choices) != 1 || answer.Choices[0].Message.Content == "" {
		t.Errorf("answer = %+v", answer)
	}
	page, err := c.List(ctx, foreman.ListOptions{})
	must(t, err)
	job, err := c.Get(ctx, page.Data[0].ID, foreman.IncludeRequest)
	must(t, err)
	if !bytes.Contains(job.Request.Body, []byte("9007199254740993")) {
		t.Errorf("the body is %s", job.Request.Body)
	}
}

func TestACallIsAnsweredAlthoughForemanIsKilledAndStartedAgainMeanwhile(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	answers := make(chan *foreman.ChatResponse)
	go func() {
		answer, err := c.Chat(ctx, foreman.ChatRequest{Model: "slow", Messages: hello})
		if err != nil {
			t.Error(err)
		}
		answers <- answer
	}()
	s.do("held", "kill", "start", "load")
	if answer := <-answers; answer == nil || !answer.Done {
		t.Errorf("answer = %+v", answer)
	}
	page, err := c.List(ctx, foreman.ListOptions{})
	must(t, err)
	if len(page.Data) != 1 || page.Data[0].Interruptions != 1 || page.NextCursor != "" {
		t.Errorf("jobs = %+v", page.Data)
	}
}

func TestTheEndOfTheContextCancelsTheJobAndLetsTheTargetGo(t *testing.T) {
	s := setStage(t)
	c := s.client()
	ctx, cancel := context.WithCancelCause(soon(t))
	reason := errors.New("not needed any more")
	failed := make(chan error)
	go func() {
		_, err := c.Chat(ctx, foreman.ChatRequest{Model: "slow", Messages: hello})
		failed <- err
	}()
	s.do("held")
	cancel(reason)
	if err := <-failed; !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
		t.Errorf("err = %v", err)
	}
	page, err := c.List(soon(t), foreman.ListOptions{})
	must(t, err)
	if len(page.Data) != 1 || page.Data[0].State != foreman.StateCanceled {
		t.Errorf("jobs = %+v", page.Data)
	}
	s.do("idle")
}

func TestACallWhoseContextIsOverMakesNoJob(t *testing.T) {
	s := setStage(t)
	c := s.client()
	ctx, cancel := context.WithCancel(soon(t))
	cancel()
	request := foreman.ChatRequest{Model: "llama3.2", Messages: hello}
	if _, err := c.Chat(ctx, request); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	for _, err := range c.ChatStream(ctx, request) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	}
	page, err := c.List(soon(t), foreman.ListOptions{})
	must(t, err)
	if len(page.Data) != 0 {
		t.Errorf("jobs = %+v", page.Data)
	}
}

func TestAFailedJobAndARefusedCallAreToldApartByTheirCodes(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	var told *foreman.Error

	_, err := c.Chat(ctx, foreman.ChatRequest{Model: "nobody", Messages: hello})
	if !errors.Is(err, foreman.ErrModelMissing) || !errors.As(err, &told) || told.Job.State != foreman.StateFailed {
		t.Errorf("err = %v", err)
	}
	_, err = c.Chat(ctx, foreman.ChatRequest{Messages: hello})
	if !errors.Is(err, foreman.ErrInvalidRequest) || !errors.As(err, &told) || told.Problem.Errors[0].Pointer != "/request/body/model" {
		t.Errorf("err = %v", err)
	}
	if _, err = c.Get(ctx, "job_nobody"); !errors.Is(err, foreman.ErrNotFound) || errors.Is(err, foreman.ErrGone) {
		t.Errorf("err = %v", err)
	}
	if _, err = foreman.New(s.URL).Get(ctx, "job_nobody"); !errors.Is(err, foreman.ErrUnauthorized) {
		t.Errorf("err = %v", err)
	}
}

func TestAJobIsSubmittedWaitedForAndItsArtifactRead(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	submitted := foreman.SubmitJob{
		Request:        chat(t, "llama3.2"),
		Labels:         foreman.Labels{"feed": "42"},
		IdempotencyKey: "once",
	}
	job, err := c.Submit(ctx, submitted)
	must(t, err)
	again, err := c.Submit(ctx, submitted)
	must(t, err)
	if again.ID != job.ID {
		t.Errorf("the same key made %s and %s", job.ID, again.ID)
	}
	job, err = c.Wait(ctx, job.ID, foreman.IncludeResponse)
	must(t, err)
	answer := decode[foreman.ChatResponse](t, job.Response)
	artifact, err := c.Artifact(ctx, job.ID, "output.txt")
	must(t, err)
	defer artifact.Close()
	output, err := io.ReadAll(artifact)
	must(t, err)
	if string(output) != answer.Message.Content || job.Labels["feed"] != "42" || job.Usage.OutputTokens == 0 {
		t.Errorf("output = %q, job = %+v", output, job)
	}
	if _, err := c.Artifact(ctx, job.ID, "image-1.png"); !errors.Is(err, foreman.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	if _, err := c.Cancel(ctx, job.ID); !errors.Is(err, foreman.ErrConflict) {
		t.Errorf("err = %v", err)
	}
}

func TestAllGoesThroughThePagesOfAList(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	var made []string
	for range 5 {
		_, err := c.Generate(ctx, foreman.GenerateRequest{Model: "llama3.2", Prompt: "Hello"}, foreman.WithLabels(map[string]string{"n": "1"}))
		must(t, err)
	}
	_, err := c.Generate(ctx, foreman.GenerateRequest{Model: "llama3.2", Prompt: "Hello"})
	must(t, err)
	options := foreman.ListOptions{Label: "n:1", Limit: 2, States: []foreman.State{foreman.StateDone, foreman.StateFailed}}
	page, err := c.List(ctx, options)
	must(t, err)
	if len(page.Data) != 2 || page.NextCursor == "" {
		t.Errorf("page = %+v", page)
	}
	for job, err := range c.All(ctx, options) {
		must(t, err)
		made = append(made, job.ID)
	}
	if len(made) != 5 || made[0] != page.Data[0].ID || made[0] <= made[4] {
		t.Errorf("made = %v", made)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(request *http.Request) (*http.Response, error) { return t(request) }
