"""The client: Ollama's chat, generate and embed as durable jobs that are waited for, and all else foreman can do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self, Unpack, cast, overload

import httpx

from .. import calls
from ..calls import WAIT_S
from ..concurrency import async_undisturbed
from ..error import ForemanError, failure
from ..events import EndEvent, OutputEvent, RestartEvent
from ..generated.models import Job
from ..generated.models.job_request_endpoint import JobRequestEndpoint
from ..ollama import ChatOptions, ChatResponse, EmbedOptions, EmbedResponse, GenerateOptions, GenerateResponse, Message
from ..submission import SubmitJob, inference
from ..webhooks import Webhooks
from .connection import AsyncConnection
from .jobs import AsyncJobs
from .operations import AsyncDeliveries, AsyncQueue, AsyncTarget


class AsyncForeman:
    """Calls wait out restarts and gateways; each raises ForemanError when foreman refuses it or a job was not done.

    ``url``: where foreman listens, ``http://127.0.0.1:11435`` for example. ``token``: one of its tokens.
    ``unreachable_s``: seconds without an answer from foreman after which a call gives up.
    ``http_client``: in place of one of its own, for a proxy or certificates.
    """

    webhooks = Webhooks()

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        unreachable_s: float = 300,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._connection = AsyncConnection(url, token, unreachable_s, http_client)
        self.jobs = AsyncJobs(self._connection)
        self.deliveries = AsyncDeliveries(self._connection)
        self.queue = AsyncQueue(self._connection)
        self.target = AsyncTarget(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._connection.close()

    @overload
    async def chat(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        stream: Literal[False] = False,
        **more: Unpack[ChatOptions],
    ) -> ChatResponse: ...

    @overload
    async def chat(
        self, model: str, messages: Sequence[Message], *, stream: Literal[True], **more: Unpack[ChatOptions]
    ) -> AsyncGenerator[ChatResponse, None]: ...

    async def chat(
        self, model: str, messages: Sequence[Message], *, stream: bool = False, **more: Unpack[ChatOptions]
    ) -> ChatResponse | AsyncGenerator[ChatResponse, None]:
        """Ollama's /api/chat, as a job: returns what Ollama would have returned.

        Whoever leaves (an interrupt, a task that is canceled, a stream that is closed) cancels the job. A stream begins
        with its first part; if the job starts over after something was said, it raises ``interrupted``, with the job,
        which goes on.
        """
        given = {"model": model, "messages": messages, **more}
        return cast(ChatResponse, await self._call("/api/chat", given, stream))

    @overload
    async def generate(
        self, model: str, prompt: str, *, stream: Literal[False] = False, **more: Unpack[GenerateOptions]
    ) -> GenerateResponse: ...

    @overload
    async def generate(
        self, model: str, prompt: str, *, stream: Literal[True], **more: Unpack[GenerateOptions]
    ) -> AsyncGenerator[GenerateResponse, None]: ...

    async def generate(
        self, model: str, prompt: str, *, stream: bool = False, **more: Unpack[GenerateOptions]
    ) -> GenerateResponse | AsyncGenerator[GenerateResponse, None]:
        """Ollama's /api/generate, as a job; like ``chat``."""
        given = {"model": model, "prompt": prompt, **more}
        return cast(GenerateResponse, await self._call("/api/generate", given, stream))

    async def embed(self, model: str, input: str | Sequence[str], **more: Unpack[EmbedOptions]) -> EmbedResponse:
        """Ollama's /api/embed, as a job."""
        given = {"model": model, "input": input, **more}
        return cast(EmbedResponse, await self._call("/api/embed", given, False))

    async def _call(self, endpoint: JobRequestEndpoint, given: Mapping[str, Any], stream: bool) -> object:
        job = inference(endpoint, given)
        return self._stream(job) if stream else await self._answer(job)

    async def _answer(self, submitted: SubmitJob) -> dict[str, Any]:
        job: Job | None = None
        try:
            job = await self.jobs.submit(submitted, wait=WAIT_S, include=["response"])
            if job.state not in ("done", "failed", "canceled"):
                job = await self.jobs.wait(job.id, include=["response"])
        except ForemanError:
            raise
        except BaseException:
            await self._leave(submitted, job)
            raise
        if job.state == "done" and job.response:
            return job.response.additional_properties
        raise failure(job)

    async def _stream(self, submitted: SubmitJob) -> AsyncGenerator[dict[str, Any], None]:
        job: Job | None = None
        said = whole = False
        try:
            job = await self.jobs.submit(submitted)
            async with aclosing(self.jobs.events(job.id)) as events:
                async for event in events:
                    # Ollama's last words on a runner that died are no part: what foreman makes of them follows.
                    if isinstance(event, OutputEvent) and "error" in event.line:
                        continue
                    if isinstance(event, OutputEvent):
                        said, whole = True, event.line.get("done") is True
                        yield event.line
                    elif isinstance(event, RestartEvent) and said:
                        job = await self.jobs.get(job.id)
                        raise ForemanError("interrupted", "the job starts over: what it has said is void", job=job)
                    elif isinstance(event, EndEvent) and event.state != "done":
                        raise failure(await self.jobs.get(job.id))
        except ForemanError:
            raise
        except BaseException:
            if not whole:
                await self._leave(submitted, job)
            raise

    async def _leave(self, submitted: SubmitJob, job: Job | None) -> None:
        """Best effort: the caller is leaving and wants its own reason, not ours."""
        with async_undisturbed():
            try:
                if job is None:
                    # The submit may have arrived although its answer did not: the key finds that job again.
                    job = await self._connection.once(calls.submit(submitted, None, None), within_s=5)
                await self._connection.once(calls.cancel(job.id), within_s=5)
            except Exception:
                # It ended by itself, or foreman is away: then nothing holds the target for this caller either. Or the
                # client was closed before the stream was, or what there is to submit can be no JSON.
                pass
