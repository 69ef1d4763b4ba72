// Package foreman is the client of foreman, a daemon in front of one Ollama. Chat, Generate and Embed take what Ollama takes and
// return what it returns; underneath each is a durable job, which is waited for over cut connections and restarts of foreman.
// Submit, Get, Wait and the others are for callers that hang up and come back.
//
// Everything a call needs is in its context: when that ends, the call returns an error that wraps the context's.
package foreman

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/foreman/client/go/api"
)

// Client speaks to one foreman. It may be used by any number of goroutines.
type Client struct {
	api *api.ClientWithResponses
	// The generated layer below its own reading of answers.
	calls    api.ClientInterface
	patience time.Duration
	address  string
	// What is wrong with the address or the token, for every call to say.
	wrong error
}

type settings struct {
	client   *http.Client
	token    string
	patience time.Duration
}

// Option is a setting of a Client.
type Option func(*settings)

// WithToken sends one of foreman's tokens along.
func WithToken(token string) Option {
	return func(s *settings) { s.token = token }
}

// WithHTTPClient replaces the client that calls are made with. It must not limit the time of a call: answers are waited for. A
// redirection is an error unless it has a CheckRedirect: followed, a job that is handed in would become a question for the list.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) { s.client = client }
}

// WithPatience sets how long a call is tried again while foreman gives no answer, or asks to come back; 5 minutes unless given.
func WithPatience(patience time.Duration) Option {
	return func(s *settings) { s.patience = patience }
}

// New returns the client of the foreman at an address such as http://127.0.0.1:11435. Nothing is sent before the first call,
// which says so if that is no address, or the token none.
func New(address string, options ...Option) *Client {
	s := settings{patience: 5 * time.Minute}
	for _, option := range options {
		option(&s)
	}
	if s.client == nil {
		s.client = &http.Client{Transport: transport()}
	}
	client := *s.client
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	authorize := func(_ context.Context, request *http.Request) error {
		if s.token != "" {
			request.Header.Set("Authorization", "Bearer "+s.token)
		}
		return nil
	}
	// Only an option can fail here, and these do not.
	generated, _ := api.NewClientWithResponses(address, api.WithHTTPClient(&client), api.WithRequestEditorFn(authorize))
	calls, _ := api.NewClient(address, api.WithHTTPClient(listener{&client, silence}), api.WithRequestEditorFn(authorize))
	return &Client{api: generated, calls: calls, patience: s.patience, address: address, wrong: wrong(address, s.token)}
}

func wrong(address, token string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return &Error{Code: ErrInvalidRequest, Detail: "the address of foreman is no http or https URL", cause: err}
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' }) {
		return &Error{Code: ErrInvalidRequest, Detail: "a token has no spaces, line feeds or other characters beyond ASCII"}
	}
	return nil
}

// transport is Go's own, for callers of which hundreds wait at one host. A foreman that is there begins to answer within the
// time it was asked to wait; one that is silent for longer is gone, though its connection may not know it.
func transport() http.RoundTripper {
	own, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		// Whoever put something else in its place wants calls to go through that.
		return http.DefaultTransport
	}
	transport := own.Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	transport.ResponseHeaderTimeout = round + 30*time.Second
	return transport
}

// API returns the generated layer, for calls that have no method here. It tries nothing again.
func (c *Client) API() *api.ClientWithResponses {
	return c.api
}

// CallOption changes the job that a call submits. Any function of this form is one, for fields that have no option here.
type CallOption func(*SubmitJob)

// WithIdempotencyKey gives the call a key: the same key and request are one job, however often and by whom they are sent. A
// program that was restarted gets the answer of the job it had submitted before. A job that failed or was canceled stays that
// under its key, also for those who share it when the context of one of them ends: Submit and Wait leave the job alone.
func WithIdempotencyKey(key string) CallOption {
	return func(job *SubmitJob) { job.IdempotencyKey = key }
}

// WithLabels adds labels to the job.
func WithLabels(labels map[string]string) CallOption {
	return func(job *SubmitJob) {
		if job.Labels == nil {
			job.Labels = Labels{}
		}
		for key, value := range labels {
			job.Labels[key] = value
		}
	}
}

// WithWorkingTime limits how long the target may work on the job, in seconds of which one that is begun counts; waiting in the
// queue does not.
func WithWorkingTime(limit time.Duration) CallOption {
	return func(job *SubmitJob) { job.TimeoutS = int64(math.Ceil(limit.Seconds())) }
}

// Chat is Ollama's /api/chat without streaming, as a job. If ctx ends first the job is canceled.
func (c *Client) Chat(ctx context.Context, request ChatRequest, options ...CallOption) (*ChatResponse, error) {
	return answer[ChatResponse](ctx, c, api.APIChat, request, options)
}

// Generate is Ollama's /api/generate without streaming, as a job. If ctx ends first the job is canceled.
func (c *Client) Generate(ctx context.Context, request GenerateRequest, options ...CallOption) (*GenerateResponse, error) {
	return answer[GenerateResponse](ctx, c, api.APIGenerate, request, options)
}

// Embed is Ollama's /api/embed, as a job. If ctx ends first the job is canceled.
func (c *Client) Embed(ctx context.Context, request EmbedRequest, options ...CallOption) (*EmbedResponse, error) {
	return answer[EmbedResponse](ctx, c, api.APIEmbed, request, options)
}

func answer[T any](ctx context.Context, c *Client, endpoint Endpoint, request any, options []CallOption) (*T, error) {
	answer := new(T)
	return answer, c.Do(ctx, endpoint, request, answer, options...)
}

// Do is a call of any endpoint that can be a job. The body is whatever encodes to the endpoint's own, types of other clients of
// Ollama's or OpenAI's among them, and answer, a pointer, takes what the endpoint answers without streaming; nil leaves that.
//
// When ctx ends before the job does, the job is canceled: best effort, for at most 2 seconds, before Do returns.
func (c *Client) Do(ctx context.Context, endpoint Endpoint, body, answer any, options ...CallOption) error {
	ticket, err := newTicket(endpoint, body, options)
	if err != nil {
		return err
	}
	job, err := c.run(ctx, ticket)
	if err != nil {
		return err
	}
	if err := outcome(job); err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(job.Response, answer); err != nil {
		return fmt.Errorf("foreman: the answer of %s: %w", job.ID, err)
	}
	return nil
}
