from typing import Literal

JobRequestEndpoint = Literal[
    "/api/chat",
    "/api/embed",
    "/api/generate",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/responses",
]

JOB_REQUEST_ENDPOINT_VALUES: set[JobRequestEndpoint] = {
    "/api/chat",
    "/api/embed",
    "/api/generate",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/responses",
}


def check_job_request_endpoint(value: str) -> JobRequestEndpoint:
    if value in JOB_REQUEST_ENDPOINT_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {JOB_REQUEST_ENDPOINT_VALUES!r}"
    )
