"""Answers that lead elsewhere, and addresses that are none."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from foreman_client import Foreman, ForemanError
from played import Answer, job, played

CALLS: list[tuple[Callable[[Foreman], object], str]] = [
    (lambda foreman: foreman.chat("llama3.2", []), "?wait=25&include=response"),
    (lambda foreman: foreman.jobs.get("job_1", include=["response"]), "/job_1?include=response"),
    (lambda foreman: foreman.jobs.retry("job_1"), "/job_1/retry"),
    (lambda foreman: list(foreman.jobs.events("job_1")), "/job_1/events"),
    (lambda foreman: foreman.jobs.artifact("job_1", "output.txt"), "/job_1/artifacts/output.txt"),
]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(("call", "path"), CALLS)
def test_a_redirect_is_an_error_at_once_which_says_where_it_leads(
    status: int, call: Callable[[Foreman], object], path: str
) -> None:
    with played(Answer(200, job("done"))) as other:
        moved = Answer(status, headers={"location": f"{other.url}/behind/jobs{path}"})
        # Also by a client that follows what others ask of it.
        for http in (None, httpx.Client(follow_redirects=True)):
            with played(moved) as server, Foreman(server.url, http_client=http) as foreman:
                with pytest.raises(ForemanError) as raised:
                    call(foreman)
            said = f"unreachable: HTTP {status}, a redirect: the url to set is {other.url}/behind"
            assert (str(raised.value), raised.value.status) == (said, status)
            assert len(server.asked) == 1
    assert other.asked == []


@pytest.mark.parametrize(
    ("headers", "to"), [({"location": "/sign-in?for=foreman"}, " to {}/sign-in?for=foreman"), ({}, "")]
)
def test_a_redirect_to_another_page_or_to_nowhere_says_that_it_is_one(headers: dict[str, str], to: str) -> None:
    with played(Answer(302, headers=headers)) as server, Foreman(server.url) as foreman:
        with pytest.raises(ForemanError) as raised:
            foreman.jobs.get("job_1")
    said = f"HTTP 302, a redirect{to.format(server.url)}: the url to set is that of foreman itself"
    assert str(raised.value) == f"unreachable: {said}"


def test_a_redirect_to_what_httpx_takes_for_no_address_is_an_error_at_once() -> None:
    moved = Answer(302, headers={"location": "mailto:somebody"})
    with played(moved) as server, Foreman(server.url) as foreman, pytest.raises(ForemanError) as raised:
        foreman.jobs.get("job_1")
    assert raised.value.code == "unreachable"
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["", "127.0.0.1:11435", "ftp://127.0.0.1", "http://", "http://a:b", "http://a/?b"])
def test_an_address_that_is_none_is_raised_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="no http or https address"):
        Foreman(url)
