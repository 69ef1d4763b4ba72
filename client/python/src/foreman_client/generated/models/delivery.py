from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.attempt import Attempt


T = TypeVar("T", bound="Delivery")


@_attrs_define
class Delivery:
    """
    Attributes:
        id (str): `msg_` and a UUIDv7: the `webhook-id` of every try.
        job_id (str):
        kind (str): `webhook` or `artifact`.
        type_ (str): What it is about, such as `job.done`.
        url (str): Without user and query, where secrets stand.
        state (str): `pending`, `delivered` or `gave_up`.
        created_at (datetime.datetime):
        attempts (list[Attempt]): Oldest first; the last fifty.
        artifact (str | Unset): The name of the artifact that is pushed.
        next_try_at (datetime.datetime | Unset): While pending.
        ended_at (datetime.datetime | Unset): When it was delivered or given up.
    """

    id: str
    job_id: str
    kind: str
    type_: str
    url: str
    state: str
    created_at: datetime.datetime
    attempts: list[Attempt]
    artifact: str | Unset = UNSET
    next_try_at: datetime.datetime | Unset = UNSET
    ended_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        job_id = self.job_id

        kind = self.kind

        type_ = self.type_

        url = self.url

        state = self.state

        created_at = self.created_at.isoformat()

        attempts = []
        for attempts_item_data in self.attempts:
            attempts_item = attempts_item_data.to_dict()
            attempts.append(attempts_item)

        artifact = self.artifact

        next_try_at: str | Unset = UNSET
        if not isinstance(self.next_try_at, Unset):
            next_try_at = self.next_try_at.isoformat()

        ended_at: str | Unset = UNSET
        if not isinstance(self.ended_at, Unset):
            ended_at = self.ended_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "job_id": job_id,
                "kind": kind,
                "type": type_,
                "url": url,
                "state": state,
                "created_at": created_at,
                "attempts": attempts,
            }
        )
        if artifact is not UNSET:
            field_dict["artifact"] = artifact
        if next_try_at is not UNSET:
            field_dict["next_try_at"] = next_try_at
        if ended_at is not UNSET:
            field_dict["ended_at"] = ended_at

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.attempt import Attempt

        d = dict(src_dict)
        id = d.pop("id")

        job_id = d.pop("job_id")

        kind = d.pop("kind")

        type_ = d.pop("type")

        url = d.pop("url")

        state = d.pop("state")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        attempts = []
        _attempts = d.pop("attempts")
        for attempts_item_data in _attempts:
            attempts_item = Attempt.from_dict(attempts_item_data)

            attempts.append(attempts_item)

        artifact = d.pop("artifact", UNSET)

        _next_try_at = d.pop("next_try_at", UNSET)
        next_try_at: datetime.datetime | Unset
        if isinstance(_next_try_at, Unset):
            next_try_at = UNSET
        else:
            next_try_at = datetime.datetime.fromisoformat(_next_try_at)

        _ended_at = d.pop("ended_at", UNSET)
        ended_at: datetime.datetime | Unset
        if isinstance(_ended_at, Unset):
            ended_at = UNSET
        else:
            ended_at = datetime.datetime.fromisoformat(_ended_at)

        delivery = cls(
            id=id,
            job_id=job_id,
            kind=kind,
            type_=type_,
            url=url,
            state=state,
            created_at=created_at,
            attempts=attempts,
            artifact=artifact,
            next_try_at=next_try_at,
            ended_at=ended_at,
        )

        delivery.additional_properties = d
        return delivery

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
