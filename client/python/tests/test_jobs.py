"""Jobs: what is handed over, shown, followed and fetched."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta

import pytest

from foreman_client import EndEvent, Foreman, ForemanError, OutputEvent, RestartEvent, StateEvent, SubmitJob
from foreman_client.generated import models
from foreman_client.submission import DeliverSpec, JobRequest, WebhookSpec
from stage import TALKER, Process, free_port


def talk(tokens: int, **labels: str) -> SubmitJob:
    messages = [{"role": "user", "content": "Hello"}]
    body = {"model": TALKER, "messages": messages, "options": {"num_predict": tokens}}
    return {"request": {"endpoint": "/api/chat", "body": body}, "labels": labels}


def test_a_job_is_handed_over_waited_for_and_shown_with_what_came_of_it(foreman: Foreman) -> None:
    job = foreman.jobs.submit({**talk(3, feed="42"), "start_by": datetime.now(UTC) + timedelta(hours=1)})
    assert job.state == "queued" and job.labels["feed"] == "42"
    assert foreman.jobs.wait(job.id).state == "done"
    shown = foreman.jobs.get(job.id, include=["request", "response"])
    assert shown.request.body and shown.request.body["model"] == TALKER
    assert shown.response and shown.response["done"] is True
    assert shown.usage and shown.usage.output_tokens == 3
    assert not shown.error


def test_numbers_beyond_two_to_the_53_arrive_as_they_are(foreman: Foreman) -> None:
    foreman.queue.pause()
    seed = 2**63 - 25
    request: JobRequest = {"endpoint": "/v1/embeddings", "body": {"model": "m", "input": "x", "seed": seed, "t": 0.1}}
    job = foreman.jobs.submit({"request": request})
    shown = foreman.jobs.get(job.id, include=["request"]).request
    assert shown.body and shown.body.to_dict() == request["body"]


def test_a_batch_is_all_or_none(foreman: Foreman) -> None:
    jobs = foreman.jobs.submit_batch([talk(1, test="batch"), talk(1, test="batch")])
    assert [job.labels["test"] for job in jobs] == ["batch", "batch"]
    with pytest.raises(ForemanError) as raised:
        foreman.jobs.submit_batch([talk(1, test="none"), {"request": {"endpoint": "/api/chat", "body": {}}}])
    assert raised.value.problem and raised.value.problem.errors
    assert raised.value.problem.errors[0].pointer == "/jobs/1/request/body/model"
    assert foreman.jobs.list(label=("test", "none")).data == []


def test_a_list_goes_on_page_after_page(foreman: Foreman) -> None:
    foreman.queue.pause()
    before = datetime.now(UTC)
    made = [job.id for job in foreman.jobs.submit_batch([talk(1, test="pages") for _ in range(203)])]
    first = foreman.jobs.list(label=("test", "pages"), limit=2)
    assert [job.id for job in first.data] == made[:-3:-1]
    second = foreman.jobs.list(label=("test", "pages"), limit=2, cursor=first.next_cursor or None)
    assert [job.id for job in second.data] == made[-3:-5:-1]
    every = list(foreman.jobs.list_all(model=TALKER, state=["queued", "working"], created_after=before))
    assert [job.id for job in every] == made[::-1]
    assert list(foreman.jobs.list_all(label=("test", "pages"), created_before=before)) == []


def test_cancel_retry_and_delete(foreman: Foreman) -> None:
    job = foreman.jobs.submit(talk(10_000))
    assert foreman.jobs.cancel(job.id).state == "canceled"
    foreman.queue.pause()
    assert foreman.jobs.retry(job.id).state == "queued"
    with pytest.raises(ForemanError) as raised:
        foreman.jobs.delete(job.id)
    assert raised.value.code == "conflict"
    foreman.jobs.cancel(job.id)
    foreman.jobs.delete(job.id)
    with pytest.raises(ForemanError) as raised:
        foreman.jobs.get(job.id)
    assert raised.value.code == "gone" and raised.value.status == 410


def test_events_tell_it_all_and_go_on_after_the_one_that_was_seen_last(foreman: Foreman) -> None:
    job = foreman.jobs.submit(talk(3))
    events = list(foreman.jobs.events(job.id))
    states = [event.job.state for event in events if isinstance(event, StateEvent)]
    assert states[0] == "queued" and states[-2:] == ["working", "done"]
    said = [event for event in events if isinstance(event, OutputEvent)]
    assert [event.line["done"] for event in said] == [False, False, False, True]
    end = events[-1]
    assert isinstance(end, EndEvent) and end.state == "done"
    assert list(foreman.jobs.events(job.id, after=said[1].id)) == events[events.index(said[1]) + 1 :]
    assert list(foreman.jobs.events(job.id, after=end.id)) == []


def test_events_go_on_over_a_restart_and_say_what_is_void(foreman: Foreman, server: Process) -> None:
    job = foreman.jobs.submit(talk(20))
    seen = []
    for event in foreman.jobs.events(job.id):
        seen.append(event)
        if isinstance(event, OutputEvent) and len([one for one in seen if isinstance(one, OutputEvent)]) == 1:
            server.end(signal.SIGKILL)
            server.start()
    placed = [event.id for event in seen if not isinstance(event, RestartEvent)]
    assert len(set(placed)) == len(placed)
    restarts = [place for place, event in enumerate(seen) if isinstance(event, RestartEvent)]
    assert restarts
    said = [event.line for event in seen[restarts[-1] :] if isinstance(event, OutputEvent)]
    assert list(foreman.jobs.stream(job.id)) == said
    assert len(said) == 21


def test_a_stream_gives_the_targets_own_lines_and_is_cut_where_they_are(foreman: Foreman) -> None:
    job = foreman.jobs.submit(talk(10_000))
    with pytest.raises(ForemanError) as raised:
        for _ in foreman.jobs.stream(job.id):
            foreman.jobs.cancel(job.id)
    assert raised.value.code == "canceled"
    with pytest.raises(ForemanError) as raised:
        list(foreman.jobs.stream(job.id))
    assert raised.value.code == "conflict"


def test_a_stream_of_a_job_of_v1_is_its_answer(foreman: Foreman) -> None:
    body = {"model": TALKER, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    job = foreman.jobs.submit({"request": {"endpoint": "/v1/chat/completions", "body": body}})
    [answer] = foreman.jobs.stream(job.id)
    assert answer["object"] == "chat.completion"


def test_artifacts_are_listed_and_fetched(foreman: Foreman) -> None:
    job = foreman.jobs.submit(talk(3), wait=25, include=["response"])
    assert job.response
    assert [one.name for one in foreman.jobs.artifacts(job.id)] == [one.name for one in job.artifacts]
    assert json.loads(foreman.jobs.artifact(job.id, "response.json")) == job.response.to_dict()
    with pytest.raises(ForemanError) as raised:
        foreman.jobs.artifact(job.id, "a name/with ä?")
    assert raised.value.code == "not_found"


def test_what_a_job_owes_is_told_and_sent_again(foreman: Foreman) -> None:
    deliver: DeliverSpec = {"url": f"http://127.0.0.1:{free_port()}/{{name}}"}
    job = foreman.jobs.submit({**talk(1), "deliver": deliver}, wait=25)
    owed = foreman.deliveries.list(job.id)
    assert {one.artifact for one in owed} == {one.name for one in job.artifacts}
    again = foreman.deliveries.redeliver(owed[0].id)
    assert (again.id, again.state) == (owed[0].id, "pending")


def test_the_queue_is_shown_planned_paused_and_resumed_and_the_target_shown(foreman: Foreman) -> None:
    assert foreman.queue.pause().paused is True
    job = foreman.jobs.submit(talk(1))
    assert foreman.queue.get().paused is True
    assert [one.id for one in foreman.queue.plan(limit=1).data] == [job.id]
    assert foreman.queue.resume().paused is False
    assert TALKER in str(foreman.target.get().models)


def test_what_is_handed_over_has_the_members_of_the_document() -> None:
    for ours, documents in (
        (SubmitJob, models.SubmitJob),
        (JobRequest, models.JobRequest),
        (WebhookSpec, models.WebhookSpec),
        (DeliverSpec, models.DeliverSpec),
    ):
        members = set(documents.__annotations__) - {"additional_properties"}
        assert set(ours.__annotations__) == members
