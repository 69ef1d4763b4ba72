"""OpenAI's SDK for Python, the `openai` package of PyPI."""

import openai
from lines import serve


def call(ask, outcome):
    client = openai.OpenAI(base_url=f"{ask['url']}/v1", api_key=ask.get("token", "anything"))
    headers = ask.get("headers")
    model = ask.get("model")
    messages = [{"role": "user", "content": ask.get("text")}]
    if ask["call"] in ("stream", "abort"):
        parts = client.chat.completions.create(model=model, messages=messages, stream=True, extra_headers=headers)
        for part in parts:
            outcome["answers"].append(part.model_dump(mode="json"))
            if ask["call"] == "abort":
                parts.close()
                return
        return
    responses = client.responses.with_raw_response
    completions = client.chat.completions.with_raw_response
    raw = {
        "list": lambda: client.models.with_raw_response.list(),
        "tools": lambda: completions.create(
            model=model, messages=messages, tools=[{"type": "function", "function": ask["tool"]}]
        ),
        "structured": lambda: completions.create(
            model=model,
            messages=messages,
            response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": ask["schema"]}},
        ),
        "chat": lambda: completions.create(model=model, messages=messages, extra_headers=headers),
        "embed": lambda: client.embeddings.with_raw_response.create(
            model=model, input=ask["text"], extra_headers=headers
        ),
        "respond": lambda: responses.create(
            **{"model": model, "input": ask["text"], **ask.get("more", {})}, extra_headers=headers
        ),
        "retrieve": lambda: responses.retrieve(ask["id"]),
        "cancel": lambda: responses.cancel(ask["id"]),
        "delete": lambda: responses.delete(ask["id"]),
    }[ask["call"]]()
    if "location" in raw.headers:
        outcome["location"] = raw.headers["location"]
    answer = raw.parse()
    outcome["answers"].append(answer.model_dump(mode="json") if answer is not None else {})


serve(openai.__version__, call)
