from typing import Literal

GetJobIncludeItem = Literal["request", "response"]

GET_JOB_INCLUDE_ITEM_VALUES: set[GetJobIncludeItem] = {
    "request",
    "response",
}


def check_get_job_include_item(value: str) -> GetJobIncludeItem:
    if value in GET_JOB_INCLUDE_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {GET_JOB_INCLUDE_ITEM_VALUES!r}"
    )
