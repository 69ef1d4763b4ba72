"""A job as it is handed over: the members of ``POST /jobs``, exactly as they stand in the API document."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from .generated.models.job_request_endpoint import JobRequestEndpoint
from .generated.models.webhook_spec_events_item import WebhookSpecEventsItem
from .generated.models.webhook_spec_include_item import WebhookSpecIncludeItem
from .ollama import JobOptions


class JobRequest(TypedDict):
    endpoint: JobRequestEndpoint
    #: The endpoint's own body. Numbers arrive as they are, integers of any size too.
    body: Mapping[str, Any]


class WebhookSpec(TypedDict):
    url: str
    events: NotRequired[Sequence[WebhookSpecEventsItem]]
    include: NotRequired[Sequence[WebhookSpecIncludeItem]]


class DeliverSpec(TypedDict, total=False):
    #: With ``{name}`` in it.
    url: str
    #: By name of the artifact.
    urls: Mapping[str, str]


class SubmitJob(TypedDict):
    request: JobRequest
    webhook: NotRequired[WebhookSpec]
    deliver: NotRequired[DeliverSpec]
    #: The same key and request make one job, however often they are sent. Default: a new one for each call.
    idempotency_key: NotRequired[str]
    labels: NotRequired[Mapping[str, str]]
    #: Longest working time in seconds.
    timeout_s: NotRequired[int]
    max_attempts: NotRequired[int]
    #: With a time zone; a text is RFC 3339.
    start_by: NotRequired[datetime | str]


def with_key(job: SubmitJob) -> SubmitJob:
    """The job with a key, so that it may be sent again."""
    return job if "idempotency_key" in job else {**job, "idempotency_key": uuid.uuid4().hex}


def inference(endpoint: JobRequestEndpoint, given: Mapping[str, Any]) -> SubmitJob:
    """A call of Ollama's as a job: what ``JobOptions`` names is said of the job, the rest is the body."""
    ours = JobOptions.__optional_keys__
    body = {name: value for name, value in given.items() if name not in ours}
    said = {name: value for name, value in given.items() if name in ours}
    return with_key({"request": {"endpoint": endpoint, "body": body}, **said})  # type: ignore[typeddict-item]


def as_json(value: object) -> bytes:
    """Raises ValueError or TypeError for what can be no JSON: no later try would make JSON of it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain).encode()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
