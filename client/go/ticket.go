package foreman

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"example.com/foreman/client/go/api"
)

// leave is how long a call whose context ended may take to cancel its job.
const leave = 2 * time.Second

// ticket is a job as it is sent, the same bytes as often as needed: its key makes all of them one job.
type ticket []byte

func newTicket(endpoint Endpoint, body any, options []CallOption) (ticket, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("foreman: %w", err)
	}
	job := SubmitJob{Request: JobRequest{Endpoint: endpoint, Body: encoded}}
	for _, option := range options {
		option(&job)
	}
	return ticketFor(job)
}

func ticketFor(job SubmitJob) (ticket, error) {
	if job.IdempotencyKey == "" {
		job.IdempotencyKey = rand.Text()
	}
	encoded, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("foreman: %w", err)
	}
	return encoded, nil
}

func (c *Client) submit(ctx context.Context, sent ticket, params *api.SubmitJobParams) (*Job, error) {
	return patient[Job](ctx, c, func(ctx context.Context) (*http.Response, error) {
		return c.calls.SubmitJobWithBody(ctx, params, "application/json", bytes.NewReader(sent))
	})
}

// run submits and waits, in one round trip if the job ends within the first round, and cancels the job if ctx ends first.
func (c *Client) run(ctx context.Context, sent ticket) (*Job, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	job, err := c.submit(ctx, sent, &api.SubmitJobParams{
		Wait:    given(int(round / time.Second)),
		Include: &[]api.SubmitJobParamsInclude{api.SubmitJobParamsIncludeResponse},
	})
	var id string
	if err == nil && !terminal(job) {
		id = job.ID
		job, err = c.Wait(ctx, id, IncludeResponse)
	}
	if err != nil && ctx.Err() != nil {
		c.abandon(ctx, sent, id)
	}
	return job, err
}

// abandon cancels the job of a ticket, if that can be done soon. Without an id it is not known whether the ticket arrived: sent
// again it finds its job, by the key, or makes one to be canceled.
func (c *Client) abandon(ctx context.Context, sent ticket, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leave)
	defer cancel()
	if id == "" {
		job, err := c.submit(ctx, sent, &api.SubmitJobParams{})
		if err != nil {
			return
		}
		id = job.ID
	}
	c.Cancel(ctx, id)
}
