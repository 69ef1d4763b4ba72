"""How foreman is reached: calls that are made until they are answered, and answers that are read as they come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx

from ..address import address
from ..calls import Call
from ..concurrency import sleep
from ..error import ForemanError, redirect, refusal
from ..patience import Patience, unanswered

T = TypeVar("T")


class Connection:
    def __init__(self, url: str, token: str | None, unreachable_s: float, http_client: httpx.Client | None) -> None:
        if token and not re.fullmatch(r"[!-~]+", token):
            raise ValueError("a token has no spaces, line feeds or other characters beyond ASCII")
        self.url = address(url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._unreachable_s = unreachable_s
        # Any number may wait at once: a caller that stood in line for a connection would have no job in the queue.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self._http = http_client or httpx.Client(limits=limits)

    def close(self) -> None:
        self._http.close()

    def patience(self) -> Patience:
        return Patience(self._unreachable_s)

    def call(self, call: Call[T]) -> T:
        """Raises ForemanError for a refusal, and when there was no answer for too long."""
        patience = self.patience()
        while True:
            try:
                return self.once(call)
            except ForemanError as error:
                sleep(patience.pause_s(error, safe=call.safe))

    def once(self, call: Call[T], within_s: float | None = None) -> T:
        """One try of it. ``within_s``: longest silence."""
        with self.open(call, within_s) as response:
            try:
                response.read()
            except httpx.RequestError as error:
                raise unanswered(error, self.url) from error
            try:
                return call.read(response)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                status = response.status_code
                raise ForemanError("unreachable", f"HTTP {status}: no answer of foreman's", status=status) from error

    @contextmanager
    def open(self, call: Call[T], within_s: float | None = None) -> Iterator[httpx.Response]:
        """One try; gives an answer with success, not read yet."""
        request = self._http.build_request(
            call.method,
            self.url + call.path,
            params=call.params,
            headers={**self._headers, **call.headers},
            content=call.content,
            timeout=httpx.Timeout(within_s or call.quiet_s, connect=within_s or 10, write=within_s or 60, pool=None),
        )
        try:
            response = self._http.send(request, stream=True, follow_redirects=False)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            # The second of a redirect, which httpx reads although it does not follow it.
            raise unanswered(error, self.url) from error
        try:
            if response.is_redirect:
                raise redirect(response, self.url)
            if not response.is_success:
                try:
                    response.read()
                except httpx.RequestError as error:
                    raise unanswered(error, self.url) from error
                raise refusal(response, self.url)
            yield response
        finally:
            response.close()
