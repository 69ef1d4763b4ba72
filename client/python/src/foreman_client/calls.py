"""foreman's routes as calls: what is sent, which the generated layer knows, and what the answer is read as.

``_get_kwargs`` of the generated layer is private there. It is used all the same: it is what knows paths and parameters,
the version of its generator is pinned, and the functions around it would decide about errors and retries by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Generic, TypeVar

import httpx

from .generated.api.deliveries import list_deliveries, redeliver
from .generated.api.jobs import (
    cancel_job,
    delete_job,
    follow_job,
    get_artifact,
    get_job,
    list_artifacts,
    list_jobs,
    retry_job,
    stream_job,
)
from .generated.api.queue import get_queue, pause_queue, plan_queue, resume_queue
from .generated.api.target import get_target
from .generated.models import (
    Artifact,
    ArtifactList,
    Delivery,
    DeliveryList,
    Job,
    JobBatch,
    JobList,
    QueuePlan,
    QueueStatus,
    TargetStatus,
)
from .generated.models.get_job_include_item import GetJobIncludeItem
from .generated.models.state import State
from .generated.types import UNSET
from .submission import SubmitJob, as_json, with_key

T = TypeVar("T")

#: Below the 30 s at which many gateways cut an idle connection.
WAIT_S = 25
#: Silence after which a connection is taken for dead; foreman says something every 15 s on an event stream.
QUIET_S = 40.0
#: The same of a stream, on which foreman has no words of its own: a model may load, or think about a long question.
STREAM_QUIET_S = 300.0

_json = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Call(Generic[T]):
    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    content: bytes | None = None
    quiet_s: float | None = QUIET_S
    #: It may be made again although the first may have arrived.
    safe: bool = True


def _call(
    kwargs: dict[str, Any],
    read: Callable[[httpx.Response], T],
    *,
    content: bytes | None = None,
    quiet_s: float | None = QUIET_S,
    safe: bool = True,
) -> Call[T]:
    """From what the generated layer has for ``httpx.request``."""
    return Call(
        method=kwargs["method"],
        path=kwargs["url"],
        params=kwargs.get("params", {}),
        headers=kwargs.get("headers", {}),
        read=read,
        content=content,
        quiet_s=quiet_s,
        safe=safe,
    )


def _said(read: Callable[[Any], T]) -> Callable[[httpx.Response], T]:
    return lambda response: read(response.json())


def _nothing(_: httpx.Response) -> None:
    return None


def _whole(response: httpx.Response) -> bytes:
    # The digest is the tag, to which a gateway that compresses may add something.
    if sha256(response.content).hexdigest() not in response.headers.get("etag", ""):
        raise ValueError("not what foreman has")
    return response.content


def _given(value: object) -> Any:
    return UNSET if value is None else value


def submit(job: SubmitJob, wait: int | None, include: Sequence[GetJobIncludeItem] | None) -> Call[Job]:
    # Sent as it was given: the generated class would be one more shape of the same.
    params = {"wait": wait, "include": include}
    kwargs: dict[str, Any] = {"method": "post", "url": "/jobs", "headers": _json}
    kwargs["params"] = {name: value for name, value in params.items() if value is not None}
    quiet_s = QUIET_S + (wait or 0)
    return _call(kwargs, _said(Job.from_dict), content=as_json(with_key(job)), quiet_s=quiet_s)


def submit_batch(jobs: Sequence[SubmitJob]) -> Call[list[Job]]:
    kwargs: dict[str, Any] = {"method": "post", "url": "/jobs/batch", "headers": _json}
    content = as_json({"jobs": [with_key(job) for job in jobs]})
    return _call(kwargs, _said(lambda said: JobBatch.from_dict(said).data), content=content)


def get(id: str, wait: int | None, include: Sequence[GetJobIncludeItem] | None) -> Call[Job]:
    shown = None if include is None else list(include)
    kwargs = get_job._get_kwargs(id=id, wait=_given(wait), include=_given(shown))
    return _call(kwargs, _said(Job.from_dict), quiet_s=QUIET_S + (wait or 0))


def page(
    state: Sequence[State] | None,
    model: str | None,
    label: tuple[str, str] | None,
    created_after: datetime | None,
    created_before: datetime | None,
    limit: int | None,
    cursor: str | None,
) -> Call[JobList]:
    kwargs = list_jobs._get_kwargs(
        state=_given(None if state is None else list(state)),
        model=_given(model),
        label=_given(None if label is None else ":".join(label)),
        created_after=_given(created_after),
        created_before=_given(created_before),
        limit=_given(limit),
        cursor=_given(cursor),
    )
    return _call(kwargs, _said(JobList.from_dict))


def cancel(id: str) -> Call[Job]:
    return _call(cancel_job._get_kwargs(id=id), _said(Job.from_dict))


def retry(id: str) -> Call[Job]:
    return _call(retry_job._get_kwargs(id=id), _said(Job.from_dict), safe=False)


def delete(id: str) -> Call[None]:
    return _call(delete_job._get_kwargs(id=id), _nothing, safe=False)


def events(id: str, after: str | None) -> Call[None]:
    return _call(follow_job._get_kwargs(id=id, after=_given(after)), _nothing)


def stream(id: str) -> Call[None]:
    return _call(stream_job._get_kwargs(id=id), _nothing, quiet_s=STREAM_QUIET_S)


def artifacts(id: str) -> Call[list[Artifact]]:
    return _call(list_artifacts._get_kwargs(id=id), _said(lambda said: ArtifactList.from_dict(said).data))


def artifact(id: str, name: str) -> Call[bytes]:
    return _call(get_artifact._get_kwargs(id=id, name=name), _whole)


def deliveries(id: str) -> Call[list[Delivery]]:
    return _call(list_deliveries._get_kwargs(id=id), _said(lambda said: DeliveryList.from_dict(said).data))


def deliver_again(id: str) -> Call[Delivery]:
    return _call(redeliver._get_kwargs(id=id), _said(Delivery.from_dict), safe=False)


def queue() -> Call[QueueStatus]:
    return _call(get_queue._get_kwargs(), _said(QueueStatus.from_dict))


def plan(limit: int | None) -> Call[QueuePlan]:
    return _call(plan_queue._get_kwargs(limit=_given(limit)), _said(QueuePlan.from_dict))


def pause() -> Call[QueueStatus]:
    return _call(pause_queue._get_kwargs(), _said(QueueStatus.from_dict))


def resume() -> Call[QueueStatus]:
    return _call(resume_queue._get_kwargs(), _said(QueueStatus.from_dict))


def target() -> Call[TargetStatus]:
    return _call(get_target._get_kwargs(), _said(TargetStatus.from_dict))
