from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.job_request_view_body import JobRequestViewBody


T = TypeVar("T", bound="JobRequestView")


@_attrs_define
class JobRequestView:
    """
    Attributes:
        endpoint (str):
        model (str):
        body (JobRequestViewBody | Unset): Only with include=request.
    """

    endpoint: str
    model: str
    body: JobRequestViewBody | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        endpoint = self.endpoint

        model = self.model

        body: dict[str, Any] | Unset = UNSET
        if not isinstance(self.body, Unset):
            body = self.body.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "endpoint": endpoint,
                "model": model,
            }
        )
        if body is not UNSET:
            field_dict["body"] = body

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.job_request_view_body import JobRequestViewBody

        d = dict(src_dict)
        endpoint = d.pop("endpoint")

        model = d.pop("model")

        _body = d.pop("body", UNSET)
        body: JobRequestViewBody | Unset
        if isinstance(_body, Unset):
            body = UNSET
        else:
            body = JobRequestViewBody.from_dict(_body)

        job_request_view = cls(
            endpoint=endpoint,
            model=model,
            body=body,
        )

        job_request_view.additional_properties = d
        return job_request_view

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
