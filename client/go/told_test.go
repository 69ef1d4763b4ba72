package foreman_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	foreman "example.com/foreman/client/go"
	"example.com/foreman/client/go/webhook"
)

func TestWhatForemanTellsAReceiverIsVerified(t *testing.T) {
	s := setStage(t)
	calls := make(chan *webhook.Call, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		call, err := webhook.Verify(s.Secret, request.Header, body)
		if err != nil {
			t.Error(err)
		}
		calls <- call
	}))
	defer receiver.Close()
	job, err := s.client().Submit(soon(t), foreman.SubmitJob{
		Request: chat(t, "llama3.2"),
		Webhook: &foreman.WebhookSpec{URL: receiver.URL, Include: []foreman.WebhookInclude{"response"}},
	})
	must(t, err)
	call := <-calls
	if call == nil || call.Type != "job.done" || call.ID == "" || call.Data.ID != job.ID || call.Data.Sequence <= job.Sequence {
		t.Fatalf("call = %+v", call)
	}
	if answer := decode[foreman.ChatResponse](t, call.Data.Response); !answer.Done || call.Timestamp != call.Data.FinishedAt {
		t.Errorf("call = %+v", call)
	}
}
