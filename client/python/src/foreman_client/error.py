"""The one error of the client, told apart by ``code``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from .generated.models import Job, Problem


class ForemanError(Exception):
    """A refused call, a job that was not done, or a foreman that cannot be reached.

    ``code`` is one of foreman's own codes, or ``unreachable`` (no answer from foreman), ``canceled`` (somebody canceled
    the job) or ``unverified`` (a webhook that is not foreman's).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        problem: Problem | None = None,
        job: Job | None = None,
        job_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        #: HTTP status of the answer, whoever gave it (foreman or a gateway); None without an answer.
        self.status = status
        #: What foreman answered, when it refused the call.
        self.problem = problem
        #: The job, when it failed, was canceled or started over.
        self.job = job
        #: The job that the call is about, when it is known: also of one that is not waited for any longer, and goes on.
        self.job_id = job.id if job else job_id
        #: Seconds after which the call may be made again, when the answer says so.
        self.retry_after_s = retry_after_s


def of_job(id: str, error: ForemanError) -> ForemanError:
    """The same error, with the id of its job."""
    error.job_id = error.job_id or id
    return error


def redirect(response: httpx.Response, url: str) -> ForemanError:
    """Followed, a job that is handed in would become a question for the list. ``url``: where foreman was looked for."""
    asked = str(response.url).removeprefix(url)
    to = str(response.next_request.url) if response.next_request else None
    where = "that of foreman itself"
    said = "a redirect"
    if to and to.endswith(asked):
        where = to.removesuffix(asked)
    elif to:
        said += f" to {to}"
    status = response.status_code
    return ForemanError("unreachable", f"HTTP {status}, {said}: the url to set is {where}", status=status)


def refusal(response: httpx.Response, url: str) -> ForemanError:
    """An answer that is no success, of which the body has been read. ``url``: where foreman was looked for."""
    status = response.status_code
    problem = _problem(response)
    # One of a gateway has a status of its own for that there is nobody behind it.
    another = status < 500 and status != 429
    who = f"what answers at {url} is not foreman" if another else f"no foreman behind {url}"
    return ForemanError(
        problem.code if problem else "unreachable",
        problem.detail if problem else f"{who}: HTTP {status}",
        status=status,
        problem=problem,
        job_id=(problem and problem.job_id) or None,
        retry_after_s=_retry_after_s(response.headers.get("retry-after", "")),
    )


def failure(job: Job) -> ForemanError:
    """A job that ended without being done."""
    if job.state == "canceled":
        return ForemanError("canceled", "the job was canceled", job=job)
    if job.error:
        return ForemanError(job.error.code, job.error.detail, job=job)
    return ForemanError("internal", "the job failed", job=job)


def _retry_after_s(said: str) -> float | None:
    """From a number of seconds or a date."""
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    # A date of HTTP is of UTC, also where it does not say so.
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _problem(response: httpx.Response) -> Problem | None:
    try:
        said: Any = json.loads(response.content)
        return Problem.from_dict(said)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
