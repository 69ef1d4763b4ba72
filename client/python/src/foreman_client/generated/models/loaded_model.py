from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="LoadedModel")


@_attrs_define
class LoadedModel:
    """
    Attributes:
        model (str):
        size_bytes (int):
        context_length (int | Unset):
        expires_at (str | Unset):
    """

    model: str
    size_bytes: int
    context_length: int | Unset = UNSET
    expires_at: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        model = self.model

        size_bytes = self.size_bytes

        context_length = self.context_length

        expires_at = self.expires_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "model": model,
                "size_bytes": size_bytes,
            }
        )
        if context_length is not UNSET:
            field_dict["context_length"] = context_length
        if expires_at is not UNSET:
            field_dict["expires_at"] = expires_at

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        model = d.pop("model")

        size_bytes = d.pop("size_bytes")

        context_length = d.pop("context_length", UNSET)

        expires_at = d.pop("expires_at", UNSET)

        loaded_model = cls(
            model=model,
            size_bytes=size_bytes,
            context_length=context_length,
            expires_at=expires_at,
        )

        loaded_model.additional_properties = d
        return loaded_model

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
