package foreman_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	foreman "example.com/foreman/client/go"
)

// The digest of "hello".
const digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

func TestAnArtifactThatIsReadToItsEndIsWhole(t *testing.T) {
	for _, test := range []struct {
		tag, text string
		want      bool
	}{
		{`"` + digest + `"`, "hello", true},
		{`W/"` + digest + `"`, "hello", true},
		{`"` + digest + `-gzip"`, "hello", true},
		{`"` + digest + `"`, "hell", false},
		{"", "<html>sign in</html>", false},
	} {
		g := newGateway(t, func(answer http.ResponseWriter, _ *http.Request) {
			answer.Header().Set("ETag", test.tag)
			io.WriteString(answer, test.text)
		})
		artifact, err := foreman.New(g.URL).Artifact(soon(t), "job_1", "output.txt")
		must(t, err)
		text, err := io.ReadAll(artifact)
		if string(text) != test.text || (err == nil) != test.want || err != nil && !errors.Is(err, foreman.ErrUnreachable) {
			t.Errorf("%+v: %q, %v", test, text, err)
		}
		must(t, artifact.Close())
	}
}

func TestAnArtifactThatIsCutIsNone(t *testing.T) {
	g := newGateway(t, breaksOff)
	artifact, err := foreman.New(g.URL).Artifact(soon(t), "job_1", "output.txt")
	must(t, err)
	defer artifact.Close()
	if text, err := io.ReadAll(artifact); err == nil {
		t.Errorf("%q", text)
	}
}
