"""Event streams as bytes, cut anywhere."""

from __future__ import annotations

import json

import pytest

from foreman_client import EndEvent, Foreman, ForemanError, OutputEvent, RestartEvent, calls
from foreman_client.events import EventReader, JobEvent, Lines
from played import Answer, job, played

#: What Python takes for the end of a line and JSON does not.
SAID = {"message": {"content": "a\u2028b\u0085c\x1c"}}

STREAM = (
    b"retry: 2000\n\n"
    b":\n\n"
    b"id: 3-1\nevent: output\ndata: " + json.dumps(SAID, ensure_ascii=False).encode() + b"\n\n"
    b"event: restart\ndata: {}\n\n"
    b'id: 5-1\nevent: output\ndata: {"done":\ndata: true}\n\n'
    b"id: 6\n\n"
    b'id: 7-1\nevent: end\ndata: {"state":"done"}\n\n'
)
EVENT_STREAM = {"content-type": "text/event-stream"}
EVENTS = [OutputEvent("3-1", SAID), RestartEvent(), OutputEvent("5-1", {"done": True}), EndEvent("7-1", "done")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_events_are_the_same_however_their_bytes_come(size: int) -> None:
    reader = EventReader(None)
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [event for piece in pieces for event in reader.feed(piece)] == EVENTS
    assert reader.last == "7-1"


def test_what_a_cut_left_unfinished_is_forgotten_and_the_place_is_kept() -> None:
    reader = EventReader(None)
    cut = STREAM.index(b"event: end")
    seen: list[JobEvent] = list(reader.feed(STREAM[:cut]))
    assert reader.last == "5-1"
    reader.begin()
    assert [*seen, *reader.feed(b'id: 7-1\nevent: end\ndata: {"state":"done"}\n\n')] == EVENTS


def test_a_stream_that_is_cut_again_and_again_goes_on_where_it_was() -> None:
    cuts = [0, STREAM.index(b"event: restart"), STREAM.index(b"true}"), STREAM.index(b"event: end")]
    # Of an event that was cut, all comes again.
    begin = [cuts[0], cuts[1], STREAM.index(b"id: 5-1"), STREAM.index(b"id: 7-1")]
    parts = [
        Answer(200, STREAM[start:end], EVENT_STREAM, missing=1) for start, end in zip(begin, cuts[1:], strict=False)
    ]
    with played(*parts, Answer(200, STREAM[begin[-1] :], EVENT_STREAM)) as server:
        # Patience for one pause and no second one: each answer renews it.
        with Foreman(server.url, unreachable_s=0.3) as foreman:
            assert list(foreman.jobs.events("job_1")) == EVENTS
    assert server.asked == [
        f"GET /jobs/job_1/events{after}" for after in ("", "?after=3-1", "?after=3-1", "?after=5-1")
    ]


def test_what_a_newer_foreman_tells_besides_is_passed_over_and_the_place_is_kept() -> None:
    reader = EventReader(None)
    assert list(reader.feed(b"id: 3-1\nevent: weather\ndata: {}\n\nid: 3-2\ndata: {}\n\n")) == []
    assert reader.last == "3-2"
    reader = EventReader("3-1")
    assert list(reader.feed(b"event: output\ndata: {}\n\n")) == [OutputEvent("", {})]
    assert reader.last == "3-1"


@pytest.mark.parametrize("data", [b"<html>", b"[]", b'{"state": "lost"}'])
def test_an_event_that_cannot_be_read_ends_them_and_is_not_asked_for_again(data: bytes) -> None:
    text = b"id: 3-1\nevent: end\ndata: " + data + b"\n\n"
    with played(Answer(200, text, EVENT_STREAM)) as server, Foreman(server.url, unreachable_s=10) as foreman:
        with pytest.raises(ForemanError) as raised:
            list(foreman.jobs.events("job_1"))
    assert (raised.value.code, len(server.asked)) == ("unreachable", 1)


@pytest.mark.parametrize("call", ["events", "stream"])
def test_a_page_is_no_stream_and_is_not_asked_for_again(call: str) -> None:
    with played(Answer(200, b"<html>sign in</html>")) as server, Foreman(server.url, unreachable_s=10) as foreman:
        with pytest.raises(ForemanError) as raised:
            list(getattr(foreman.jobs, call)("job_1"))
    assert (raised.value.code, raised.value.status, len(server.asked)) == ("unreachable", 200, 1)


def test_a_stream_that_is_cut_before_it_says_anything_is_asked_for_again() -> None:
    with played(Answer(200, b'{"do', missing=1), Answer(200, b'{"done": true}\n')) as server:
        with Foreman(server.url, unreachable_s=10) as foreman:
            assert list(foreman.jobs.stream("job_1")) == [{"done": True}]


def test_a_stream_that_is_silent_before_it_says_anything_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "STREAM_QUIET_S", 0.5)
    silent = Answer(200, missing=9, silent=True)
    with played(silent, silent, Answer(200, b'{"done": true}\n')) as server:
        # Patience for one pause and no second one: each answer renews it.
        with Foreman(server.url, unreachable_s=0.3) as foreman:
            assert list(foreman.jobs.stream("job_1")) == [{"done": True}]


def test_a_stream_that_falls_silent_halfway_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "STREAM_QUIET_S", 0.5)
    halfway = Answer(200, b'{"done": false}\n', missing=9, silent=True)
    with played(halfway, Answer(200, job("working"))) as server, Foreman(server.url) as foreman:
        stream = foreman.jobs.stream("job_1")
        assert next(stream) == {"done": False}
        with pytest.raises(ForemanError) as raised:
            next(stream)
    assert (raised.value.code, raised.value.job_id) == ("interrupted", "job_1")


def test_a_line_with_an_error_in_a_stream_is_no_part_of_the_answer_but_what_its_job_fails_by() -> None:
    failed = job("failed", error={"code": "target_failed", "detail": "unexpected EOF"})
    said = (
        b'id: 1-0\nevent: output\ndata: {"response": "a", "done": false}\n\n'
        b'id: 1-1\nevent: output\ndata: {"error": "unexpected EOF"}\n\n'
        b'id: 2-1\nevent: end\ndata: {"state": "failed"}\n\n'
    )
    answers = Answer(202, job("queued")), Answer(200, said, EVENT_STREAM), Answer(200, failed)
    with played(*answers) as server, Foreman(server.url) as foreman:
        stream = foreman.generate("llama3.2", "Hi", stream=True)
        assert next(stream)["response"] == "a"
        with pytest.raises(ForemanError) as raised:
            next(stream)
    assert (raised.value.code, raised.value.job_id) == ("target_failed", "job_1")


def test_a_last_line_needs_no_end() -> None:
    lines = Lines()
    assert list(lines.feed(b"a\nb")) == [b"a"]
    assert list(lines.rest()) == [b"b"]
