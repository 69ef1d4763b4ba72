"""Giving up without an interrupt: the exception of a signal handler, as alarms and task queues raise it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from foreman_client import Foreman
from played import Answer, played

NOW = datetime.now(UTC).isoformat()
QUEUED = json.dumps(
    {
        **{"id": "job_1", "state": "queued", "sequence": 1, "request": {"endpoint": "/api/chat", "model": "llama3.2"}},
        **{"labels": {}, "created_at": NOW, "queued_at": NOW, "loading_at": None, "working_at": None},
        **{"finished_at": None, "attempt": 0, "max_attempts": 3, "interruptions": 0, "timeout_s": 60, "artifacts": []},
        "links": {"self": "", "events": "", "stream": "", "cancel": ""},
    }
).encode()


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_is_out_of_time_cancels_the_job(stream: bool) -> None:
    def strike(request: httpx.Request) -> None:
        if request.method == "GET":
            raise TimeoutError("out of time")

    http = httpx.Client(event_hooks={"request": [strike]})
    with played(Answer(202, QUEUED)) as server, Foreman(server.url, http_client=http) as foreman:
        with pytest.raises(TimeoutError, match="out of time"):
            list(foreman.chat("llama3.2", [], stream=True)) if stream else foreman.chat("llama3.2", [])
    assert [one.split("?")[0] for one in server.asked] == ["POST /jobs", "POST /jobs/job_1/cancel"]
