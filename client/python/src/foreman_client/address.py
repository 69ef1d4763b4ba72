"""Where foreman is, looked at before anything is sent."""

from __future__ import annotations

import httpx


def address(url: str) -> str:
    """Without a slash at its end. Raises ValueError for what is no http address, of which it tells nothing secret."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("the url of foreman is no http or https address") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ValueError("the url of foreman is no http or https address")
    return url.rstrip("/")
