from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.deliver_spec_urls import DeliverSpecUrls


T = TypeVar("T", bound="DeliverSpec")


@_attrs_define
class DeliverSpec:
    """
    Attributes:
        url (str | Unset): Upload address of each artifact; must contain {name}, and no other braces. Over https and in
            public, unless FOREMAN_WEBHOOK_ALLOW lists it.
        urls (DeliverSpecUrls | Unset): Upload address by artifact name, before that of url. Over https and in public,
            unless FOREMAN_WEBHOOK_ALLOW lists it.
    """

    url: str | Unset = UNSET
    urls: DeliverSpecUrls | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        urls: dict[str, Any] | Unset = UNSET
        if not isinstance(self.urls, Unset):
            urls = self.urls.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if url is not UNSET:
            field_dict["url"] = url
        if urls is not UNSET:
            field_dict["urls"] = urls

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.deliver_spec_urls import DeliverSpecUrls

        d = dict(src_dict)
        url = d.pop("url", UNSET)

        _urls = d.pop("urls", UNSET)
        urls: DeliverSpecUrls | Unset
        if isinstance(_urls, Unset):
            urls = UNSET
        else:
            urls = DeliverSpecUrls.from_dict(_urls)

        deliver_spec = cls(
            url=url,
            urls=urls,
        )

        deliver_spec.additional_properties = d
        return deliver_spec

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
