"""LangChain's package for Ollama, `langchain-ollama` of PyPI."""

from importlib.metadata import version

from langchain_ollama import ChatOllama, OllamaEmbeddings
from lines import serve


def call(ask, outcome):
    headers = {"authorization": f"Bearer {ask['token']}"}
    settings = {"model": ask["model"], "base_url": ask["url"], "client_kwargs": {"headers": headers}}
    keep = outcome["answers"].append
    chat = ChatOllama(**settings)
    text = ask["text"]
    if ask["call"] == "chat":
        keep(message(chat.invoke(text)))
    elif ask["call"] == "tools":
        keep(message(chat.bind_tools([{"type": "function", "function": ask["tool"]}]).invoke(text)))
    elif ask["call"] == "structured":
        schema = {"title": "answer", **ask["schema"]}
        keep(chat.with_structured_output(schema, method="json_schema").invoke(text))
    elif ask["call"] == "embed":
        keep({"embedding": OllamaEmbeddings(**settings).embed_query(text)})
    else:
        parts = chat.stream(text)
        for part in parts:
            keep(message(part))
            if ask["call"] == "abort":
                parts.close()
                return


def message(answer):
    whole = answer.model_dump(mode="json")
    return {name: whole[name] for name in ("content", "tool_calls", "response_metadata", "usage_metadata")}


serve(version("langchain-ollama"), call)
