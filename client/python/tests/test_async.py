"""The asynchronous face: what a loop and its tasks make different. The rest is the same code, made blocking."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio
import pytest

from foreman_client import AsyncForeman, ChatResponse, Foreman, ForemanError, OutputEvent
from stage import EMBEDDER, TALKER, TOKEN, Process
from test_inference import LONG, MESSAGES, SHORT, working


@asynccontextmanager
async def client(server: Process) -> AsyncIterator[AsyncForeman]:
    async with AsyncForeman(server.url, TOKEN) as opened:
        yield opened


def test_calls_are_answered_side_by_side(foreman: Foreman, server: Process) -> None:
    async def call() -> tuple[ChatResponse, ChatResponse, int]:
        async with client(server) as opened:
            first, second, vectors = await asyncio.gather(
                opened.chat(TALKER, MESSAGES, options=SHORT),
                opened.chat(TALKER, MESSAGES, options=SHORT),
                opened.embed(EMBEDDER, "a"),
            )
            return first, second, len(vectors["embeddings"])

    first, second, vectors = asyncio.run(call())
    assert first["message"] == second["message"]
    assert vectors == 1


def test_more_callers_wait_at_once_than_a_client_usually_has_connections(foreman: Foreman, server: Process) -> None:
    foreman.queue.pause()

    async def call() -> None:
        async with client(server) as opened:
            calls = [asyncio.create_task(opened.generate(TALKER, "", options=SHORT)) for _ in range(120)]
            async with asyncio.timeout(20):
                while (await opened.queue.get()).states["queued"] < 120:
                    await asyncio.sleep(0.05)
            for one in calls:
                one.cancel()
            await asyncio.wait(calls)

    asyncio.run(call())
    assert foreman.jobs.list(state=["queued"]).data == []


def test_a_stream_is_said_part_by_part_and_leaving_it_cancels_its_job(foreman: Foreman, server: Process) -> None:
    async def call() -> list[bool]:
        async with client(server) as opened:
            stream = await opened.chat(TALKER, MESSAGES, stream=True, options=LONG, labels={"test": "async left"})
            async with aclosing(stream) as parts:
                return [(await anext(parts))["done"] for _ in range(3)]

    assert asyncio.run(call()) == [False, False, False]
    [job] = foreman.jobs.list(label=("test", "async left")).data
    assert job.state == "canceled"


def test_a_task_that_is_canceled_cancels_its_job(foreman: Foreman, server: Process) -> None:
    async def call() -> None:
        async with client(server) as opened:
            chat = opened.chat(TALKER, MESSAGES, options=LONG, labels={"test": "task"})
            task = asyncio.create_task(chat)
            await asyncio.to_thread(working, foreman)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(call())
    [job] = foreman.jobs.list(label=("test", "task")).data
    assert job.state == "canceled"


def test_a_scope_that_is_canceled_cancels_its_job(foreman: Foreman, server: Process) -> None:
    async def call() -> None:
        async with client(server) as opened, anyio.create_task_group() as group:

            async def leave() -> None:
                await asyncio.to_thread(working, foreman)
                group.cancel_scope.cancel()

            group.start_soon(leave)
            await opened.chat(TALKER, MESSAGES, options=LONG, labels={"test": "scope"})

    asyncio.run(call())
    [job] = foreman.jobs.list(label=("test", "scope")).data
    assert job.state == "canceled"


def test_a_call_is_answered_although_foreman_is_restarted_meanwhile(foreman: Foreman, server: Process) -> None:
    async def call() -> ChatResponse:
        async with client(server) as opened:
            task = asyncio.create_task(opened.chat(TALKER, MESSAGES, options={"num_predict": 20}))
            await asyncio.to_thread(working, foreman)
            await asyncio.to_thread(server.end, signal.SIGTERM)
            await asyncio.to_thread(server.start)
            return await task

    assert asyncio.run(call())["done"] is True


def test_jobs_are_listed_and_followed(foreman: Foreman, server: Process) -> None:
    async def call() -> tuple[list[str], int]:
        async with client(server) as opened:
            body = {"model": TALKER, "prompt": "Hi", "options": SHORT}
            job = await opened.jobs.submit({"request": {"endpoint": "/api/generate", "body": body}})
            said = [event async for event in opened.jobs.events(job.id) if isinstance(event, OutputEvent)]
            return [one.id async for one in opened.jobs.list_all() if one.id == job.id], len(said)

    listed, said = asyncio.run(call())
    assert len(listed) == 1
    assert said == 4


def test_a_failed_job_raises(foreman: Foreman, server: Process) -> None:
    async def call() -> None:
        async with client(server) as opened:
            await opened.chat("nobody", MESSAGES)

    with pytest.raises(ForemanError) as raised:
        asyncio.run(call())
    assert raised.value.code == "model_missing"


def test_a_stream_that_is_dropped_with_its_client_raises_nothing(
    foreman: Foreman, server: Process, caplog: pytest.LogCaptureFixture
) -> None:
    async def call() -> bool:
        async with client(server) as opened:
            async for part in await opened.chat(TALKER, MESSAGES, stream=True, options=LONG):
                return part["done"]
        return True

    assert asyncio.run(call()) is False
    assert caplog.records == []
