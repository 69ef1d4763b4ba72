"""Contains all the data models used in inputs/outputs"""

from .artifact import Artifact
from .artifact_list import ArtifactList
from .attempt import Attempt
from .check import Check
from .claim import Claim
from .deliver_spec import DeliverSpec
from .deliver_spec_urls import DeliverSpecUrls
from .delivery import Delivery
from .delivery_list import DeliveryList
from .eta import Eta
from .get_job_include_item import GetJobIncludeItem
from .get_open_api_30_response_200 import GetOpenApi30Response200
from .get_open_api_response_200 import GetOpenApiResponse200
from .job import Job
from .job_batch import JobBatch
from .job_error import JobError
from .job_labels import JobLabels
from .job_list import JobList
from .job_request import JobRequest
from .job_request_endpoint import JobRequestEndpoint
from .job_request_view import JobRequestView
from .job_request_view_body import JobRequestViewBody
from .job_response import JobResponse
from .labels import Labels
from .links import Links
from .liveness import Liveness
from .loaded_model import LoadedModel
from .model_count import ModelCount
from .ollama_body import OllamaBody
from .people import People
from .people_model import PeopleModel
from .planned_job import PlannedJob
from .problem import Problem
from .problem_errors_item import ProblemErrorsItem
from .progress import Progress
from .queue_people import QueuePeople
from .queue_plan import QueuePlan
from .queue_status import QueueStatus
from .queue_status_states import QueueStatusStates
from .readiness import Readiness
from .state import State
from .submit_batch import SubmitBatch
from .submit_job import SubmitJob
from .submit_job_include_item import SubmitJobIncludeItem
from .target_status import TargetStatus
from .turn import Turn
from .usage import Usage
from .webhook_body import WebhookBody
from .webhook_spec import WebhookSpec
from .webhook_spec_events_item import WebhookSpecEventsItem
from .webhook_spec_include_item import WebhookSpecIncludeItem

__all__ = (
    "Artifact",
    "ArtifactList",
    "Attempt",
    "Check",
    "Claim",
    "DeliverSpec",
    "DeliverSpecUrls",
    "Delivery",
    "DeliveryList",
    "Eta",
    "GetJobIncludeItem",
    "GetOpenApi30Response200",
    "GetOpenApiResponse200",
    "Job",
    "JobBatch",
    "JobError",
    "JobLabels",
    "JobList",
    "JobRequest",
    "JobRequestEndpoint",
    "JobRequestView",
    "JobRequestViewBody",
    "JobResponse",
    "Labels",
    "Links",
    "Liveness",
    "LoadedModel",
    "ModelCount",
    "OllamaBody",
    "People",
    "PeopleModel",
    "PlannedJob",
    "Problem",
    "ProblemErrorsItem",
    "Progress",
    "QueuePeople",
    "QueuePlan",
    "QueueStatus",
    "QueueStatusStates",
    "Readiness",
    "State",
    "SubmitBatch",
    "SubmitJob",
    "SubmitJobIncludeItem",
    "TargetStatus",
    "Turn",
    "Usage",
    "WebhookBody",
    "WebhookSpec",
    "WebhookSpecEventsItem",
    "WebhookSpecIncludeItem",
)
