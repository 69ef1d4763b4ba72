from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.planned_job import PlannedJob


T = TypeVar("T", bound="QueuePlan")


@_attrs_define
class QueuePlan:
    """
    Attributes:
        data (list[PlannedJob]):
        jobs (int): Planned jobs, at most 10,000.
        loads (int): Loads that these jobs will need.
        waiting (int): Queued jobs in all, those in backoff among them.
        finish_at (datetime.datetime | Unset): When the last of the planned jobs is expected to be done.
    """

    data: list[PlannedJob]
    jobs: int
    loads: int
    waiting: int
    finish_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        data = []
        for data_item_data in self.data:
            data_item = data_item_data.to_dict()
            data.append(data_item)

        jobs = self.jobs

        loads = self.loads

        waiting = self.waiting

        finish_at: str | Unset = UNSET
        if not isinstance(self.finish_at, Unset):
            finish_at = self.finish_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "data": data,
                "jobs": jobs,
                "loads": loads,
                "waiting": waiting,
            }
        )
        if finish_at is not UNSET:
            field_dict["finish_at"] = finish_at

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.planned_job import PlannedJob

        d = dict(src_dict)
        data = []
        _data = d.pop("data")
        for data_item_data in _data:
            data_item = PlannedJob.from_dict(data_item_data)

            data.append(data_item)

        jobs = d.pop("jobs")

        loads = d.pop("loads")

        waiting = d.pop("waiting")

        _finish_at = d.pop("finish_at", UNSET)
        finish_at: datetime.datetime | Unset
        if isinstance(_finish_at, Unset):
            finish_at = UNSET
        else:
            finish_at = datetime.datetime.fromisoformat(_finish_at)

        queue_plan = cls(
            data=data,
            jobs=jobs,
            loads=loads,
            waiting=waiting,
            finish_at=finish_at,
        )

        queue_plan.additional_properties = d
        return queue_plan

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
