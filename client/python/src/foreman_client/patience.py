"""Trying again: a call that got no answer, or was told to come back, is made again until the time for that is over.

Any other refusal is final. How long one pauses is decided here, the pausing is done by those who call.
"""

from __future__ import annotations

import logging
import time

import httpx

from .error import ForemanError

log = logging.getLogger("foreman_client")

_first_s = 0.25
_longest_s = 5.0
#: What gateways answer while there is nobody behind them.
_passing = frozenset({429, 502, 503, 504})
#: No later try would send these.
_unsendable = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)


def unanswered(error: httpx.RequestError | httpx.InvalidURL, url: str) -> ForemanError:
    """A call that got no answer, or half of one. ``url``: where foreman was looked for."""
    unreachable = ForemanError("unreachable", f"no foreman at {url}: {str(error) or type(error).__name__}")
    unreachable.__cause__ = error
    return unreachable


class Patience:
    """What one caller has of it: ``unreachable_s`` seconds from the last answer."""

    def __init__(self, unreachable_s: float) -> None:
        self._unreachable_s = unreachable_s
        self._pause_s = _first_s
        self._until: float | None = None

    def renew(self) -> None:
        """There was an answer."""
        self._pause_s = _first_s
        self._until = None

    def pause_s(self, error: ForemanError, *, safe: bool = True) -> float:
        """Seconds to wait before the next try; raises ``error`` when there is none.

        ``safe``: whether the call may be made again although the first may have arrived.
        """
        if not _passes(error, safe):
            raise error
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._unreachable_s
            log.warning("trying again for %g s: %s", self._unreachable_s, error)
        pause_s = max(self._pause_s, error.retry_after_s or 0)
        if now + pause_s > self._until:
            raise error
        self._pause_s = min(2 * self._pause_s, _longest_s)
        return pause_s


def _passes(error: ForemanError, safe: bool) -> bool:
    if error.status is None:
        never_arrived = isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
        return never_arrived or (safe and not isinstance(error.__cause__, _unsendable))
    # A problem with one of these statuses may tell of a job that failed: only what says when to come back passes.
    if error.problem or error.status == 429:
        return error.status == 429 or (error.status == 503 and error.retry_after_s is not None)
    return safe and error.status in _passing
