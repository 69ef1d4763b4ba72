"""Webhooks: believing what foreman sent, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from .error import ForemanError
from .generated.models import WebhookBody


class Webhooks:
    """No call of it asks foreman anything: a receiver needs a secret and no client."""

    @staticmethod
    def unwrap(body: bytes | str, headers: Mapping[str, str], secret: str | Sequence[str]) -> WebhookBody:
        """What a webhook says, once it is verified.

        ``body``: as it came, not parsed and written again. ``secret``: ``whsec_…``, or several while it is changed.
        Raises ForemanError ``unverified`` for what foreman did not sign with one of them within the last five minutes,
        and ValueError for a secret that is none.
        """
        why = "no secret"
        for one in [secret] if isinstance(secret, str) else secret:
            try:
                webhook = Webhook(one)
            except EmptyWebhookSecretError as error:
                raise ValueError(str(error)) from error
            try:
                webhook.verify(body, dict(headers), json_parse=False)
                return WebhookBody.from_dict(json.loads(body))
            except (WebhookVerificationError, ValueError, TypeError, KeyError) as error:
                why = str(error)
        raise ForemanError("unverified", why)
