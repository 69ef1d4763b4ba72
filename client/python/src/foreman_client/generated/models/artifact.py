from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Artifact")


@_attrs_define
class Artifact:
    """
    Attributes:
        name (str):
        content_type (str):
        size_bytes (int):
        sha256 (str):
        url (str):
        partial (bool): The job failed and this is what had arrived.
    """

    name: str
    content_type: str
    size_bytes: int
    sha256: str
    url: str
    partial: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        content_type = self.content_type

        size_bytes = self.size_bytes

        sha256 = self.sha256

        url = self.url

        partial = self.partial

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "content_type": content_type,
                "size_bytes": size_bytes,
                "sha256": sha256,
                "url": url,
                "partial": partial,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        name = d.pop("name")

        content_type = d.pop("content_type")

        size_bytes = d.pop("size_bytes")

        sha256 = d.pop("sha256")

        url = d.pop("url")

        partial = d.pop("partial")

        artifact = cls(
            name=name,
            content_type=content_type,
            size_bytes=size_bytes,
            sha256=sha256,
            url=url,
            partial=partial,
        )

        artifact.additional_properties = d
        return artifact

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
