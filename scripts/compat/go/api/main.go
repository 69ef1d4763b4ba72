// Ollama's own client for Go, the package api of github.com/ollama/ollama. It reads one call a line from its standard input and
// answers with one outcome a line; the first line it writes tells the version.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"

	"github.com/ollama/ollama/api"
)

type ask struct {
	URL, Token, Call, Model, Text string
	Tool                          api.ToolFunction
	Schema                        json.RawMessage
}

type failure struct {
	Class   string `json:"class"`
	Status  int    `json:"status,omitempty"`
	Message string `json:"message"`
}

type outcome struct {
	Answers []any    `json:"answers"`
	Error   *failure `json:"error,omitempty"`
}

// bearer is all that has to be added for the token.
type bearer string

func (token bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+string(token))
	return http.DefaultTransport.RoundTrip(request)
}

func (o *outcome) call(ask ask) error {
	base, err := url.Parse(ask.URL)
	if err != nil {
		return err
	}
	client := api.NewClient(base, &http.Client{Transport: bearer(ask.Token)})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	whole := false
	chat := &api.ChatRequest{
		Model:    ask.Model,
		Messages: []api.Message{{Role: "user", Content: ask.Text}},
		Stream:   &whole,
	}
	keep := func(answer api.ChatResponse) error {
		o.Answers = append(o.Answers, answer)
		return nil
	}
	switch ask.Call {
	case "list":
		answer, err := client.List(ctx)
		o.Answers = append(o.Answers, answer)
		return err
	case "embed":
		answer, err := client.Embed(ctx, &api.EmbedRequest{Model: ask.Model, Input: ask.Text})
		o.Answers = append(o.Answers, answer)
		return err
	case "stream":
		chat.Stream = nil
	case "abort":
		chat.Stream = nil
		err := client.Chat(ctx, chat, func(answer api.ChatResponse) error {
			cancel()
			o.Answers = append(o.Answers, answer)
			return ctx.Err()
		})
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case "tools":
		chat.Tools = api.Tools{{Type: "function", Function: ask.Tool}}
	case "structured":
		chat.Format = ask.Schema
	}
	return client.Chat(ctx, chat, keep)
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/ollama/ollama" {
			return module.Version
		}
	}
	return ""
}

func main() {
	out := json.NewEncoder(os.Stdout)
	out.Encode(map[string]string{"version": version()})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked ask
		made := outcome{Answers: []any{}}
		err := json.Unmarshal(lines.Bytes(), &asked)
		if err == nil {
			err = made.call(asked)
		}
		if err != nil {
			made.Error = &failure{Class: fmt.Sprintf("%T", err), Message: err.Error()}
			var status api.StatusError
			if errors.As(err, &status) {
				made.Error.Status = status.StatusCode
			}
		}
		out.Encode(made)
	}
}
