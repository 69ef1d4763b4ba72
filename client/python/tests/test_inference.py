"""Ollama's chat, generate and embed, as jobs."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import pytest

from foreman_client import ChatResponse, Foreman, ForemanError, Job, Message
from played import Answer, played
from stage import EMBEDDER, OTHER, TALKER, TOKEN, Process, free_port, until

MESSAGES: list[Message] = [{"role": "user", "content": "Why is the sky blue?"}]
SHORT = {"num_predict": 3}
#: Longer than any test.
LONG = {"num_predict": 10_000}


def ask(ollama: Process, path: str, body: Mapping[str, object]) -> dict[str, object]:
    answer: dict[str, object] = httpx.post(ollama.url + path, json={**body, "stream": False}, timeout=30).json()
    return answer


def lasting(answer: object) -> dict[str, object]:
    assert isinstance(answer, dict)
    return {name: value for name, value in answer.items() if not name.endswith(("_duration", "_at"))}


@contextmanager
def recorded(server: Process) -> Iterator[tuple[Foreman, list[str]]]:
    """A client, and the calls that it makes."""
    made: list[str] = []
    http = httpx.Client(event_hooks={"request": [lambda request: made.append(f"{request.method} {request.url.path}")]})
    with Foreman(server.url, TOKEN, http_client=http) as foreman:
        yield foreman, made


def working(foreman: Foreman) -> Job:
    return until(lambda: next(iter(foreman.jobs.list(state=["working"]).data), None))


def test_chat_generate_and_embed_return_what_ollama_would_have_returned(foreman: Foreman, ollama: Process) -> None:
    chat = foreman.chat(TALKER, MESSAGES, options=SHORT)
    assert lasting(chat) == lasting(ask(ollama, "/api/chat", {"model": TALKER, "messages": MESSAGES, "options": SHORT}))
    generated = foreman.generate(TALKER, "Hi", options=SHORT, system="Be brief.")
    body = {"model": TALKER, "prompt": "Hi", "options": SHORT, "system": "Be brief."}
    assert lasting(generated) == lasting(ask(ollama, "/api/generate", body))
    embedded = foreman.embed(EMBEDDER, ["a", "b"])
    assert embedded["embeddings"] == ask(ollama, "/api/embed", {"model": EMBEDDER, "input": ["a", "b"]})["embeddings"]


def test_a_stream_gives_the_parts_as_they_are_said(foreman: Foreman) -> None:
    stream = foreman.chat(TALKER, MESSAGES, stream=True, options=LONG)
    parts = [next(stream) for _ in range(3)]
    assert [part["done"] for part in parts] == [False] * 3
    working(foreman)
    stream.close()


def test_a_stream_to_its_end_says_what_the_whole_answer_says(foreman: Foreman) -> None:
    parts = list(foreman.generate(TALKER, "Hi", stream=True, options=SHORT))
    assert parts[-1]["done"] is True
    whole = foreman.generate(TALKER, "Hi", options=SHORT)
    assert "".join(part["response"] for part in parts) == whole["response"]


def test_an_answer_in_time_is_one_call(server: Process) -> None:
    with recorded(server) as (foreman, made):
        foreman.chat(TALKER, MESSAGES, options=SHORT)
    assert made == ["POST /jobs"]


def test_a_chat_is_answered_although_foreman_is_killed_and_started_again_meanwhile(
    foreman: Foreman, server: Process
) -> None:
    answers: list[ChatResponse] = []
    labels = {"test": "killed"}
    caller = threading.Thread(
        target=lambda: answers.append(foreman.chat(TALKER, MESSAGES, options={"num_predict": 20}, labels=labels))
    )
    caller.start()
    working(foreman)
    server.end(signal.SIGKILL)
    server.start()
    caller.join(20)
    assert [answer["done"] for answer in answers] == [True]
    [job] = foreman.jobs.list(label=("test", "killed")).data
    assert (job.state, job.interruptions) == ("done", 1)


def test_a_stream_that_has_said_something_tells_that_its_job_starts_over(foreman: Foreman, server: Process) -> None:
    stream = foreman.chat(TALKER, MESSAGES, stream=True, options={"num_predict": 20})
    next(stream)
    server.end(signal.SIGKILL)
    server.start()
    with pytest.raises(ForemanError) as raised:
        list(stream)
    assert raised.value.code == "interrupted"
    assert raised.value.job
    assert foreman.jobs.wait(raised.value.job.id).state == "done"


def test_a_stream_that_has_said_nothing_yet_goes_on_over_a_restart(foreman: Foreman, server: Process) -> None:
    parts: list[ChatResponse] = []
    caller = threading.Thread(target=lambda: parts.extend(foreman.chat(OTHER, MESSAGES, stream=True, options=SHORT)))
    caller.start()
    job = until(lambda: next(iter(foreman.jobs.list(state=["loading"]).data), None))
    server.end(signal.SIGKILL)
    server.start()
    caller.join(20)
    assert parts[-1]["done"] is True
    assert foreman.jobs.get(job.id).interruptions == 1


def test_an_interrupted_call_cancels_its_job(foreman: Foreman) -> None:
    def interrupt() -> None:
        working(foreman)
        signal.pthread_kill(main, signal.SIGINT)

    main = threading.get_ident()
    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        foreman.chat(TALKER, MESSAGES, options=LONG, labels={"test": "interrupted"})
    interrupter.join()
    [job] = foreman.jobs.list(label=("test", "interrupted")).data
    assert job.state == "canceled"


def test_a_stream_that_is_left_cancels_its_job(foreman: Foreman) -> None:
    for part in foreman.chat(TALKER, MESSAGES, stream=True, options=LONG, labels={"test": "left"}):
        assert part["message"]["content"]
        break
    [job] = foreman.jobs.list(label=("test", "left")).data
    assert job.state == "canceled"


def test_a_stream_that_is_left_after_its_last_part_leaves_its_job_alone(server: Process) -> None:
    with recorded(server) as (foreman, made):
        for part in foreman.chat(TALKER, MESSAGES, stream=True, options=SHORT):
            if part["done"]:
                break
    assert [one.split("/")[-1] for one in made] == ["jobs", "events"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_job_that_fails_raises_with_its_code(foreman: Foreman, stream: bool) -> None:
    with pytest.raises(ForemanError) as raised:
        list(foreman.chat("nobody", MESSAGES, stream=True)) if stream else foreman.chat("nobody", MESSAGES)
    assert raised.value.code == "model_missing"
    assert raised.value.job and raised.value.job.state == "failed"


@pytest.mark.parametrize("stream", [False, True])
def test_a_job_that_somebody_cancels_raises_canceled(foreman: Foreman, stream: bool) -> None:
    def cancel() -> None:
        foreman.jobs.cancel(working(foreman).id)

    somebody = threading.Thread(target=cancel)
    somebody.start()
    with pytest.raises(ForemanError) as raised:
        if stream:
            list(foreman.chat(TALKER, MESSAGES, stream=True, options=LONG))
        else:
            foreman.chat(TALKER, MESSAGES, options=LONG)
    somebody.join()
    assert raised.value.code == "canceled"


def test_a_refused_call_raises_with_the_problem(foreman: Foreman, server: Process) -> None:
    with pytest.raises(ForemanError) as raised:
        foreman.chat("", MESSAGES)
    problem = raised.value.problem
    assert raised.value.code == "invalid_request" and raised.value.status == 422
    assert problem and problem.errors and problem.errors[0].pointer == "/request/body/model"
    with pytest.raises(ForemanError) as raised, Foreman(server.url, "another-token") as stranger:
        stranger.chat(TALKER, MESSAGES)
    assert raised.value.code == "unauthorized" and raised.value.status == 401


def test_the_same_key_makes_one_job(foreman: Foreman) -> None:
    for _ in range(2):
        foreman.chat(TALKER, MESSAGES, options=SHORT, idempotency_key="once", labels={"test": "once"})
    assert len(foreman.jobs.list(label=("test", "once")).data) == 1


def test_a_foreman_that_does_not_come_back_is_told_as_unreachable() -> None:
    with Foreman(f"http://127.0.0.1:{free_port()}", unreachable_s=0) as alone, pytest.raises(ForemanError) as raised:
        alone.chat(TALKER, MESSAGES)
    assert raised.value.code == "unreachable" and raised.value.status is None


def test_what_is_said_of_the_answer_is_of_the_body_and_what_is_said_of_the_job_is_not() -> None:
    with played(Answer(403)) as server, Foreman(server.url) as foreman, pytest.raises(ForemanError):
        called: Message = {"role": "tool", "content": "12", "tool_call_id": "1"}
        foreman.chat(TALKER, [called], logprobs=True, top_logprobs=2, truncate=False, shift=False, timeout_s=60)
    said = json.loads(server.bodies[0])
    body = {"model": TALKER, "messages": [called], "logprobs": True, "top_logprobs": 2}
    assert said["request"]["body"] == {**body, "truncate": False, "shift": False}
    assert said["timeout_s"] == 60


def test_what_can_be_no_json_is_raised_at_once(foreman: Foreman) -> None:
    with pytest.raises(ValueError):
        foreman.chat(TALKER, MESSAGES, options={"temperature": float("nan")})
    with pytest.raises(TypeError):
        foreman.chat(TALKER, MESSAGES, options={"temperature": {1, 2}})


def test_a_token_that_fits_in_no_header_is_raised_at_once_and_not_shown() -> None:
    with pytest.raises(ValueError) as raised:
        Foreman("http://127.0.0.1", "secret\n")
    assert "secret" not in str(raised.value)


def test_an_empty_token_is_none() -> None:
    with played(Answer(403)) as server, Foreman(server.url, "") as foreman, pytest.raises(ForemanError):
        foreman.queue.get()
    assert "authorization" not in {name.lower() for name in server.headers[0]}
