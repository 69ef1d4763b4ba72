"""What foreman owes, what waits, and what stands behind it."""

from __future__ import annotations

from collections.abc import Sequence

from .. import calls
from ..generated.models import Delivery, QueuePlan, QueueStatus, TargetStatus
from .connection import Connection


class Deliveries:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, job_id: str) -> Sequence[Delivery]:
        """What was sent of a job or will be, with every attempt."""
        return self._connection.call(calls.deliveries(job_id))

    def redeliver(self, id: str) -> Delivery:
        return self._connection.call(calls.deliver_again(id))


class Queue:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> QueueStatus:
        return self._connection.call(calls.queue())

    def plan(self, *, limit: int | None = None) -> QueuePlan:
        """In which order waiting jobs will run, with estimates."""
        return self._connection.call(calls.plan(limit))

    def pause(self) -> QueueStatus:
        """No further job starts until ``resume``, over restarts; people's calls go on."""
        return self._connection.call(calls.pause())

    def resume(self) -> QueueStatus:
        return self._connection.call(calls.resume())


class Target:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> TargetStatus:
        """The one Ollama: its state, its models, what is loaded."""
        return self._connection.call(calls.target())
