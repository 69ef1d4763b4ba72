"""Webhooks, as foreman sends them and as others might."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from foreman_client import Foreman, ForemanError
from played import Answer, played
from stage import SECRET, until
from test_jobs import talk

OTHER = "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3Rz"


def test_what_foreman_sends_is_the_job(foreman: Foreman) -> None:
    with played(Answer(204)) as receiver:
        webhook = {"url": f"{receiver.url}/hook", "include": ["response"]}
        job = foreman.jobs.submit({**talk(1), "webhook": webhook}, wait=25)  # type: ignore[typeddict-item]
        until(lambda: receiver.bodies)
        told = Foreman.webhooks.unwrap(receiver.bodies[0], receiver.headers[0], [OTHER, SECRET])
    assert (told.type_, told.data.id, told.data.state) == ("job.done", job.id, "done")
    assert told.data.response and told.data.response["done"] is True


def signed(body: str, secret: str = SECRET, age: timedelta = timedelta()) -> dict[str, str]:
    at = datetime.now(UTC) - age
    signature = Webhook(secret).sign("msg_1", at, body)
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": signature,
    }


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("{}", {}),
        ("{}", signed("{}", OTHER)),
        ("{}", signed("{ }")),
        ("{}", signed("{}", age=timedelta(minutes=6))),
        ("{}", {**signed("{}"), "Webhook-Signature": "v1"}),
        ("{}", {**signed("{}"), "Webhook-Signature": "v1,ä"}),
        (b"\xff", signed("{}")),
        ("{}", signed("{}")),
        (json.dumps([]), signed("[]")),
    ],
)
def test_what_foreman_did_not_sign_just_now_is_unverified(body: bytes | str, headers: dict[str, str]) -> None:
    with pytest.raises(ForemanError) as raised:
        Foreman.webhooks.unwrap(body, headers, SECRET)
    assert raised.value.code == "unverified"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "whsec_x"])
def test_a_secret_that_is_none_is_a_mistake_of_the_receivers(secret: str) -> None:
    with pytest.raises(ValueError):
        Foreman.webhooks.unwrap("{}", signed("{}"), secret)
