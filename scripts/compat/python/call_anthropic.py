"""Anthropic's SDK for Python, on Ollama's /v1/messages."""

import re

import anthropic
from lines import serve


def call(ask, outcome):
    client = anthropic.Anthropic(base_url=ask["url"], api_key=ask["token"])
    keep = lambda answer: outcome["answers"].append(answer.model_dump(mode="json"))
    if ask["call"] == "list":
        keep(client.models.list())
        return
    asked = {
        "model": ask["model"],
        "max_tokens": 100,
        "messages": [{"role": "user", "content": ask["text"]}],
    }
    if ask["call"] == "chat":
        keep(client.messages.create(**asked))
    elif ask["call"] == "tools":
        tool = ask["tool"]
        schema = {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
        keep(client.messages.create(**asked, tools=[schema]))
    else:
        events = client.messages.create(**asked, stream=True)
        for event in events:
            keep(event)
            if ask["call"] == "abort" and event.type == "content_block_delta":
                events.close()
                return


serve(anthropic.__version__, call)
