from typing import Literal

SubmitJobIncludeItem = Literal["request", "response"]

SUBMIT_JOB_INCLUDE_ITEM_VALUES: set[SubmitJobIncludeItem] = {
    "request",
    "response",
}


def check_submit_job_include_item(value: str) -> SubmitJobIncludeItem:
    if value in SUBMIT_JOB_INCLUDE_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {SUBMIT_JOB_INCLUDE_ITEM_VALUES!r}"
    )
