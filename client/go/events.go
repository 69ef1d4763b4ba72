package foreman

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

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
		for {
			more, err := c.follow(ctx, id, &after, func(event Event) bool { return yield(event, nil) })
			if err == nil && more {
				err = sleep(ctx, firstPause)
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

// silence is how long a connection may be silent that has a word on it every 15 s.
const silence = 45 * time.Second

// follow reads events from one connection and moves after along. Unless it is at the end, or told to stop, there is more.
func (c *Client) follow(ctx context.Context, id string, after *string, tell func(Event) bool) (more bool, err error) {
	connection, cut := context.WithCancel(ctx)
	defer cut()
	response, err := c.patiently(connection, func(ctx context.Context) (*http.Response, error) {
		return c.client().FollowJob(ctx, id, &api.FollowJobParams{LastEventID: given(*after)})
	})
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return false, nil
	}
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return false, &Error{Code: ErrUnreachable, Detail: "no events, but " + kind, Status: response.StatusCode}
	}
	watch := time.AfterFunc(silence, cut)
	defer watch.Stop()
	lines := bufio.NewReader(watched{response.Body, watch})
	for {
		event, err := readEvent(lines)
		if over := ended(ctx); err != nil && over != nil {
			return false, over
		}
		if err != nil {
			return true, nil
		}
		if event.ID != "" {
			*after = event.ID
		}
		if !tell(event) || event.Kind == EventEnd {
			return false, nil
		}
	}
}

// watched is a body that is watched for silence.
type watched struct {
	body  io.Reader
	watch *time.Timer
}

func (w watched) Read(into []byte) (int, error) {
	read, err := w.body.Read(into)
	w.watch.Reset(silence)
	return read, err
}

// readEvent reads the next server-sent event that says something. An error is the end of the connection.
func readEvent(lines *bufio.Reader) (Event, error) {
	var event Event
	var data []byte
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return event, err
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
			return event, event.read(data)
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
