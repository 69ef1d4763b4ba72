"""foreman's client. ``Foreman`` blocks, ``AsyncForeman`` does not; ``generated`` is the API as documented."""

from ._async.foreman import AsyncForeman
from ._sync.foreman import Foreman
from .error import ForemanError
from .events import EndEvent, JobEvent, OutputEvent, RestartEvent, StateEvent
from .generated.models import (
    Artifact,
    Delivery,
    Job,
    JobError,
    JobList,
    Problem,
    QueuePlan,
    QueueStatus,
    TargetStatus,
    WebhookBody,
)
from .ollama import ChatResponse, EmbedResponse, GenerateResponse, Message
from .submission import DeliverSpec, JobRequest, SubmitJob, WebhookSpec
from .webhooks import Webhooks

__all__ = [
    "Artifact",
    "AsyncForeman",
    "ChatResponse",
    "DeliverSpec",
    "Delivery",
    "EmbedResponse",
    "EndEvent",
    "Foreman",
    "ForemanError",
    "GenerateResponse",
    "Job",
    "JobError",
    "JobEvent",
    "JobList",
    "JobRequest",
    "Message",
    "OutputEvent",
    "Problem",
    "QueuePlan",
    "QueueStatus",
    "RestartEvent",
    "StateEvent",
    "SubmitJob",
    "TargetStatus",
    "WebhookBody",
    "WebhookSpec",
    "Webhooks",
]
