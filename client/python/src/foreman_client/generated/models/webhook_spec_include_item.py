from typing import Literal

WebhookSpecIncludeItem = Literal["response"]

WEBHOOK_SPEC_INCLUDE_ITEM_VALUES: set[WebhookSpecIncludeItem] = {
    "response",
}


def check_webhook_spec_include_item(value: str) -> WebhookSpecIncludeItem:
    if value in WEBHOOK_SPEC_INCLUDE_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {WEBHOOK_SPEC_INCLUDE_ITEM_VALUES!r}"
    )
