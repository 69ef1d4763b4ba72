"""What schemathesis cannot know of foreman's requests from their schema: a job's body names a model, and whoever waits
for a job may wait for two minutes. Wherever a request has results sent, they go to a name that no resolver knows."""

import re

import schemathesis
from schemathesis import GenerationMode

MODELS = ("llama3.2", "qwen3:4b", "none")


@schemathesis.hook
def before_call(context, case, kwargs):
    wait = str((case.query or {}).get("wait"))
    if wait.isdecimal() and 1 < int(wait) <= 120:
        case.query["wait"] = "1"
    if not isinstance(case.body, dict):
        return
    jobs = case.body.get("jobs")
    for job in jobs if isinstance(jobs, list) else [case.body]:
        if isinstance(job, dict):
            nowhere(job)
            if case.meta is None or case.meta.generation.mode == GenerationMode.POSITIVE:
                name_model(job)


def name_model(job):
    """A job that is right so far gets a model, by turns one that there is and one that there isn't, and mostly no
    receivers, of which a schema says too little."""
    if len(str(job)) % 4:
        job.pop("webhook", None)
        job.pop("deliver", None)
    request = job.get("request")
    if isinstance(request, dict) and isinstance(request.get("body"), dict):
        request["body"]["model"] = MODELS[len(str(job)) % len(MODELS)]


def nowhere(job):
    for receiver in (job.get("webhook"), job.get("deliver")):
        if not isinstance(receiver, dict):
            continue
        urls = [receiver] + ([receiver["urls"]] if isinstance(receiver.get("urls"), dict) else [])
        for holder in urls:
            for name, url in holder.items():
                if isinstance(url, str):
                    holder[name] = re.sub(r"^(https?://)[^/?#]*", r"\1fuzz.invalid", url)
