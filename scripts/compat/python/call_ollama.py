"""ollama-python, the `ollama` package of PyPI."""

from importlib.metadata import version

import ollama
from lines import serve


def call(ask, outcome):
    def look(response):
        if "location" in response.headers:
            outcome["location"] = response.headers["location"]

    bearer = {"authorization": f"Bearer {ask['token']}"} if "token" in ask else {}
    client = ollama.Client(ask["url"], headers={**bearer, **ask.get("headers", {})}, event_hooks={"response": [look]})
    keep = lambda answer: outcome["answers"].append(answer.model_dump(mode="json"))
    messages = [{"role": "user", "content": ask.get("text")}]
    if ask["call"] == "list":
        keep(client.list())
    elif ask["call"] == "tools":
        keep(client.chat(ask["model"], messages, tools=[{"type": "function", "function": ask["tool"]}]))
    elif ask["call"] == "structured":
        keep(client.chat(ask["model"], messages, format=ask["schema"]))
    elif ask["call"] == "abort":
        parts = client.chat(ask["model"], messages, stream=True)
        keep(next(parts))
        parts.close()
    elif ask["call"] == "chat":
        keep(client.chat(ask["model"], messages))
    elif ask["call"] == "stream":
        for part in client.chat(ask["model"], messages, stream=True):
            keep(part)
    else:
        keep(client.embed(ask["model"], ask["text"]))


serve(version("ollama"), call)
