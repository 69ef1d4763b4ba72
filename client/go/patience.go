package foreman

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

// round is how long foreman is asked to wait in one request: below the 30 s at which many gateways cut an idle connection.
const round = 25 * time.Second

const firstPause, longestPause = 250 * time.Millisecond, 5 * time.Second

// Statuses of those who are not there yet, of foreman's or of a gateway's.
var passing = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// patience is what a caller has left of it. It is counted from the first failure: the time until then was foreman's answer.
type patience struct {
	whole time.Duration
	until time.Time
	pause time.Duration
}

func (c *Client) renewed() patience {
	return patience{whole: c.patience, pause: firstPause}
}

// rest pauses before the next try. It returns what failed when there is none, or the error of a context that ended.
func (p *patience) rest(ctx context.Context, failed *Error) error {
	now, wait := time.Now(), max(p.pause, failed.retryAfter)
	if p.until.IsZero() {
		p.until = now.Add(p.whole)
	}
	if now.Add(wait).After(p.until) {
		return failed
	}
	p.pause = min(2*p.pause, longestPause)
	return sleep(ctx, wait)
}

// patiently repeats a call that may be repeated until it is answered, refused for good, or the patience is at its end. What it
// returns is an answer of success, to be closed.
func (c *Client) patiently(ctx context.Context, call func(context.Context) (*http.Response, error)) (*http.Response, error) {
	left := c.renewed()
	var last *Error
	for {
		response, err := c.once(ctx, call)
		if err == nil {
			return response, nil
		}
		var failed *Error
		if !errors.As(err, &failed) || !passes(failed) {
			return nil, after(last, err)
		}
		last = failed
		if err := left.rest(ctx, failed); err != nil {
			return nil, after(last, err)
		}
	}
}

// patient is patiently for an answer of JSON, all of which belongs to the call: one that breaks off is asked for again.
func patient[T any](ctx context.Context, c *Client, call func(context.Context) (*http.Response, error)) (*T, error) {
	var read *T
	_, err := c.patiently(ctx, func(ctx context.Context) (*http.Response, error) {
		response, err := call(ctx)
		if err != nil || response.StatusCode >= http.StatusMultipleChoices {
			return response, err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		read = new(T)
		if err := json.Unmarshal(text, read); err != nil || !foremans(read) {
			return nil, &Error{Code: ErrUnreachable, Detail: "not an answer of foreman's", Status: response.StatusCode, cause: err}
		}
		return response, nil
	})
	return read, err
}

// foremans says whether what was read is foreman's, and not the JSON of somebody on the way to it.
func foremans(read any) bool {
	switch read := read.(type) {
	case *Job:
		return read.ID != "" && read.State != ""
	case *JobList:
		return read.Data != nil
	}
	return true
}

// once makes a call. Its error is that of a context that ended, or an *Error.
func (c *Client) once(ctx context.Context, call func(context.Context) (*http.Response, error)) (*http.Response, error) {
	if c.wrong != nil {
		return nil, c.wrong
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	response, err := call(ctx)
	var known *Error
	switch over := ended(ctx); {
	case err != nil && over != nil:
		return nil, over
	case errors.As(err, &known):
		return nil, known
	case err != nil:
		return nil, &Error{Code: ErrUnreachable, Detail: err.Error(), cause: err}
	case response.StatusCode >= http.StatusMultipleChoices:
		return nil, c.refusal(response)
	}
	return response, nil
}

func passes(failed *Error) bool {
	if failed.Status == 0 {
		return failed.Code == ErrUnreachable
	}
	return slices.Contains(passing, failed.Status)
}

func sleep(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}
