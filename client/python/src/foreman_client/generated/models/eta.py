from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Eta")


@_attrs_define
class Eta:
    """Estimated while queued, from what was seen of the models; absent before the first time.

    Attributes:
        start_at (datetime.datetime): RFC 3339, UTC, milliseconds.
        finish_at (datetime.datetime | Unset): RFC 3339, UTC, milliseconds.
    """

    start_at: datetime.datetime
    finish_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        start_at = self.start_at.isoformat()

        finish_at: str | Unset = UNSET
        if not isinstance(self.finish_at, Unset):
            finish_at = self.finish_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "start_at": start_at,
            }
        )
        if finish_at is not UNSET:
            field_dict["finish_at"] = finish_at

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        start_at = datetime.datetime.fromisoformat(d.pop("start_at"))

        _finish_at = d.pop("finish_at", UNSET)
        finish_at: datetime.datetime | Unset
        if isinstance(_finish_at, Unset):
            finish_at = UNSET
        else:
            finish_at = datetime.datetime.fromisoformat(_finish_at)

        eta = cls(
            start_at=start_at,
            finish_at=finish_at,
        )

        eta.additional_properties = d
        return eta

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
