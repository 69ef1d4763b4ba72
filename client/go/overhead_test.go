package foreman_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	foreman "example.com/foreman/client/go"
)

// What Chat costs over the same request through the passthrough, both to a loaded model, one after the other in pairs:
//
//	go test -run '^$' -bench Overhead -benchtime 500x
func BenchmarkOverhead(b *testing.B) {
	s := setStage(b)
	c, ctx := s.client(), b.Context()
	request := foreman.ChatRequest{Model: "llama3.2", Messages: hello}
	body, err := json.Marshal(map[string]any{"model": request.Model, "messages": hello, "stream": false})
	must(b, err)
	pass := func() {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/chat", bytes.NewReader(body))
		must(b, err)
		request.Header.Set("Authorization", "Bearer "+s.Token)
		response, err := http.DefaultClient.Do(request)
		must(b, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		must(b, err)
		must(b, json.Unmarshal(text, new(foreman.ChatResponse)))
	}
	chat := func() {
		_, err := c.Chat(ctx, request)
		must(b, err)
	}
	for range 50 {
		pass()
		chat()
	}
	var passed, chatted, over []time.Duration
	for b.Loop() {
		one, other := timed(pass), timed(chat)
		passed, chatted, over = append(passed, one), append(chatted, other), append(over, other-one)
	}
	for name, durations := range map[string][]time.Duration{"passthrough": passed, "Chat": chatted, "over": over} {
		slices.Sort(durations)
		b.ReportMetric(float64(durations[len(durations)/2].Microseconds())/1000, "ms-p50-"+name)
		b.ReportMetric(float64(durations[len(durations)*95/100].Microseconds())/1000, "ms-p95-"+name)
	}
}

func timed(call func()) time.Duration {
	began := time.Now()
	call()
	return time.Since(began)
}
