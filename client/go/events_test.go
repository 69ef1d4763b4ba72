package foreman_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	foreman "example.com/foreman/client/go"
)

func TestEventsTellAJobFromItsStartAndGoOnAfterAnyOfThem(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	job, err := c.Submit(ctx, foreman.SubmitJob{Request: chat(t, "llama3.2")})
	must(t, err)
	all := told(t, c.Events(ctx, job.ID, ""))
	text := ""
	for _, event := range all {
		text += said(t, event)
	}
	done, err := c.Get(ctx, job.ID, foreman.IncludeResponse)
	must(t, err)
	if answer := decode[foreman.ChatResponse](t, done.Response); text != answer.Message.Content || text == "" {
		t.Errorf("events said %q, the job %q", text, answer.Message.Content)
	}
	first, last := all[0], all[len(all)-1]
	if first.Job.State != foreman.StateQueued || last.Kind != foreman.EventEnd {
		t.Errorf("from %+v to %+v", first, last)
	}
	middle := len(all) / 2
	rest := told(t, c.Events(ctx, job.ID, all[middle].ID))
	if len(rest) != len(all)-middle-1 || rest[0].ID != all[middle+1].ID {
		t.Errorf("after %s: %+v", all[middle].ID, rest)
	}
	if past := told(t, c.Events(ctx, job.ID, last.ID)); len(past) != 0 {
		t.Errorf("after the end: %+v", past)
	}
}

func TestEventsGoOnOverARestartOfForemanAndSayThatTheOutputBeginsAnew(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	s.do("hang")
	job, err := c.Submit(ctx, foreman.SubmitJob{Request: chat(t, "llama3.2")})
	must(t, err)
	var kinds []string
	seen := map[string]bool{}
	outputs := 0
	for event, err := range c.Events(ctx, job.ID, "") {
		must(t, err)
		if event.ID != "" && seen[event.ID] {
			t.Errorf("%s came twice", event.ID)
		}
		seen[event.ID] = true
		kinds = append(kinds, string(event.Kind))
		if event.Kind == foreman.EventOutput {
			if outputs++; outputs == 2 {
				s.do("kill", "start")
			}
		}
	}
	if got := strings.Join(slices.Compact(kinds), " "); got != "state output restart state output state end" {
		t.Errorf("kinds = %s", got)
	}
}

func TestAStreamSaysThatItBeginsAnewAndEndsWithTheWholeAnswer(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	s.do("hang")
	text, restarts, parts := "", 0, 0
	var last foreman.ChatResponse
	for part, err := range c.ChatStream(ctx, foreman.ChatRequest{Model: "llama3.2", Messages: hello}) {
		if errors.Is(err, foreman.ErrRestarted) {
			text, restarts = "", restarts+1
			continue
		}
		must(t, err)
		text += part.Message.Content
		last = part
		if parts++; parts == 2 {
			s.do("kill", "start")
		}
	}
	whole, err := c.Chat(ctx, foreman.ChatRequest{Model: "llama3.2", Messages: hello})
	must(t, err)
	if restarts != 1 || text != whole.Message.Content || !last.Done {
		t.Errorf("%d restarts, text = %q, want %q", restarts, text, whole.Message.Content)
	}
}

func TestWhoeverLeavesAStreamCancelsItsJob(t *testing.T) {
	s := setStage(t)
	c, ctx := s.client(), soon(t)
	s.do("hang")
	for part, err := range c.GenerateStream(ctx, foreman.GenerateRequest{Model: "llama3.2", Prompt: "Hello"}) {
		must(t, err)
		if part.Response != "" {
			break
		}
	}
	page, err := c.List(ctx, foreman.ListOptions{})
	must(t, err)
	if len(page.Data) != 1 || page.Data[0].State != foreman.StateCanceled {
		t.Errorf("jobs = %+v", page.Data)
	}
	s.do("idle")
}

func TestWhoeverLeavesAStreamAtItsLastPartLeavesTheJobAlone(t *testing.T) {
	g := newGateway(t, says(202, queued), func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(answer, "id: 1-1\nevent: output\ndata: {\"done\": false}\n\nid: 1-2\nevent: output\ndata: {\"done\": true}\n\n")
	}, says(200, queued))
	for part, err := range foreman.New(g.URL).ChatStream(soon(t), foreman.ChatRequest{Model: "llama3.2", Messages: hello}) {
		must(t, err)
		if part.Done {
			break
		}
	}
	if sent := g.sent(); len(sent) != 2 {
		t.Errorf("sent %q", sent)
	}
}

func TestAStreamEndsWithTheErrorOfItsJob(t *testing.T) {
	s := setStage(t)
	var errs []error
	for _, err := range s.client().ChatStream(soon(t), foreman.ChatRequest{Model: "nobody", Messages: hello}) {
		errs = append(errs, err)
	}
	var failed *foreman.Error
	if len(errs) != 1 || !errors.Is(errs[0], foreman.ErrModelMissing) || !errors.As(errs[0], &failed) || failed.Job.Error == nil {
		t.Errorf("errs = %v", errs)
	}
}

func TestTheEndOfTheContextEndsAStreamAndCancelsItsJob(t *testing.T) {
	s := setStage(t)
	c := s.client()
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	s.do("hang")
	var last error
	for _, err := range c.ChatStream(ctx, foreman.ChatRequest{Model: "llama3.2", Messages: hello}) {
		cancel()
		last = err
	}
	page, err := c.List(soon(t), foreman.ListOptions{})
	must(t, err)
	if !errors.Is(last, context.Canceled) || page.Data[0].State != foreman.StateCanceled {
		t.Errorf("err = %v, jobs = %+v", last, page.Data)
	}
}

func TestALineWithAnErrorInAStreamIsNoPartOfTheAnswerButWhatItsJobFailsBy(t *testing.T) {
	g := newGateway(t, says(202, queued), streams("id: 1-0\nevent: output\ndata: {\"message\":{\"content\":\"a\"},\"done\":false}\n\n"+
		"id: 1-1\nevent: output\ndata: {\"error\":\"unexpected EOF\"}\n\n"+
		"id: 2-0\nevent: state\ndata: {\"id\":\"job_1\",\"state\":\"failed\",\"error\":{\"code\":\"target_failed\",\"detail\":\"unexpected EOF\"}}\n\n"))
	var parts []string
	var last error
	for part, err := range foreman.New(g.URL).ChatStream(soon(t), foreman.ChatRequest{Model: "llama3.2", Messages: hello}) {
		if last = err; err == nil {
			parts = append(parts, part.Message.Content)
		}
	}
	var failed *foreman.Error
	if !slices.Equal(parts, []string{"a"}) || !errors.Is(last, foreman.ErrTargetFailed) || !errors.As(last, &failed) || failed.JobID != "job_1" {
		t.Errorf("parts = %q, err = %v", parts, last)
	}
}
