from typing import Literal

State = Literal["canceled", "done", "failed", "loading", "queued", "working"]

STATE_VALUES: set[State] = {
    "canceled",
    "done",
    "failed",
    "loading",
    "queued",
    "working",
}


def check_state(value: str) -> State:
    if value in STATE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {STATE_VALUES!r}")
