"""The shapes of Ollama that the facade takes and returns, as they are on the wire.

Members that are not named here pass through untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Required, TypedDict


class Message(TypedDict, total=False):
    role: Required[str]
    content: str
    thinking: str
    #: Base64.
    images: Sequence[str]
    tool_calls: Sequence[Mapping[str, Any]]
    tool_name: str
    tool_call_id: str


class JobOptions(TypedDict, total=False):
    """What is said of the job and not sent to Ollama."""

    #: The same key and request make one job, however often they are sent. Default: a new one for each call.
    idempotency_key: str
    labels: Mapping[str, str]
    #: Longest working time in seconds.
    timeout_s: int


class _Options(JobOptions, total=False):
    options: Mapping[str, Any]
    keep_alive: str | float


class _TextOptions(_Options, total=False):
    format: str | Mapping[str, Any]
    think: bool | str
    truncate: bool
    shift: bool
    logprobs: bool
    top_logprobs: int


class ChatOptions(_TextOptions, total=False):
    tools: Sequence[Mapping[str, Any]]


class GenerateOptions(_TextOptions, total=False):
    system: str
    suffix: str
    template: str
    raw: bool
    context: Sequence[int]
    #: Base64.
    images: Sequence[str]


class EmbedOptions(_Options, total=False):
    truncate: bool
    dimensions: int


class _Metrics(TypedDict, total=False):
    """Durations are nanoseconds, as Ollama has them."""

    total_duration: int
    load_duration: int
    prompt_eval_count: int
    prompt_eval_duration: int
    eval_count: int
    eval_duration: int


class Logprob(TypedDict, total=False):
    token: Required[str]
    logprob: Required[float]
    bytes: Sequence[int]
    #: The likeliest in its place.
    top_logprobs: Sequence[Logprob]


class _Answer(_Metrics, total=False):
    model: Required[str]
    created_at: Required[str]
    done: Required[bool]
    done_reason: str
    logprobs: Sequence[Logprob]


class ChatResponse(_Answer):
    message: Message


class GenerateResponse(_Answer, total=False):
    response: Required[str]
    thinking: str
    context: list[int]


class EmbedResponse(_Metrics):
    model: str
    embeddings: list[list[float]]
