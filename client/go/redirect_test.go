package foreman_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	foreman "example.com/foreman/client/go"
)

func TestARedirectIsAnErrorAtOnceWhichSaysWhereItLeads(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		other := newGateway(t, says(200, done))
		g := newGateway(t, func(answer http.ResponseWriter, request *http.Request) {
			http.Redirect(answer, request, other.URL+"/behind"+request.URL.RequestURI(), status)
		})
		for _, c := range []*foreman.Client{foreman.New(g.URL + "/"), foreman.New(g.URL, foreman.WithHTTPClient(&http.Client{}))} {
			_, err := c.Submit(soon(t), foreman.SubmitJob{Request: chat(t, "llama3.2")})
			leads(t, err, status, "a redirect: the url to set is "+other.URL+"/behind")
			_, err = c.Get(soon(t), "job_1", foreman.IncludeResponse)
			leads(t, err, status, "a redirect: the url to set is "+other.URL+"/behind")
		}
		if len(other.sent()) != 0 || len(g.sent()) != 4 {
			t.Errorf("%d: sent %q, and %q there", status, g.sent(), other.sent())
		}
	}
}

func TestARedirectToAnotherPageOrToNowhereSaysThatItIsOne(t *testing.T) {
	for location, to := range map[string]string{"/sign-in?for=foreman": " to %/sign-in?for=foreman", "": ""} {
		g := newGateway(t, func(answer http.ResponseWriter, _ *http.Request) {
			if location != "" {
				answer.Header().Set("Location", location)
			}
			answer.WriteHeader(http.StatusFound)
		})
		_, err := foreman.New(g.URL).Get(soon(t), "job_1")
		leads(t, err, 302, "a redirect"+strings.Replace(to, "%", g.URL, 1)+": the url to set is that of foreman itself")
	}
}

func leads(t *testing.T, err error, status int, said string) {
	t.Helper()
	var failed *foreman.Error
	if !errors.As(err, &failed) || failed.Code != foreman.ErrUnreachable || failed.Status != status || !strings.HasSuffix(failed.Detail, ", "+said) {
		t.Errorf("err = %v, want %d, %s", err, status, said)
	}
}
