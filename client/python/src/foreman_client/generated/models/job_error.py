from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="JobError")


@_attrs_define
class JobError:
    """
    Attributes:
        code (str): One of invalid_request, unauthorized, forbidden, not_found, gone, conflict, idempotency_key_reused,
            too_large, queue_full, storage_full, stopping, target_unreachable, model_missing, target_refused, target_failed,
            timed_out, start_by_passed, interrupted, internal.
        detail (str):
        target_status (int | Unset):
        target_body (str | Unset):
        target_retry_after_s (int | Unset): The wait the target asked for.
    """

    code: str
    detail: str
    target_status: int | Unset = UNSET
    target_body: str | Unset = UNSET
    target_retry_after_s: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        detail = self.detail

        target_status = self.target_status

        target_body = self.target_body

        target_retry_after_s = self.target_retry_after_s

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "detail": detail,
            }
        )
        if target_status is not UNSET:
            field_dict["target_status"] = target_status
        if target_body is not UNSET:
            field_dict["target_body"] = target_body
        if target_retry_after_s is not UNSET:
            field_dict["target_retry_after_s"] = target_retry_after_s

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        code = d.pop("code")

        detail = d.pop("detail")

        target_status = d.pop("target_status", UNSET)

        target_body = d.pop("target_body", UNSET)

        target_retry_after_s = d.pop("target_retry_after_s", UNSET)

        job_error = cls(
            code=code,
            detail=detail,
            target_status=target_status,
            target_body=target_body,
            target_retry_after_s=target_retry_after_s,
        )

        job_error.additional_properties = d
        return job_error

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
