"""ollama-python, the `ollama` package of PyPI."""

from importlib.metadata import version

import ollama
from lines import serve


def call(ask, outcome):
    def look(response):
        if "location" in response.headers:
            outcome["location"] = response.headers["location"]

    client = ollama.Client(ask["url"], headers=ask.get("headers"), event_hooks={"response": [look]})
    keep = lambda answer: outcome["answers"].append(answer.model_dump(mode="json"))
    messages = [{"role": "user", "content": ask["text"]}]
    if ask["call"] == "chat":
        keep(client.chat(ask["model"], messages))
    elif ask["call"] == "stream":
        for part in client.chat(ask["model"], messages, stream=True):
            keep(part)
    else:
        keep(client.embed(ask["model"], ask["text"]))


serve(version("ollama"), call)
