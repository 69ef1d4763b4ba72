from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="PlannedJob")


@_attrs_define
class PlannedJob:
    """
    Attributes:
        id (str):
        model (str):
        position (int):
        loads (bool): Its model has to be loaded first.
        start_at (datetime.datetime | Unset): RFC 3339, UTC, milliseconds.
        finish_at (datetime.datetime | Unset): RFC 3339, UTC, milliseconds.
    """

    id: str
    model: str
    position: int
    loads: bool
    start_at: datetime.datetime | Unset = UNSET
    finish_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        model = self.model

        position = self.position

        loads = self.loads

        start_at: str | Unset = UNSET
        if not isinstance(self.start_at, Unset):
            start_at = self.start_at.isoformat()

        finish_at: str | Unset = UNSET
        if not isinstance(self.finish_at, Unset):
            finish_at = self.finish_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "model": model,
                "position": position,
                "loads": loads,
            }
        )
        if start_at is not UNSET:
            field_dict["start_at"] = start_at
        if finish_at is not UNSET:
            field_dict["finish_at"] = finish_at

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id")

        model = d.pop("model")

        position = d.pop("position")

        loads = d.pop("loads")

        _start_at = d.pop("start_at", UNSET)
        start_at: datetime.datetime | Unset
        if isinstance(_start_at, Unset):
            start_at = UNSET
        else:
            start_at = datetime.datetime.fromisoformat(_start_at)

        _finish_at = d.pop("finish_at", UNSET)
        finish_at: datetime.datetime | Unset
        if isinstance(_finish_at, Unset):
            finish_at = UNSET
        else:
            finish_at = datetime.datetime.fromisoformat(_finish_at)

        planned_job = cls(
            id=id,
            model=model,
            position=position,
            loads=loads,
            start_at=start_at,
            finish_at=finish_at,
        )

        planned_job.additional_properties = d
        return planned_job

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
