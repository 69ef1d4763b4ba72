"""Artifacts are whole or none."""

from __future__ import annotations

from hashlib import sha256

import pytest

from foreman_client import Foreman, ForemanError
from played import Answer, played

TAG = sha256(b"hello").hexdigest()
WHOLE = Answer(200, b"hello", {"etag": f'"{TAG}"'})


@pytest.mark.parametrize("tag", [f'"{TAG}"', f'W/"{TAG}"', f'"{TAG}-gzip"'])
def test_what_is_fetched_is_what_foreman_has_whatever_a_gateway_makes_of_its_tag(tag: str) -> None:
    with played(Answer(200, b"hello", {"etag": tag})) as server, Foreman(server.url) as foreman:
        assert foreman.jobs.artifact("job_1", "output.txt") == b"hello"


@pytest.mark.parametrize(("body", "tag"), [(b"hell", f'"{TAG}"'), (b"<html>sign in</html>", "")])
def test_what_is_something_else_is_none(body: bytes, tag: str) -> None:
    with played(Answer(200, body, {"etag": tag})) as server, Foreman(server.url) as foreman:
        with pytest.raises(ForemanError) as raised:
            foreman.jobs.artifact("job_1", "output.txt")
    assert (raised.value.code, raised.value.status) == ("unreachable", 200)


def test_what_is_cut_is_asked_for_again() -> None:
    with played(Answer(200, b"hell", WHOLE.headers, missing=1), WHOLE) as server, Foreman(server.url) as foreman:
        assert foreman.jobs.artifact("job_1", "output.txt") == b"hello"
