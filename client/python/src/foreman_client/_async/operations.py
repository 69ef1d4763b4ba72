"""What foreman owes, what waits, and what stands behind it."""

from __future__ import annotations

from collections.abc import Sequence

from .. import calls
from ..generated.models import Delivery, QueuePlan, QueueStatus, TargetStatus
from .connection import AsyncConnection


class AsyncDeliveries:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list(self, job_id: str) -> Sequence[Delivery]:
        """What was sent of a job or will be, with every attempt."""
        return await self._connection.call(calls.deliveries(job_id))

    async def redeliver(self, id: str) -> Delivery:
        return await self._connection.call(calls.deliver_again(id))


class AsyncQueue:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self) -> QueueStatus:
        return await self._connection.call(calls.queue())

    async def plan(self, *, limit: int | None = None) -> QueuePlan:
        """In which order waiting jobs will run, with estimates."""
        return await self._connection.call(calls.plan(limit))

    async def pause(self) -> QueueStatus:
        """No further job starts until ``resume``, over restarts; people's calls go on."""
        return await self._connection.call(calls.pause())

    async def resume(self) -> QueueStatus:
        return await self._connection.call(calls.resume())


class AsyncTarget:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self) -> TargetStatus:
        """The one Ollama: its state, its models, what is loaded."""
        return await self._connection.call(calls.target())
