from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.webhook_spec_events_item import (
    WebhookSpecEventsItem,
    check_webhook_spec_events_item,
)
from ..models.webhook_spec_include_item import (
    WebhookSpecIncludeItem,
    check_webhook_spec_include_item,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="WebhookSpec")


@_attrs_define
class WebhookSpec:
    """
    Attributes:
        url (str): Receiver of state events. Over https and in public, unless FOREMAN_WEBHOOK_ALLOW lists it.
        events (list[WebhookSpecEventsItem] | Unset): Default: done, failed, canceled.
        include (list[WebhookSpecIncludeItem] | Unset): What job.done brings beside the job: its response, if that has
            at most 64 kB.
    """

    url: str
    events: list[WebhookSpecEventsItem] | Unset = UNSET
    include: list[WebhookSpecIncludeItem] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        events: list[str] | Unset = UNSET
        if not isinstance(self.events, Unset):
            events = []
            for events_item_data in self.events:
                events_item: str = events_item_data
                events.append(events_item)

        include: list[str] | Unset = UNSET
        if not isinstance(self.include, Unset):
            include = []
            for include_item_data in self.include:
                include_item: str = include_item_data
                include.append(include_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "url": url,
            }
        )
        if events is not UNSET:
            field_dict["events"] = events
        if include is not UNSET:
            field_dict["include"] = include

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        url = d.pop("url")

        _events = d.pop("events", UNSET)
        events: list[WebhookSpecEventsItem] | Unset = UNSET
        if _events is not UNSET:
            events = []
            for events_item_data in _events:
                events_item = check_webhook_spec_events_item(events_item_data)

                events.append(events_item)

        _include = d.pop("include", UNSET)
        include: list[WebhookSpecIncludeItem] | Unset = UNSET
        if _include is not UNSET:
            include = []
            for include_item_data in _include:
                include_item = check_webhook_spec_include_item(include_item_data)

                include.append(include_item)

        webhook_spec = cls(
            url=url,
            events=events,
            include=include,
        )

        webhook_spec.additional_properties = d
        return webhook_spec

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
