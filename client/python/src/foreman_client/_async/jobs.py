"""Jobs: handing them over, looking at them, staying with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any

import httpx

from .. import calls
from ..calls import WAIT_S
from ..concurrency import async_sleep
from ..error import ForemanError, failure, of_job
from ..events import EndEvent, EventReader, JobEvent, Lines, read_line
from ..generated.models import Artifact, Job, JobList
from ..generated.models.get_job_include_item import GetJobIncludeItem
from ..generated.models.state import State
from ..patience import unanswered
from ..submission import SubmitJob
from .connection import AsyncConnection

_ended = frozenset({"done", "failed", "canceled"})


class AsyncJobs:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def submit(
        self, job: SubmitJob, *, wait: int | None = None, include: Sequence[GetJobIncludeItem] | None = None
    ) -> Job:
        """Hands a job over; when this returns, it is on disk.

        ``wait``: seconds, 120 at most, to wait for its end. ``include``: response and request are shown if asked
        for.
        """
        return await self._connection.call(calls.submit(job, wait, include))

    async def submit_batch(self, jobs: Sequence[SubmitJob]) -> Sequence[Job]:
        """All of them or none, 1,000 at most."""
        return await self._connection.call(calls.submit_batch(jobs))

    async def get(self, id: str, *, wait: int | None = None, include: Sequence[GetJobIncludeItem] | None = None) -> Job:
        return await self._connection.call(calls.get(id, wait, include))

    async def wait(self, id: str, *, include: Sequence[GetJobIncludeItem] | None = None) -> Job:
        """The job once it is done, failed or canceled, however long that takes and whoever restarts meanwhile."""
        while True:
            try:
                job = await self.get(id, wait=WAIT_S, include=include)
            except ForemanError as error:
                of_job(id, error)
                raise
            if job.state in _ended:
                return job
            # A stopping foreman answers at once: without a pause this would spin until it is gone.
            await async_sleep(0.1)

    async def list(
        self,
        *,
        state: Sequence[State] | None = None,
        model: str | None = None,
        label: tuple[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobList:
        """One page, the newest first; ``next_cursor`` is the ``cursor`` of the next one. ``label``: name and value."""
        return await self._connection.call(
            calls.page(state, model, label, created_after, created_before, limit, cursor)
        )

    async def list_all(
        self,
        *,
        state: Sequence[State] | None = None,
        model: str | None = None,
        label: tuple[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> AsyncGenerator[Job, None]:
        """All jobs that ``list`` has, page after page."""
        cursor: str | None = None
        while True:
            call = calls.page(state, model, label, created_after, created_before, 200, cursor)
            page = await self._connection.call(call)
            for job in page.data:
                yield job
            if not page.next_cursor:
                return
            cursor = page.next_cursor

    async def cancel(self, id: str) -> Job:
        return await self._connection.call(calls.cancel(id))

    async def retry(self, id: str) -> Job:
        """Has a failed or canceled job done anew."""
        return await self._connection.call(calls.retry(id))

    async def delete(self, id: str) -> None:
        """Erases an ended job and all that came of it."""
        await self._connection.call(calls.delete(id))

    async def events(self, id: str, *, after: str | None = None) -> AsyncGenerator[JobEvent, None]:
        """What happens to a job from its start, or after the event with that id, over any cuts, to its end."""
        reader = EventReader(after)
        patience = self._connection.patience()
        while True:
            reader.begin()
            try:
                async with self._connection.open(calls.events(id, reader.last)) as response:
                    if response.status_code == 204:
                        return
                    kind = response.headers.get("content-type", "")
                    if not kind.startswith("text/event-stream"):
                        raise ForemanError("unreachable", f"no events, but {kind}", status=response.status_code)
                    async for piece in response.aiter_bytes():
                        patience.renew()
                        for event in reader.feed(piece):
                            yield event
                            if isinstance(event, EndEvent):
                                return
                error = ForemanError("unreachable", "the events ended before the job did")
            except httpx.RequestError as cut:
                error = unanswered(cut, self._connection.url)
            except ForemanError as refused:
                error = refused
            await async_sleep(patience.pause_s(of_job(id, error)))

    async def stream(self, id: str) -> AsyncGenerator[dict[str, Any], None]:
        """The target's own lines from the start of the attempt, live or again; of a job of ``/v1`` its answer, once.

        Only a whole answer ends without an error. ``interrupted``: the job or foreman has started over; so may you.
        """
        patience = self._connection.patience()
        said = False
        while True:
            lines = Lines()
            try:
                async with self._connection.open(calls.stream(id)) as response:
                    patience.renew()
                    async for piece in response.aiter_bytes():
                        for line in lines.feed(piece):
                            said = True
                            yield read_line(line)
                    for line in lines.rest():
                        yield read_line(line)
                    return
            except httpx.RequestError as cut:
                if said:
                    raise await self._cut(id) from cut
                # A gateway has no more patience with a job that waits.
                error = unanswered(cut, self._connection.url)
            except ForemanError as refused:
                error = refused
            await async_sleep(patience.pause_s(of_job(id, error)))

    async def _cut(self, id: str) -> ForemanError:
        job = await self.get(id)
        if job.state in ("failed", "canceled"):
            return failure(job)
        return ForemanError("interrupted", "the stream was cut before its end", job=job)

    async def artifacts(self, id: str) -> Sequence[Artifact]:
        return await self._connection.call(calls.artifacts(id))

    async def artifact(self, id: str, name: str) -> bytes:
        return await self._connection.call(calls.artifact(id, name))
