package foreman

import (
	"encoding/json"
	"time"
)

// The shapes of Ollama's API. A field that is zero is not sent; those whose zero means something are pointers, or any.

// Message is one turn of a chat. Images are sent in base64, as Ollama has them.
type Message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	Thinking   string     `json:"thinking,omitempty"`
	Images     [][]byte   `json:"images,omitempty"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
	ToolName   string     `json:"tool_name,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

// ToolCall is a call that the model asks for.
type ToolCall struct {
	ID       string           `json:"id,omitempty"`
	Function ToolCallFunction `json:"function"`
}

// ToolCallFunction names the tool; Arguments is an object.
type ToolCallFunction struct {
	Index     int             `json:"index,omitempty"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// Tool is what the model may call. Type is "function".
type Tool struct {
	Type     string       `json:"type"`
	Function ToolFunction `json:"function"`
}

// ToolFunction describes a tool; Parameters encodes to a JSON schema.
type ToolFunction struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Parameters  any    `json:"parameters,omitempty"`
}

// ChatRequest is the body of /api/chat.
type ChatRequest struct {
	Model    string    `json:"model"`
	Messages []Message `json:"messages"`
	Tools    []Tool    `json:"tools,omitempty"`
	// Format is "json" or a JSON schema.
	Format  any            `json:"format,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	// KeepAlive is seconds or text such as "10m".
	KeepAlive any `json:"keep_alive,omitempty"`
	// Think is a bool, or "low", "medium" or "high".
	Think       any   `json:"think,omitempty"`
	Truncate    *bool `json:"truncate,omitempty"`
	Shift       *bool `json:"shift,omitempty"`
	Logprobs    bool  `json:"logprobs,omitempty"`
	TopLogprobs int   `json:"top_logprobs,omitempty"`
}

// GenerateRequest is the body of /api/generate.
type GenerateRequest struct {
	Model    string   `json:"model"`
	Prompt   string   `json:"prompt"`
	Suffix   string   `json:"suffix,omitempty"`
	System   string   `json:"system,omitempty"`
	Template string   `json:"template,omitempty"`
	Images   [][]byte `json:"images,omitempty"`
	Context  []int    `json:"context,omitempty"`
	Raw      bool     `json:"raw,omitempty"`
	// Format is "json" or a JSON schema.
	Format  any            `json:"format,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	// KeepAlive is seconds or text such as "10m".
	KeepAlive any `json:"keep_alive,omitempty"`
	// Think is a bool, or "low", "medium" or "high".
	Think       any   `json:"think,omitempty"`
	Truncate    *bool `json:"truncate,omitempty"`
	Shift       *bool `json:"shift,omitempty"`
	Logprobs    bool  `json:"logprobs,omitempty"`
	TopLogprobs int   `json:"top_logprobs,omitempty"`
}

// EmbedRequest is the body of /api/embed.
type EmbedRequest struct {
	Model string `json:"model"`
	// Input is a string or []string.
	Input      any            `json:"input"`
	Truncate   *bool          `json:"truncate,omitempty"`
	Dimensions int            `json:"dimensions,omitempty"`
	Options    map[string]any `json:"options,omitempty"`
	// KeepAlive is seconds or text such as "10m".
	KeepAlive any `json:"keep_alive,omitempty"`
}

// Metrics are what the target measured. Times come as nanoseconds.
type Metrics struct {
	TotalDuration      time.Duration `json:"total_duration,omitempty"`
	LoadDuration       time.Duration `json:"load_duration,omitempty"`
	PromptEvalCount    int           `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration time.Duration `json:"prompt_eval_duration,omitempty"`
	EvalCount          int           `json:"eval_count,omitempty"`
	EvalDuration       time.Duration `json:"eval_duration,omitempty"`
}

// Logprob is a token and the logarithm of its probability; TopLogprobs are the likeliest in its place.
type Logprob struct {
	Token       string    `json:"token"`
	Logprob     float64   `json:"logprob"`
	Bytes       []int     `json:"bytes,omitempty"`
	TopLogprobs []Logprob `json:"top_logprobs,omitempty"`
}

// ChatResponse is the answer of /api/chat, or a part of it.
type ChatResponse struct {
	Model      string    `json:"model"`
	CreatedAt  time.Time `json:"created_at"`
	Message    Message   `json:"message"`
	Logprobs   []Logprob `json:"logprobs,omitempty"`
	Done       bool      `json:"done"`
	DoneReason string    `json:"done_reason,omitempty"`
	Metrics
}

// GenerateResponse is the answer of /api/generate, or a part of it.
type GenerateResponse struct {
	Model      string     `json:"model"`
	CreatedAt  time.Time  `json:"created_at"`
	Response   string     `json:"response"`
	Thinking   string     `json:"thinking,omitempty"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
	Logprobs   []Logprob  `json:"logprobs,omitempty"`
	Done       bool       `json:"done"`
	DoneReason string     `json:"done_reason,omitempty"`
	Context    []int      `json:"context,omitempty"`
	Metrics
}

// EmbedResponse is the answer of /api/embed: one vector for each input.
type EmbedResponse struct {
	Model      string      `json:"model"`
	Embeddings [][]float32 `json:"embeddings"`
	Metrics
}
