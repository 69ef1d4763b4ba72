package foreman

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"

	"example.com/foreman/client/go/api"
)

// EventKind says what an Event tells.
type EventKind string

// The kinds of events.
const (
	// EventState: the job is in another state; Event.Job is the job as it was then.
	EventState EventKind = "state"
	// EventOutput: the target said something; Event.Output is its line.
	EventOutput EventKind = "output"
	// EventRestart: the job is back in the queue; forget the output so far.
	EventRestart EventKind = "restart"
	// EventEnd: there is no more.
	EventEnd EventKind = "end"
)

// Event is one thing that happened to a job.
type Event struct {
	Kind EventKind
	// ID is where to go on after this event: Events(ctx, job, event.ID). A restart has none.
	ID     string
	Job    *Job
	Output json.RawMessage
}

// Events tells everything of a job, from its start or from after the event of that ID: each event once and in order, over cut
// connections and restarts of foreman. It ends with EventEnd, or with an error, after which there is no more. Whoever stops
// listening leaves the job alone.
func (c *Client) Events(ctx context.Context, id, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		// Of this loop: another one over the same begins anew.
		after, left := after, c.renewed()
		for {
			heard, more, err := c.follow(ctx, id, &after, func(event Event) bool { return yield(event, nil) })
			if heard {
				left = c.renewed()
			}
			if err == nil && more {
				err = left.rest(ctx, &Error{Code: ErrUnreachable, Detail: "the events break off before there are any"})
			}
			if err != nil {
				yield(Event{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// follow reads events from one connection and moves after along. Unless it is at the end, or told to stop, there is more. Whether
// anything was heard on the connection counts, not events: a job may wait for longer than connections last.
func (c *Client) follow(ctx context.Context, id string, after *string, tell func(Event) bool) (heard, more bool, err error) {
	response, err := c.patiently(ctx, func(ctx context.Context) (*http.Response, error) {
		return c.calls.FollowJob(ctx, id, &api.FollowJobParams{LastEventID: given(*after)})
	})
	if err != nil {
		return false, false, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return true, false, nil
	}
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return true, false, &Error{Code: ErrUnreachable, Detail: "no events, but " + kind, Status: response.StatusCode}
	}
	lines := bufio.NewReader(response.Body)
	_, silent := lines.Peek(1)
	for heard = silent == nil; ; {
		event, data, err := readEvent(lines)
		if over := ended(ctx); err != nil && over != nil {
			return heard, false, over
		}
		if err != nil {
			return heard, true, nil
		}
		// No later connection would tell it otherwise.
		if err := event.read(data); err != nil {
			return heard, false, &Error{Code: ErrUnreachable, Detail: "not an event of foreman's", Status: response.StatusCode, cause: err}
		}
		if event.ID != "" {
			*after = event.ID
		}
		if !tell(event) || event.Kind == EventEnd {
			return heard, false, nil
		}
	}
}

// readEvent reads the next server-sent event that says something, and its data. An error is the end of the connection.
func readEvent(lines *bufio.Reader) (event Event, data []byte, err error) {
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return event, nil, err
		}
		field, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case string(field) == "event":
			event.Kind = EventKind(value)
		case string(field) == "id":
			event.ID = string(value)
		case string(field) == "data":
			data = value
		case len(field) == 0 && len(value) == 0 && event.Kind != "":
			return event, data, nil
		}
	}
}

func (e *Event) read(data []byte) error {
	switch e.Kind {
	case EventState:
		return json.Unmarshal(data, &e.Job)
	case EventOutput:
		e.Output = data
	}
	return nil
}
