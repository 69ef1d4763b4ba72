package foreman

import (
	"context"
	"io"
	"iter"
	"net/http"
	"time"

	"example.com/foreman/client/go/api"
)

// The generated layer's types, by the names that callers need.
type (
	Job         = api.Job
	SubmitJob   = api.SubmitJob
	JobRequest  = api.JobRequest
	Endpoint    = api.JobRequestEndpoint
	Labels      = api.Labels
	State       = api.State
	WebhookSpec = api.WebhookSpec
	// WebhookEvent is a state that a receiver is told of; WebhookInclude is "response".
	WebhookEvent   = api.WebhookSpecEvents
	WebhookInclude = api.WebhookSpecInclude
	DeliverSpec    = api.DeliverSpec
	Artifact       = api.Artifact
	Problem        = api.Problem
	// Include names a body to show with a job.
	Include = api.GetJobParamsInclude
)

// The states of a job. The last three are its ends.
const (
	StateQueued   = api.StateQueued
	StateLoading  = api.StateLoading
	StateWorking  = api.StateWorking
	StateDone     = api.StateDone
	StateFailed   = api.StateFailed
	StateCanceled = api.StateCanceled
)

// What Get shows besides the job: what was asked (Job.Request.Body), and what was answered once it is done (Job.Response).
const (
	IncludeRequest  = api.GetJobParamsIncludeRequest
	IncludeResponse = api.GetJobParamsIncludeResponse
)

// Submit hands a job in and returns as soon as it is on foreman's disk. A job without an idempotency key gets one, so that trying
// again makes no second job.
func (c *Client) Submit(ctx context.Context, job SubmitJob) (*Job, error) {
	ticket, err := ticketFor(job)
	if err != nil {
		return nil, err
	}
	return c.submit(ctx, ticket, &api.SubmitJobParams{})
}

// Get returns a job as it is now.
func (c *Client) Get(ctx context.Context, id string, include ...Include) (*Job, error) {
	return c.get(ctx, id, 0, include)
}

// Wait returns a job once it is done, failed or canceled: look at its State. When ctx ends first the job goes on.
func (c *Client) Wait(ctx context.Context, id string, include ...Include) (*Job, error) {
	for {
		asked := time.Now()
		job, err := c.get(ctx, id, round, include)
		if err != nil || terminal(job) {
			return job, ofJob(id, err)
		}
		// Before its time only a foreman that is stopping answers: without a pause this would spin until it is gone.
		if time.Since(asked) < round {
			if err := sleep(ctx, firstPause); err != nil {
				return nil, err
			}
		}
	}
}

// Cancel ends a job and returns it. That a job is canceled already is no error; ErrConflict says that it was done or failed.
func (c *Client) Cancel(ctx context.Context, id string) (*Job, error) {
	return patient[Job](ctx, c, func(ctx context.Context) (*http.Response, error) {
		return c.calls.CancelJob(ctx, id)
	})
}

// ListOptions choose jobs; those that are zero choose nothing.
type ListOptions struct {
	States []State
	Model  string
	// Label is `key:value`.
	Label                       string
	CreatedAfter, CreatedBefore time.Time
	// Limit is the length of a page, at most 200; 50 unless given.
	Limit int64
	// Cursor is the NextCursor of the page before.
	Cursor string
}

// JobList is a page of jobs. NextCursor is empty on the last.
type JobList = api.JobList

// List returns a page of jobs, the newest first.
func (c *Client) List(ctx context.Context, options ListOptions) (*JobList, error) {
	params := api.ListJobsParams{
		Model:         given(options.Model),
		Label:         given(options.Label),
		CreatedAfter:  given(options.CreatedAfter),
		CreatedBefore: given(options.CreatedBefore),
		Limit:         given(options.Limit),
		Cursor:        given(options.Cursor),
	}
	if len(options.States) > 0 {
		params.State = &options.States
	}
	return patient[JobList](ctx, c, func(ctx context.Context) (*http.Response, error) {
		return c.calls.ListJobs(ctx, &params)
	})
}

// All returns the jobs of all pages from options.Cursor on. After an error there is no more.
func (c *Client) All(ctx context.Context, options ListOptions) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		// Of this loop: another one over the same begins anew.
		options := options
		for {
			page, err := c.List(ctx, options)
			if err != nil {
				yield(Job{}, err)
				return
			}
			for _, job := range page.Data {
				if !yield(job, nil) {
					return
				}
			}
			if page.NextCursor == "" {
				return
			}
			options.Cursor = page.NextCursor
		}
	}
}

// Artifact opens what a job has made, by the name it has in Job.Artifacts. The caller closes it. Read to its end it is what foreman
// has, or ends with an error.
func (c *Client) Artifact(ctx context.Context, id, name string) (io.ReadCloser, error) {
	response, err := c.patiently(ctx, func(ctx context.Context) (*http.Response, error) {
		return c.calls.GetArtifact(ctx, id, name, &api.GetArtifactParams{})
	})
	if err != nil {
		return nil, err
	}
	return wholly(response), nil
}

func (c *Client) get(ctx context.Context, id string, wait time.Duration, include []Include) (*Job, error) {
	params := api.GetJobParams{Wait: given(int64(wait / time.Second))}
	if len(include) > 0 {
		params.Include = &include
	}
	return patient[Job](ctx, c, func(ctx context.Context) (*http.Response, error) {
		return c.calls.GetJob(ctx, id, &params)
	})
}

func terminal(job *Job) bool {
	return job.State == StateDone || job.State == StateFailed || job.State == StateCanceled
}

func given[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
