from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.job_request_endpoint import JobRequestEndpoint, check_job_request_endpoint

if TYPE_CHECKING:
    from ..models.ollama_body import OllamaBody


T = TypeVar("T", bound="JobRequest")


@_attrs_define
class JobRequest:
    """
    Attributes:
        endpoint (JobRequestEndpoint): The Ollama or OpenAI route that the job defers.
        body (OllamaBody): The endpoint's own request body, sent to the target as it came, numbers exact. `stream` is
            ignored.
    """

    endpoint: JobRequestEndpoint
    body: OllamaBody
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        endpoint: str = self.endpoint

        body = self.body.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "endpoint": endpoint,
                "body": body,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.ollama_body import OllamaBody

        d = dict(src_dict)
        endpoint = check_job_request_endpoint(d.pop("endpoint"))

        body = OllamaBody.from_dict(d.pop("body"))

        job_request = cls(
            endpoint=endpoint,
            body=body,
        )

        job_request.additional_properties = d
        return job_request

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
