package foreman

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"example.com/foreman/client/go/api"
)

// Code tells errors apart: errors.Is(err, foreman.ErrModelMissing). The list is foreman's own and may grow.
type Code string

// Refused calls, failed jobs, or both.
const (
	ErrInvalidRequest       Code = "invalid_request"
	ErrUnauthorized         Code = "unauthorized"
	ErrForbidden            Code = "forbidden"
	ErrNotFound             Code = "not_found"
	ErrGone                 Code = "gone"
	ErrConflict             Code = "conflict"
	ErrIdempotencyKeyReused Code = "idempotency_key_reused"
	ErrTooLarge             Code = "too_large"
	ErrQueueFull            Code = "queue_full"
	ErrStorageFull          Code = "storage_full"
	ErrStopping             Code = "stopping"
	ErrTargetUnreachable    Code = "target_unreachable"
	ErrModelMissing         Code = "model_missing"
	ErrTargetRefused        Code = "target_refused"
	ErrTargetFailed         Code = "target_failed"
	ErrTimedOut             Code = "timed_out"
	ErrStartByPassed        Code = "start_by_passed"
	ErrInterrupted          Code = "interrupted"
	ErrInternal             Code = "internal"
)

// What only a client sees.
const (
	// ErrUnreachable: no answer, or one that is not foreman's.
	ErrUnreachable Code = "unreachable"
	// ErrCanceled: somebody canceled the job.
	ErrCanceled Code = "canceled"
)

// Error makes a Code a target of errors.Is.
func (c Code) Error() string {
	return string(c)
}

// Error is a refused call, a job that failed or was canceled, or a foreman that gave no answer. It wraps its Code and, if there
// is one, its cause. The other errors of this package wrap that of a context that ended, with
// that of the last try if there was no answer until then, or of JSON that does not fit.
type Error struct {
	Code   Code
	Detail string
	// Status is that of the HTTP answer, whoever gave it; 0 without one.
	Status int
	// Problem is what foreman answered when it refused the call.
	Problem *Problem
	// Job is the one that failed or was canceled.
	Job *Job
	// JobID is the job that the call is about, when it is known: also of one that is not waited for any longer, and goes on.
	JobID string

	retryAfter time.Duration
	cause      error
}

func (e *Error) Error() string {
	return fmt.Sprintf("foreman: %s: %s", e.Code, e.Detail)
}

// Unwrap leads to the Code and the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.cause}
}

// outcome is the error of a job that has ended, nil if it is done.
func outcome(job *Job) error {
	switch {
	case job.State == StateDone:
		return nil
	case job.State == StateCanceled:
		return &Error{Code: ErrCanceled, Detail: "the job was canceled", Job: job, JobID: job.ID}
	case job.Error == nil:
		return &Error{Code: ErrInternal, Detail: "the job " + string(job.State), Job: job, JobID: job.ID}
	default:
		return &Error{Code: Code(job.Error.Code), Detail: job.Error.Detail, Job: job, JobID: job.ID}
	}
}

// ofJob gives an error the id of its job.
func ofJob(id string, err error) error {
	failed, is := err.(*Error)
	if !is || failed.JobID != "" {
		return err
	}
	// It may be one that all calls of a client share.
	known := *failed
	known.JobID = id
	return &known
}

// refusal makes an error of an answer that is none of success, and closes it.
func (c *Client) refusal(response *http.Response) *Error {
	defer response.Body.Close()
	refused := &Error{
		Code:       ErrUnreachable,
		Detail:     "HTTP " + response.Status,
		Status:     response.StatusCode,
		retryAfter: retryAfter(response.Header),
	}
	if response.StatusCode < http.StatusBadRequest {
		refused.Detail += ", " + redirected(c.address, response)
		return refused
	}
	var problem api.Problem
	if json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&problem) == nil && problem.Code != "" {
		refused.Code, refused.Detail, refused.Problem, refused.JobID = Code(problem.Code), problem.Detail, &problem, problem.JobID
	} else if refused.Status < http.StatusInternalServerError && refused.Status != http.StatusTooManyRequests {
		refused.Detail = "what answers at " + c.address + " is not foreman: " + refused.Detail
	} else {
		refused.Detail = "no foreman behind " + c.address + ": " + refused.Detail
	}
	return refused
}

func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	// 0 for what is no number, and the largest for one that is larger.
	seconds, _ := strconv.ParseInt(value, 10, 64)
	return time.Duration(min(max(seconds, 0), int64(math.MaxInt64/time.Second))) * time.Second
}

// after is the error of a context that ended while a call was tried again: it wraps why, too. Any other error is the last.
func after(last *Error, err error) error {
	if _, is := err.(*Error); is || last == nil {
		return err
	}
	return fmt.Errorf("%w; before that %w", err, last)
}

// ended is the error of a context that is over; nil while it is not.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("foreman: %w: %w", ctx.Err(), cause)
	}
	return fmt.Errorf("foreman: %w", ctx.Err())
}
