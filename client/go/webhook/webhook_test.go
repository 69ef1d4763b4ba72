package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"
)

// calls.json holds calls as the standardwebhooks package of npm signs them; scripts/clients.test.ts sees that it does.
type signedCalls struct {
	ID        string
	Timestamp string
	Body      string
	Calls     []struct{ Name, Secret, Signatures string }
}

func readCalls(t *testing.T) (signedCalls, time.Time) {
	t.Helper()
	text, err := os.ReadFile("testdata/calls.json")
	if err != nil {
		t.Fatal(err)
	}
	var calls signedCalls
	if err := json.Unmarshal(text, &calls); err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseInt(calls.Timestamp, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return calls, time.Unix(seconds, 0)
}

func headers(id, timestamp, signatures string) http.Header {
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", timestamp)
	header.Set("webhook-signature", signatures)
	return header
}

func TestCallsThatTheReferenceLibrarySignedAreBelieved(t *testing.T) {
	all, at := readCalls(t)
	for _, one := range all.Calls {
		call, err := verify(one.Secret, headers(all.ID, all.Timestamp, one.Signatures), []byte(all.Body), at)
		if err != nil {
			t.Errorf("%s: %v", one.Name, err)
			continue
		}
		if call.ID != all.ID || call.Type != "job.done" || call.Data.Sequence != 1204 || call.Data.Labels["feed"] != "Zürich <&> 42" {
			t.Errorf("%s: %+v", one.Name, call)
		}
	}
}

func TestNothingElseIsBelieved(t *testing.T) {
	all, at := readCalls(t)
	one, body := all.Calls[0], []byte(all.Body)
	good := headers(all.ID, all.Timestamp, one.Signatures)
	without := func(name string) http.Header {
		header := good.Clone()
		header.Del(name)
		return header
	}
	for _, test := range []struct {
		name   string
		secret string
		header http.Header
		body   []byte
		at     time.Time
		want   error
	}{
		{"another body", one.Secret, good, append([]byte(" "), body...), at, ErrSignature},
		{"another id", one.Secret, headers("msg_2", all.Timestamp, one.Signatures), body, at, ErrSignature},
		{"another secret", all.Calls[2].Secret, good, body, at, ErrSignature},
		{"another version", one.Secret, headers(all.ID, all.Timestamp, "v2"+one.Signatures[2:]), body, at, ErrSignature},
		{"half a signature", one.Secret, headers(all.ID, all.Timestamp, one.Signatures[:24]), body, at, ErrSignature},
		{"five minutes late", one.Secret, good, body, at.Add(tolerance + time.Second), ErrTimestamp},
		{"five minutes early", one.Secret, good, body, at.Add(-tolerance - time.Second), ErrTimestamp},
		{"a time beyond all", one.Secret, headers(all.ID, "-9223372036854775808", one.Signatures), body, at, ErrTimestamp},
		{"no time", one.Secret, headers(all.ID, "now", one.Signatures), body, at, ErrHeaders},
		{"no id", one.Secret, without("webhook-id"), body, at, ErrHeaders},
		{"no signature", one.Secret, without("webhook-signature"), body, at, ErrHeaders},
		{"a secret that is none", "whsec_?", good, body, at, ErrSecret},
		{"no secret", "", good, body, at, ErrSecret},
	} {
		if call, err := verify(test.secret, test.header, test.body, test.at); !errors.Is(err, test.want) || call != nil {
			t.Errorf("%s: %+v, %v, want %v", test.name, call, err, test.want)
		}
	}
}

func TestAnOldCallIsRefusedByTheClockOfTheReceiver(t *testing.T) {
	all, _ := readCalls(t)
	one := all.Calls[0]
	late := headers(all.ID, "1700000000", one.Signatures)
	if _, err := Verify(one.Secret, late, []byte(all.Body)); !errors.Is(err, ErrTimestamp) {
		t.Errorf("err = %v", err)
	}
}
