package foreman

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"example.com/foreman/client/go/api"
)

// ErrRestarted comes in a stream when the job had to begin anew, after foreman was restarted say: forget the parts so far. It is
// no end: whoever goes on gets the answer from its first part.
var ErrRestarted = errors.New("foreman: the answer begins anew")

// ChatStream is Chat whose answer comes in parts, as the target makes them:
//
//	for part, err := range client.ChatStream(ctx, request) {
//
// After any error but ErrRestarted there is no more. Whoever leaves the loop before the last part, which has Done, cancels the
// job, as the end of ctx does.
func (c *Client) ChatStream(ctx context.Context, request ChatRequest, options ...CallOption) iter.Seq2[ChatResponse, error] {
	return stream[ChatResponse](ctx, c, api.APIChat, request, options)
}

// GenerateStream is Generate whose answer comes in parts. See ChatStream.
func (c *Client) GenerateStream(ctx context.Context, request GenerateRequest, options ...CallOption) iter.Seq2[GenerateResponse, error] {
	return stream[GenerateResponse](ctx, c, api.APIGenerate, request, options)
}

func stream[T any](ctx context.Context, c *Client, endpoint Endpoint, request any, options []CallOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		sent, err := newTicket(endpoint, request, options)
		if err == nil {
			err = ended(ctx)
		}
		if err != nil {
			yield(none, err)
			return
		}
		var id string
		over := false
		defer func() {
			if !over {
				c.abandon(ctx, sent, id)
			}
		}()
		job, err := c.submit(ctx, sent, &api.SubmitJobParams{})
		if err != nil {
			over = ctx.Err() == nil
			yield(none, err)
			return
		}
		id = job.ID
		begun := false
		for event, err := range c.Events(ctx, id, "") {
			var part T
			switch {
			case err != nil:
				over = ctx.Err() == nil
				err = ofJob(id, err)
			case event.Kind == EventOutput && lastWords(event.Output):
				continue
			case event.Kind == EventOutput:
				begun = true
				err = json.Unmarshal(event.Output, &part)
				over = err == nil && lastPart(event.Output)
			case event.Kind == EventRestart && begun:
				begun, over = false, false
				err = ErrRestarted
			case event.Kind == EventState && terminal(event.Job):
				over = true
				err = outcome(event.Job)
				if err == nil {
					continue
				}
			default:
				continue
			}
			if !yield(part, err) || err != nil && err != ErrRestarted {
				return
			}
		}
	}
}

func lastPart(line json.RawMessage) bool {
	var part struct{ Done bool }
	return json.Unmarshal(line, &part) == nil && part.Done
}

// lastWords says whether a line is Ollama's on a runner that died. That is no part: what foreman makes of it, a failure or a new
// beginning, follows.
func lastWords(line json.RawMessage) bool {
	var words struct{ Error any }
	return json.Unmarshal(line, &words) == nil && words.Error != nil
}
