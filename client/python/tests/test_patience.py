"""What is tried again and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from foreman_client import Foreman, ForemanError, SubmitJob
from foreman_client.error import refusal
from foreman_client.patience import Patience, unanswered
from played import Answer, job, played

OVER = Answer(403)
URL = "http://127.0.0.1:11435"


def problem(code: str, status: int, headers: dict[str, str] | None = None) -> Answer:
    said = {"type": f"urn:foreman:problem:{code}", "title": code, "status": status, "detail": code, "code": code}
    return Answer(status, json.dumps({**said, "source": "foreman"}).encode(), headers or {})


def chat(foreman: Foreman) -> object:
    return foreman.chat("llama3.2", [])


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 413, 422, 500, 507])
def test_an_answer_of_status_is_final_whoever_gives_it(status: int) -> None:
    with played(Answer(status, b"<html>no</html>")) as server, Foreman(server.url, unreachable_s=10) as foreman:
        for call in (chat, lambda foreman: foreman.jobs.get("job_1")):
            with pytest.raises(ForemanError) as raised:
                call(foreman)
            assert (raised.value.code, raised.value.status) == ("unreachable", status)
            said = {302: "HTTP 302, a redirect", 500: "no foreman behind", 507: "no foreman behind"}
            assert said.get(status, f"what answers at {server.url} is not foreman: HTTP {status}") in str(raised.value)
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_gateway_is_asked_again_with_the_same_key(status: int) -> None:
    with (
        played(Answer(status, b"<html>later</html>"), OVER) as server,
        Foreman(server.url, unreachable_s=10) as foreman,
    ):
        with pytest.raises(ForemanError) as raised:
            chat(foreman)
    assert raised.value.status == 403
    assert server.asked == ["POST /jobs?wait=25&include=response"] * 2
    assert server.bodies[0] == server.bodies[1]
    assert json.loads(server.bodies[0])["idempotency_key"]


@pytest.mark.parametrize("batch", [False, True])
def test_a_job_that_has_no_key_gets_one_before_it_is_sent(batch: bool) -> None:
    job: SubmitJob = {"request": {"endpoint": "/api/chat", "body": {"model": "llama3.2", "messages": []}}}
    with played(Answer(502), OVER) as server, Foreman(server.url, unreachable_s=10) as foreman:
        with pytest.raises(ForemanError):
            foreman.jobs.submit_batch([job]) if batch else foreman.jobs.submit(job)
    assert server.bodies[0] == server.bodies[1]
    said = json.loads(server.bodies[0])
    assert (said["jobs"][0] if batch else said)["idempotency_key"]


def test_half_an_answer_is_asked_for_again() -> None:
    with played(Answer(200, b"{", missing=9), OVER) as server, Foreman(server.url, unreachable_s=10) as foreman:
        with pytest.raises(ForemanError) as raised:
            chat(foreman)
    assert raised.value.status == 403


def test_an_answer_that_cannot_be_decoded_is_asked_for_again() -> None:
    broken = Answer(200, b"no gzip", {"content-encoding": "gzip"})
    with played(broken, OVER) as server, Foreman(server.url, unreachable_s=10) as foreman:
        with pytest.raises(ForemanError) as raised:
            chat(foreman)
    assert raised.value.status == 403
    with played(broken) as server, Foreman(server.url, unreachable_s=0) as foreman:
        for call in (chat, lambda foreman: foreman.jobs.get("job_1"), lambda f: list(f.jobs.stream("job_1"))):
            with pytest.raises(ForemanError) as raised:
                call(foreman)
            assert raised.value.code == "unreachable"


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_can_wait_no_longer_is_told_of_which_job_and_the_job_is_left_alone(stream: bool) -> None:
    with (
        played(Answer(202, job("queued")), Answer(200, b"{", missing=9)) as server,
        Foreman(server.url, unreachable_s=0) as foreman,
        pytest.raises(ForemanError) as raised,
    ):
        list(foreman.chat("llama3.2", [], stream=True)) if stream else chat(foreman)
    assert (raised.value.code, raised.value.job_id) == ("unreachable", "job_1")
    assert len(server.asked) == 2


def test_what_says_when_to_come_back_is_asked_again_and_no_other_problem() -> None:
    full = problem("queue_full", 503, {"retry-after": "1"})
    with played(full, problem("model_missing", 502)) as server, Foreman(server.url, unreachable_s=10) as foreman:
        with pytest.raises(ForemanError) as raised:
            chat(foreman)
    assert raised.value.code == "model_missing"
    assert raised.value.problem
    assert len(server.asked) == 2


@pytest.mark.parametrize("call", [lambda foreman: foreman.jobs.retry("job_1"), lambda f: f.jobs.delete("job_1")])
def test_what_may_not_be_done_twice_is_not_asked_again_when_it_may_have_arrived(
    call: Callable[[Foreman], object],
) -> None:
    with played(Answer(502), OVER) as server, Foreman(server.url, unreachable_s=10) as foreman:
        with pytest.raises(ForemanError) as raised:
            call(foreman)
    assert raised.value.status == 502
    with (
        played(problem("stopping", 503, {"retry-after": "0"}), OVER) as server,
        Foreman(server.url, unreachable_s=10) as foreman,
    ):
        with pytest.raises(ForemanError) as raised:
            call(foreman)
    assert raised.value.status == 403


def test_an_answer_that_is_not_of_foreman_is_told_so() -> None:
    for body in (b"<html>sign in</html>", b'{"signed_in": false}', b"[]"):
        with (
            played(Answer(200, body)) as server,
            Foreman(server.url, unreachable_s=10) as foreman,
            pytest.raises(ForemanError) as raised,
        ):
            chat(foreman)
        assert (raised.value.code, raised.value.status) == ("unreachable", 200)


def test_a_first_try_that_fails_is_logged_with_where_foreman_was_looked_for(caplog: pytest.LogCaptureFixture) -> None:
    Patience(300).pause_s(unanswered(httpx.ConnectError("refused"), URL))
    assert caplog.messages == [f"trying again for 300 s: unreachable: no foreman at {URL}: refused"]


def test_pauses_grow_to_five_seconds_and_begin_anew_after_an_answer() -> None:
    patience = Patience(300)
    error = unanswered(httpx.ConnectError("refused"), URL)
    pauses = [patience.pause_s(error) for _ in range(7)]
    assert pauses == [0.25, 0.5, 1, 2, 4, 5, 5]
    patience.renew()
    assert patience.pause_s(error) == 0.25


def test_a_pause_is_as_long_as_foreman_says_and_no_longer_than_there_is_patience() -> None:
    full = httpx.Response(429, headers={"retry-after": "30"})
    assert Patience(60).pause_s(refusal(full, URL)) == 30
    with pytest.raises(ForemanError) as raised:
        Patience(20).pause_s(refusal(full, URL))
    assert raised.value.retry_after_s == 30


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S -0000"])
def test_a_pause_may_be_told_as_a_date(form: str) -> None:
    for seconds, told in ((3600, range(3590, 3601)), (-3600, range(1))):
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        after = refusal(httpx.Response(503, headers={"retry-after": at.strftime(form)}), URL).retry_after_s
        assert after is not None and int(after) in told


@pytest.mark.parametrize(
    "value", ["", "-5", "1.5", "soon", "Thu, 99 Foo 2026 00:00:00 GMT", f"Thu, 1 Jan {10**20} 00:00:00 GMT"]
)
def test_a_pause_that_is_none_is_passed_over(value: str) -> None:
    assert refusal(httpx.Response(503, headers={"retry-after": value}), URL).retry_after_s is None


def test_a_pause_beyond_all_is_longer_than_any_patience() -> None:
    full = httpx.Response(503, headers={"retry-after": "9" * 400})
    with pytest.raises(ForemanError):
        Patience(1e300).pause_s(refusal(full, URL))


def test_a_call_that_was_never_sent_is_sent_again_whatever_it_does() -> None:
    assert Patience(60).pause_s(unanswered(httpx.ConnectError("refused"), URL), safe=False)
    with pytest.raises(ForemanError):
        Patience(60).pause_s(unanswered(httpx.ReadError("reset"), URL), safe=False)
    with pytest.raises(ForemanError):
        Patience(60).pause_s(unanswered(httpx.UnsupportedProtocol("ftp"), URL))
