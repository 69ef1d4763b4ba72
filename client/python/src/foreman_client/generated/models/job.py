from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.state import State, check_state
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.artifact import Artifact
    from ..models.eta import Eta
    from ..models.job_error import JobError
    from ..models.job_labels import JobLabels
    from ..models.job_request_view import JobRequestView
    from ..models.job_response import JobResponse
    from ..models.links import Links
    from ..models.progress import Progress
    from ..models.usage import Usage


T = TypeVar("T", bound="Job")


@_attrs_define
class Job:
    """
    Attributes:
        id (str): `job_` and a UUIDv7.
        state (State): queued → loading → working → done | failed | canceled.
        sequence (int): Grows with each change of state, over all jobs.
        request (JobRequestView):
        labels (JobLabels):
        created_at (datetime.datetime): RFC 3339, UTC, milliseconds.
        queued_at (datetime.datetime): RFC 3339, UTC, milliseconds.
        loading_at (datetime.datetime | None):
        working_at (datetime.datetime | None):
        finished_at (datetime.datetime | None):
        attempt (int):
        max_attempts (int):
        interruptions (int):
        timeout_s (int):
        artifacts (list[Artifact]):
        links (Links):
        response (JobResponse | Unset): Only with include=response, once done.
        start_by (datetime.datetime | Unset): RFC 3339, UTC, milliseconds.
        retry_at (datetime.datetime | Unset): When a job in backoff waits for its turn again.
        position (int | Unset): 1 = next. Told to who asks for a job or a list, of the first 10,000 that wait and are in
            no backoff.
        eta (Eta | Unset): Estimated while queued, from what was seen of the models; absent before the first time.
        reason (str | Unset): Why a queued job waits: next, behind_others, draining_another_model, yielding_to_people,
            backing_off, paused, storage_failing, target_asleep, target_down, target_stuck.
        progress (Progress | Unset): While working, native endpoints.
        error (JobError | Unset):
        last_error (JobError | Unset):
        usage (Usage | Unset):
    """

    id: str
    state: State
    sequence: int
    request: JobRequestView
    labels: JobLabels
    created_at: datetime.datetime
    queued_at: datetime.datetime
    loading_at: datetime.datetime | None
    working_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    attempt: int
    max_attempts: int
    interruptions: int
    timeout_s: int
    artifacts: list[Artifact]
    links: Links
    response: JobResponse | Unset = UNSET
    start_by: datetime.datetime | Unset = UNSET
    retry_at: datetime.datetime | Unset = UNSET
    position: int | Unset = UNSET
    eta: Eta | Unset = UNSET
    reason: str | Unset = UNSET
    progress: Progress | Unset = UNSET
    error: JobError | Unset = UNSET
    last_error: JobError | Unset = UNSET
    usage: Usage | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        state: str = self.state

        sequence = self.sequence

        request = self.request.to_dict()

        labels = self.labels.to_dict()

        created_at = self.created_at.isoformat()

        queued_at = self.queued_at.isoformat()

        loading_at: None | str
        if isinstance(self.loading_at, datetime.datetime):
            loading_at = self.loading_at.isoformat()
        else:
            loading_at = self.loading_at

        working_at: None | str
        if isinstance(self.working_at, datetime.datetime):
            working_at = self.working_at.isoformat()
        else:
            working_at = self.working_at

        finished_at: None | str
        if isinstance(self.finished_at, datetime.datetime):
            finished_at = self.finished_at.isoformat()
        else:
            finished_at = self.finished_at

        attempt = self.attempt

        max_attempts = self.max_attempts

        interruptions = self.interruptions

        timeout_s = self.timeout_s

        artifacts = []
        for artifacts_item_data in self.artifacts:
            artifacts_item = artifacts_item_data.to_dict()
            artifacts.append(artifacts_item)

        links = self.links.to_dict()

        response: dict[str, Any] | Unset = UNSET
        if not isinstance(self.response, Unset):
            response = self.response.to_dict()

        start_by: str | Unset = UNSET
        if not isinstance(self.start_by, Unset):
            start_by = self.start_by.isoformat()

        retry_at: str | Unset = UNSET
        if not isinstance(self.retry_at, Unset):
            retry_at = self.retry_at.isoformat()

        position = self.position

        eta: dict[str, Any] | Unset = UNSET
        if not isinstance(self.eta, Unset):
            eta = self.eta.to_dict()

        reason = self.reason

        progress: dict[str, Any] | Unset = UNSET
        if not isinstance(self.progress, Unset):
            progress = self.progress.to_dict()

        error: dict[str, Any] | Unset = UNSET
        if not isinstance(self.error, Unset):
            error = self.error.to_dict()

        last_error: dict[str, Any] | Unset = UNSET
        if not isinstance(self.last_error, Unset):
            last_error = self.last_error.to_dict()

        usage: dict[str, Any] | Unset = UNSET
        if not isinstance(self.usage, Unset):
            usage = self.usage.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "state": state,
                "sequence": sequence,
                "request": request,
                "labels": labels,
                "created_at": created_at,
                "queued_at": queued_at,
                "loading_at": loading_at,
                "working_at": working_at,
                "finished_at": finished_at,
                "attempt": attempt,
                "max_attempts": max_attempts,
                "interruptions": interruptions,
                "timeout_s": timeout_s,
                "artifacts": artifacts,
                "links": links,
            }
        )
        if response is not UNSET:
            field_dict["response"] = response
        if start_by is not UNSET:
            field_dict["start_by"] = start_by
        if retry_at is not UNSET:
            field_dict["retry_at"] = retry_at
        if position is not UNSET:
            field_dict["position"] = position
        if eta is not UNSET:
            field_dict["eta"] = eta
        if reason is not UNSET:
            field_dict["reason"] = reason
        if progress is not UNSET:
            field_dict["progress"] = progress
        if error is not UNSET:
            field_dict["error"] = error
        if last_error is not UNSET:
            field_dict["last_error"] = last_error
        if usage is not UNSET:
            field_dict["usage"] = usage

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.artifact import Artifact
        from ..models.eta import Eta
        from ..models.job_error import JobError
        from ..models.job_labels import JobLabels
        from ..models.job_request_view import JobRequestView
        from ..models.job_response import JobResponse
        from ..models.links import Links
        from ..models.progress import Progress
        from ..models.usage import Usage

        d = dict(src_dict)
        id = d.pop("id")

        state = check_state(d.pop("state"))

        sequence = d.pop("sequence")

        request = JobRequestView.from_dict(d.pop("request"))

        labels = JobLabels.from_dict(d.pop("labels"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        queued_at = datetime.datetime.fromisoformat(d.pop("queued_at"))

        def _parse_loading_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                loading_at_type_0 = datetime.datetime.fromisoformat(data)

                return loading_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        loading_at = _parse_loading_at(d.pop("loading_at"))

        def _parse_working_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                working_at_type_0 = datetime.datetime.fromisoformat(data)

                return working_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        working_at = _parse_working_at(d.pop("working_at"))

        def _parse_finished_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                finished_at_type_0 = datetime.datetime.fromisoformat(data)

                return finished_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        finished_at = _parse_finished_at(d.pop("finished_at"))

        attempt = d.pop("attempt")

        max_attempts = d.pop("max_attempts")

        interruptions = d.pop("interruptions")

        timeout_s = d.pop("timeout_s")

        artifacts = []
        _artifacts = d.pop("artifacts")
        for artifacts_item_data in _artifacts:
            artifacts_item = Artifact.from_dict(artifacts_item_data)

            artifacts.append(artifacts_item)

        links = Links.from_dict(d.pop("links"))

        _response = d.pop("response", UNSET)
        response: JobResponse | Unset
        if isinstance(_response, Unset):
            response = UNSET
        else:
            response = JobResponse.from_dict(_response)

        _start_by = d.pop("start_by", UNSET)
        start_by: datetime.datetime | Unset
        if isinstance(_start_by, Unset):
            start_by = UNSET
        else:
            start_by = datetime.datetime.fromisoformat(_start_by)

        _retry_at = d.pop("retry_at", UNSET)
        retry_at: datetime.datetime | Unset
        if isinstance(_retry_at, Unset):
            retry_at = UNSET
        else:
            retry_at = datetime.datetime.fromisoformat(_retry_at)

        position = d.pop("position", UNSET)

        _eta = d.pop("eta", UNSET)
        eta: Eta | Unset
        if isinstance(_eta, Unset):
            eta = UNSET
        else:
            eta = Eta.from_dict(_eta)

        reason = d.pop("reason", UNSET)

        _progress = d.pop("progress", UNSET)
        progress: Progress | Unset
        if isinstance(_progress, Unset):
            progress = UNSET
        else:
            progress = Progress.from_dict(_progress)

        _error = d.pop("error", UNSET)
        error: JobError | Unset
        if isinstance(_error, Unset):
            error = UNSET
        else:
            error = JobError.from_dict(_error)

        _last_error = d.pop("last_error", UNSET)
        last_error: JobError | Unset
        if isinstance(_last_error, Unset):
            last_error = UNSET
        else:
            last_error = JobError.from_dict(_last_error)

        _usage = d.pop("usage", UNSET)
        usage: Usage | Unset
        if isinstance(_usage, Unset):
            usage = UNSET
        else:
            usage = Usage.from_dict(_usage)

        job = cls(
            id=id,
            state=state,
            sequence=sequence,
            request=request,
            labels=labels,
            created_at=created_at,
            queued_at=queued_at,
            loading_at=loading_at,
            working_at=working_at,
            finished_at=finished_at,
            attempt=attempt,
            max_attempts=max_attempts,
            interruptions=interruptions,
            timeout_s=timeout_s,
            artifacts=artifacts,
            links=links,
            response=response,
            start_by=start_by,
            retry_at=retry_at,
            position=position,
            eta=eta,
            reason=reason,
            progress=progress,
            error=error,
            last_error=last_error,
            usage=usage,
        )

        job.additional_properties = d
        return job

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
