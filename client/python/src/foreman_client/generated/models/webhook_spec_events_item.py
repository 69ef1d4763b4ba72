from typing import Literal

WebhookSpecEventsItem = Literal[
    "canceled", "done", "failed", "loading", "queued", "working"
]

WEBHOOK_SPEC_EVENTS_ITEM_VALUES: set[WebhookSpecEventsItem] = {
    "canceled",
    "done",
    "failed",
    "loading",
    "queued",
    "working",
}


def check_webhook_spec_events_item(value: str) -> WebhookSpecEventsItem:
    if value in WEBHOOK_SPEC_EVENTS_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {WEBHOOK_SPEC_EVENTS_ITEM_VALUES!r}"
    )
