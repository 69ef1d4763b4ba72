from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.loaded_model import LoadedModel
    from ..models.people import People


T = TypeVar("T", bound="TargetStatus")


@_attrs_define
class TargetStatus:
    """
    Attributes:
        url (str): Without credentials.
        state (str): unknown, awake, asleep, down or stuck.
        since (datetime.datetime): RFC 3339, UTC, milliseconds.
        models (list[str]):
        loaded (list[LoadedModel]):
        people (People):
        version (str | Unset):
    """

    url: str
    state: str
    since: datetime.datetime
    models: list[str]
    loaded: list[LoadedModel]
    people: People
    version: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        state = self.state

        since = self.since.isoformat()

        models = self.models

        loaded = []
        for loaded_item_data in self.loaded:
            loaded_item = loaded_item_data.to_dict()
            loaded.append(loaded_item)

        people = self.people.to_dict()

        version = self.version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "url": url,
                "state": state,
                "since": since,
                "models": models,
                "loaded": loaded,
                "people": people,
            }
        )
        if version is not UNSET:
            field_dict["version"] = version

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.loaded_model import LoadedModel
        from ..models.people import People

        d = dict(src_dict)
        url = d.pop("url")

        state = d.pop("state")

        since = datetime.datetime.fromisoformat(d.pop("since"))

        models = cast(list[str], d.pop("models"))

        loaded = []
        _loaded = d.pop("loaded")
        for loaded_item_data in _loaded:
            loaded_item = LoadedModel.from_dict(loaded_item_data)

            loaded.append(loaded_item)

        people = People.from_dict(d.pop("people"))

        version = d.pop("version", UNSET)

        target_status = cls(
            url=url,
            state=state,
            since=since,
            models=models,
            loaded=loaded,
            people=people,
            version=version,
        )

        target_status.additional_properties = d
        return target_status

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
