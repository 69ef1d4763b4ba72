"""What happens to a job, and how it is read from an event stream (``GET /jobs/{id}/events``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from .error import ForemanError
from .generated.models import Job
from .generated.models.state import State, check_state


@dataclass(frozen=True)
class StateEvent:
    """The job reached a state; ``job`` is as it was then, without what is only known live."""

    id: str
    job: Job


@dataclass(frozen=True)
class OutputEvent:
    """The target said a line: for a chat, a part as Ollama streams it."""

    id: str
    line: dict[str, Any]


@dataclass(frozen=True)
class RestartEvent:
    """The job is back in the queue: forget the output so far."""


@dataclass(frozen=True)
class EndEvent:
    """There is no more, unless somebody retries the job."""

    id: str
    state: State


JobEvent: TypeAlias = StateEvent | OutputEvent | RestartEvent | EndEvent


class Lines:
    """Lines of bytes as they come in. Only a line feed ends one: JSON may hold what else Python takes for an end."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        *ended, rest = piece.split(b"\n")
        for line in ended:
            yield b"".join([*self._begun, line])
            self._begun = []
        if rest:
            self._begun.append(rest)

    def rest(self) -> Iterator[bytes]:
        """The last line, when nothing ended it."""
        if self._begun:
            yield b"".join(self._begun)


class EventReader:
    """Reads one event stream after the other; ``last`` is where the next one goes on."""

    def __init__(self, after: str | None) -> None:
        self.last = after
        self.begin()

    def begin(self) -> None:
        """A new connection: what was begun on the last one is sent again."""
        self._lines = Lines()
        self._id = ""
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[JobEvent]:
        for line in self._lines.feed(piece):
            if line:
                self._field(line)
            else:
                event = self._event() if self._data else None
                if event:
                    yield event
                self._id, self._name, self._data = "", "", []

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            self._id = value.decode()
        elif name == b"event":
            self._name = value.decode()
        elif name == b"data":
            self._data.append(value)

    def _event(self) -> JobEvent | None:
        """None for what this client does not know: a newer foreman may have more to tell."""
        name, id, data = self._name, self._id, read_line(b"\n".join(self._data))
        self.last = id or self.last
        if name == "restart":
            return RestartEvent()
        if name == "output":
            return OutputEvent(id, data)
        try:
            if name == "state":
                return StateEvent(id, Job.from_dict(data))
            if name == "end":
                return EndEvent(id, check_state(data["state"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _foreign() from error
        return None


def read_line(line: bytes) -> dict[str, Any]:
    """An object of JSON. Raises ForemanError for what is none; no later connection would say it otherwise."""
    try:
        said = json.loads(line)
    except ValueError as error:
        raise _foreign() from error
    if not isinstance(said, dict):
        raise _foreign()
    return said


def _foreign() -> ForemanError:
    # Only an answer with success is read here.
    return ForemanError("unreachable", "no line of foreman's", status=200)
