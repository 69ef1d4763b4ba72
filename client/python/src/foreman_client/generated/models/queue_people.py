from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.people_model import PeopleModel


T = TypeVar("T", bound="QueuePeople")


@_attrs_define
class QueuePeople:
    """
    Attributes:
        in_flight (int):
        held (int): Waiting here for their turn, or for the target.
        models (list[PeopleModel]): Models that people use or wait for, and those in memory that they used within
            FOREMAN_HOLD; at most 1,000.
    """

    in_flight: int
    held: int
    models: list[PeopleModel]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        in_flight = self.in_flight

        held = self.held

        models = []
        for models_item_data in self.models:
            models_item = models_item_data.to_dict()
            models.append(models_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "in_flight": in_flight,
                "held": held,
                "models": models,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.people_model import PeopleModel

        d = dict(src_dict)
        in_flight = d.pop("in_flight")

        held = d.pop("held")

        models = []
        _models = d.pop("models")
        for models_item_data in _models:
            models_item = PeopleModel.from_dict(models_item_data)

            models.append(models_item)

        queue_people = cls(
            in_flight=in_flight,
            held=held,
            models=models,
        )

        queue_people.additional_properties = d
        return queue_people

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
