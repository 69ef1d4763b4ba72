from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Usage")


@_attrs_define
class Usage:
    """
    Attributes:
        prompt_tokens (int | Unset):
        output_tokens (int | Unset):
        load_ms (int | Unset): Loading the model: by foreman before the request, and what the target says of it beside
            that.
        prompt_ms (int | Unset):
        output_ms (int | Unset):
        total_ms (int | Unset): What the target says of the whole request, and the load by foreman before it. Native
            endpoints.
        queue_ms (int | Unset): Waiting in the queue, before the attempt that went well.
    """

    prompt_tokens: int | Unset = UNSET
    output_tokens: int | Unset = UNSET
    load_ms: int | Unset = UNSET
    prompt_ms: int | Unset = UNSET
    output_ms: int | Unset = UNSET
    total_ms: int | Unset = UNSET
    queue_ms: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        prompt_tokens = self.prompt_tokens

        output_tokens = self.output_tokens

        load_ms = self.load_ms

        prompt_ms = self.prompt_ms

        output_ms = self.output_ms

        total_ms = self.total_ms

        queue_ms = self.queue_ms

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if prompt_tokens is not UNSET:
            field_dict["prompt_tokens"] = prompt_tokens
        if output_tokens is not UNSET:
            field_dict["output_tokens"] = output_tokens
        if load_ms is not UNSET:
            field_dict["load_ms"] = load_ms
        if prompt_ms is not UNSET:
            field_dict["prompt_ms"] = prompt_ms
        if output_ms is not UNSET:
            field_dict["output_ms"] = output_ms
        if total_ms is not UNSET:
            field_dict["total_ms"] = total_ms
        if queue_ms is not UNSET:
            field_dict["queue_ms"] = queue_ms

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        prompt_tokens = d.pop("prompt_tokens", UNSET)

        output_tokens = d.pop("output_tokens", UNSET)

        load_ms = d.pop("load_ms", UNSET)

        prompt_ms = d.pop("prompt_ms", UNSET)

        output_ms = d.pop("output_ms", UNSET)

        total_ms = d.pop("total_ms", UNSET)

        queue_ms = d.pop("queue_ms", UNSET)

        usage = cls(
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            load_ms=load_ms,
            prompt_ms=prompt_ms,
            output_ms=output_ms,
            total_ms=total_ms,
            queue_ms=queue_ms,
        )

        usage.additional_properties = d
        return usage

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
