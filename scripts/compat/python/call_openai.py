"""OpenAI's SDK for Python, the `openai` package of PyPI."""

import openai
from lines import serve


def call(ask, outcome):
    client = openai.OpenAI(base_url=f"{ask['url']}/v1", api_key="anything")
    headers = ask.get("headers")
    model = ask.get("model")
    messages = [{"role": "user", "content": ask.get("text")}]
    if ask["call"] == "stream":
        for part in client.chat.completions.create(
            model=model, messages=messages, stream=True, extra_headers=headers
        ):
            outcome["answers"].append(part.model_dump(mode="json"))
        return
    responses = client.responses.with_raw_response
    raw = {
        "chat": lambda: client.chat.completions.with_raw_response.create(
            model=model, messages=messages, extra_headers=headers
        ),
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
