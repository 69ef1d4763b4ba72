from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.claim import Claim
    from ..models.model_count import ModelCount
    from ..models.queue_people import QueuePeople
    from ..models.queue_status_states import QueueStatusStates
    from ..models.turn import Turn


T = TypeVar("T", bound="QueueStatus")


@_attrs_define
class QueueStatus:
    """
    Attributes:
        paused (bool):
        states (QueueStatusStates): Jobs by state.
        models (list[ModelCount]): Waiting and running jobs by model, most waiting first; at most 1,000.
        target (str): State of the target; GET /target says more.
        people (QueuePeople):
        turn (Turn | Unset):
        claim (Claim | Unset): The turn that jobs have claimed from people; it begins when what they have in flight is
            answered.
        running (str | Unset): Id of the job that is loading or working.
        oldest_wait_ms (int | Unset):
        reason (str | Unset): Why nothing starts, while jobs wait.
        yielding_since (datetime.datetime | Unset): Since when jobs step aside for people; some that need no load may
            run meanwhile.
    """

    paused: bool
    states: QueueStatusStates
    models: list[ModelCount]
    target: str
    people: QueuePeople
    turn: Turn | Unset = UNSET
    claim: Claim | Unset = UNSET
    running: str | Unset = UNSET
    oldest_wait_ms: int | Unset = UNSET
    reason: str | Unset = UNSET
    yielding_since: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        paused = self.paused

        states = self.states.to_dict()

        models = []
        for models_item_data in self.models:
            models_item = models_item_data.to_dict()
            models.append(models_item)

        target = self.target

        people = self.people.to_dict()

        turn: dict[str, Any] | Unset = UNSET
        if not isinstance(self.turn, Unset):
            turn = self.turn.to_dict()

        claim: dict[str, Any] | Unset = UNSET
        if not isinstance(self.claim, Unset):
            claim = self.claim.to_dict()

        running = self.running

        oldest_wait_ms = self.oldest_wait_ms

        reason = self.reason

        yielding_since: str | Unset = UNSET
        if not isinstance(self.yielding_since, Unset):
            yielding_since = self.yielding_since.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "paused": paused,
                "states": states,
                "models": models,
                "target": target,
                "people": people,
            }
        )
        if turn is not UNSET:
            field_dict["turn"] = turn
        if claim is not UNSET:
            field_dict["claim"] = claim
        if running is not UNSET:
            field_dict["running"] = running
        if oldest_wait_ms is not UNSET:
            field_dict["oldest_wait_ms"] = oldest_wait_ms
        if reason is not UNSET:
            field_dict["reason"] = reason
        if yielding_since is not UNSET:
            field_dict["yielding_since"] = yielding_since

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.claim import Claim
        from ..models.model_count import ModelCount
        from ..models.queue_people import QueuePeople
        from ..models.queue_status_states import QueueStatusStates
        from ..models.turn import Turn

        d = dict(src_dict)
        paused = d.pop("paused")

        states = QueueStatusStates.from_dict(d.pop("states"))

        models = []
        _models = d.pop("models")
        for models_item_data in _models:
            models_item = ModelCount.from_dict(models_item_data)

            models.append(models_item)

        target = d.pop("target")

        people = QueuePeople.from_dict(d.pop("people"))

        _turn = d.pop("turn", UNSET)
        turn: Turn | Unset
        if isinstance(_turn, Unset):
            turn = UNSET
        else:
            turn = Turn.from_dict(_turn)

        _claim = d.pop("claim", UNSET)
        claim: Claim | Unset
        if isinstance(_claim, Unset):
            claim = UNSET
        else:
            claim = Claim.from_dict(_claim)

        running = d.pop("running", UNSET)

        oldest_wait_ms = d.pop("oldest_wait_ms", UNSET)

        reason = d.pop("reason", UNSET)

        _yielding_since = d.pop("yielding_since", UNSET)
        yielding_since: datetime.datetime | Unset
        if isinstance(_yielding_since, Unset):
            yielding_since = UNSET
        else:
            yielding_since = datetime.datetime.fromisoformat(_yielding_since)

        queue_status = cls(
            paused=paused,
            states=states,
            models=models,
            target=target,
            people=people,
            turn=turn,
            claim=claim,
            running=running,
            oldest_wait_ms=oldest_wait_ms,
            reason=reason,
            yielding_since=yielding_since,
        )

        queue_status.additional_properties = d
        return queue_status

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
