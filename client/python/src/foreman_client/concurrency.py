"""What blocking and asynchronous callers do differently; _async uses the one half, _sync the other."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext

import anyio

sleep = time.sleep
async_sleep = anyio.sleep


def undisturbed() -> AbstractContextManager[object]:
    """For the last call of somebody who is leaving."""
    return nullcontext()


def async_undisturbed() -> AbstractContextManager[object]:
    return anyio.CancelScope(shield=True)
