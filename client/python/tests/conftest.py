"""One simulated Ollama and one foreman for all tests; each leaves them with nothing that runs or waits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from foreman_client import Foreman, ForemanError
from stage import TOKEN, Process, daemon, simulated_ollama


@pytest.fixture(scope="session")
def ollama() -> Iterator[Process]:
    process = simulated_ollama()
    process.start()
    yield process
    process.end()


@pytest.fixture(scope="session")
def server(ollama: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = daemon(ollama.url, tmp_path_factory.mktemp("data"))
    process.start()
    yield process
    process.end()


@pytest.fixture
def foreman(server: Process) -> Iterator[Foreman]:
    with Foreman(server.url, TOKEN) as client:
        yield client
        client.queue.resume()
        for job in list(client.jobs.list_all(state=["queued", "loading", "working"])):
            try:
                client.jobs.cancel(job.id)
            except ForemanError as error:
                assert error.code == "conflict"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tells who runs the tests what came of each, as lines of JSON."""
    path = os.environ.get("PYTEST_RESULTS")
    if path and (report.when == "call" or not report.passed):
        with open(path, "a") as results:
            results.write(json.dumps({"name": report.nodeid, "ok": report.passed, "said": report.longreprtext}) + "\n")
