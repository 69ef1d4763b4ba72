"""LiteLLM as a client, the `litellm` package of PyPI."""

import os
from importlib.metadata import version

# It would ask the internet for prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from lines import serve

litellm.suppress_debug_info = True


def call(ask, outcome):
    server = {"api_base": ask["url"], "api_key": ask["token"]}
    if ask["call"] == "list":
        models = litellm.get_valid_models(check_provider_endpoint=True, custom_llm_provider="ollama", **server)
        outcome["answers"].append({"models": models})
        return
    settings = {**server, "num_retries": 0}
    keep = lambda answer: outcome["answers"].append(answer.model_dump(mode="json"))
    if ask["call"] == "embed":
        keep(litellm.embedding(model=f"ollama/{ask['model']}", input=[ask["text"]], **settings))
        return
    asked = {
        "model": f"ollama_chat/{ask['model']}",
        "messages": [{"role": "user", "content": ask["text"]}],
        **settings,
    }
    if ask["call"] == "chat":
        keep(litellm.completion(**asked))
    elif ask["call"] == "tools":
        keep(litellm.completion(**asked, tools=[{"type": "function", "function": ask["tool"]}]))
    elif ask["call"] == "structured":
        schema = {"name": "answer", "schema": ask["schema"]}
        keep(litellm.completion(**asked, response_format={"type": "json_schema", "json_schema": schema}))
    else:
        parts = litellm.completion(**asked, stream=True)
        for part in parts:
            keep(part)
            if ask["call"] == "abort":
                parts.close()
                return


serve(version("litellm"), call)
