"""Giving up without an interrupt: the exception of a signal handler, as alarms and task queues raise it."""

from __future__ import annotations

import httpx
import pytest

from foreman_client import Foreman
from played import Answer, job, played


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_is_out_of_time_cancels_the_job(stream: bool) -> None:
    def strike(request: httpx.Request) -> None:
        if request.method == "GET":
            raise TimeoutError("out of time")

    http = httpx.Client(event_hooks={"request": [strike]})
    with played(Answer(202, job("queued"))) as server, Foreman(server.url, http_client=http) as foreman:
        with pytest.raises(TimeoutError, match="out of time"):
            list(foreman.chat("llama3.2", [], stream=True)) if stream else foreman.chat("llama3.2", [])
    assert [one.split("?")[0] for one in server.asked] == ["POST /jobs", "POST /jobs/job_1/cancel"]
