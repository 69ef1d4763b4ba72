package foreman

import (
	"net/http"
	"strings"
)

// redirected says of an answer where it leads: to the url that is to be set, if what was asked for is there. Followed, a job that
// is handed in would become a question for the list, and the token might go to somebody else.
func redirected(address string, response *http.Response) string {
	to, err := response.Location()
	if err != nil {
		return "a redirect: the url to set is that of foreman itself"
	}
	asked := strings.TrimPrefix(response.Request.URL.String(), strings.TrimRight(address, "/"))
	if url, is := strings.CutSuffix(to.String(), asked); is {
		return "a redirect: the url to set is " + url
	}
	return "a redirect to " + to.String() + ": the url to set is that of foreman itself"
}
