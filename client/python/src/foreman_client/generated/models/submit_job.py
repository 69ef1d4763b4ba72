from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.deliver_spec import DeliverSpec
    from ..models.job_request import JobRequest
    from ..models.labels import Labels
    from ..models.webhook_spec import WebhookSpec


T = TypeVar("T", bound="SubmitJob")


@_attrs_define
class SubmitJob:
    """
    Attributes:
        request (JobRequest):
        webhook (WebhookSpec | Unset):
        deliver (DeliverSpec | Unset):
        idempotency_key (str | Unset):
        labels (Labels | Unset): At most 32; keys of 64 characters, values of 256.
        timeout_s (int | Unset): Longest working time in seconds.
        max_attempts (int | Unset):
        start_by (datetime.datetime | Unset): A job not started by then fails; one for a time that has passed is
            refused.
    """

    request: JobRequest
    webhook: WebhookSpec | Unset = UNSET
    deliver: DeliverSpec | Unset = UNSET
    idempotency_key: str | Unset = UNSET
    labels: Labels | Unset = UNSET
    timeout_s: int | Unset = UNSET
    max_attempts: int | Unset = UNSET
    start_by: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        request = self.request.to_dict()

        webhook: dict[str, Any] | Unset = UNSET
        if not isinstance(self.webhook, Unset):
            webhook = self.webhook.to_dict()

        deliver: dict[str, Any] | Unset = UNSET
        if not isinstance(self.deliver, Unset):
            deliver = self.deliver.to_dict()

        idempotency_key = self.idempotency_key

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        timeout_s = self.timeout_s

        max_attempts = self.max_attempts

        start_by: str | Unset = UNSET
        if not isinstance(self.start_by, Unset):
            start_by = self.start_by.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "request": request,
            }
        )
        if webhook is not UNSET:
            field_dict["webhook"] = webhook
        if deliver is not UNSET:
            field_dict["deliver"] = deliver
        if idempotency_key is not UNSET:
            field_dict["idempotency_key"] = idempotency_key
        if labels is not UNSET:
            field_dict["labels"] = labels
        if timeout_s is not UNSET:
            field_dict["timeout_s"] = timeout_s
        if max_attempts is not UNSET:
            field_dict["max_attempts"] = max_attempts
        if start_by is not UNSET:
            field_dict["start_by"] = start_by

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.deliver_spec import DeliverSpec
        from ..models.job_request import JobRequest
        from ..models.labels import Labels
        from ..models.webhook_spec import WebhookSpec

        d = dict(src_dict)
        request = JobRequest.from_dict(d.pop("request"))

        _webhook = d.pop("webhook", UNSET)
        webhook: WebhookSpec | Unset
        if isinstance(_webhook, Unset):
            webhook = UNSET
        else:
            webhook = WebhookSpec.from_dict(_webhook)

        _deliver = d.pop("deliver", UNSET)
        deliver: DeliverSpec | Unset
        if isinstance(_deliver, Unset):
            deliver = UNSET
        else:
            deliver = DeliverSpec.from_dict(_deliver)

        idempotency_key = d.pop("idempotency_key", UNSET)

        _labels = d.pop("labels", UNSET)
        labels: Labels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = Labels.from_dict(_labels)

        timeout_s = d.pop("timeout_s", UNSET)

        max_attempts = d.pop("max_attempts", UNSET)

        _start_by = d.pop("start_by", UNSET)
        start_by: datetime.datetime | Unset
        if isinstance(_start_by, Unset):
            start_by = UNSET
        else:
            start_by = datetime.datetime.fromisoformat(_start_by)

        submit_job = cls(
            request=request,
            webhook=webhook,
            deliver=deliver,
            idempotency_key=idempotency_key,
            labels=labels,
            timeout_s=timeout_s,
            max_attempts=max_attempts,
            start_by=start_by,
        )

        submit_job.additional_properties = d
        return submit_job

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
