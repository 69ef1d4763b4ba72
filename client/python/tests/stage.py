"""What the client is tried against: a foreman process in front of the simulated Ollama."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx

T = TypeVar("T")

_root = Path(__file__).parents[3]
_node = str(_root / "node_modules" / ".bin" / "node")

#: Models of the simulated Ollama. It says a word in 50 ms and loads for two seconds, so almost all is asked of one.
TALKER = "llama3.2"
OTHER = "gemma3:1b"
EMBEDDER = "nomic-embed-text"
#: A token of the daemon's that tests may show.
TOKEN = "token-of-the-python-tests"
SECRET = "whsec_Zm9yZW1hbi1weXRob24tdGVzdHMtc2VjcmV0"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def until(fact: Callable[[], T | None], within_s: float = 20) -> T:
    """Waits for what becomes true in another process, for which there is nothing to wait on."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        found = fact()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about")


class Process:
    """A child with an address, which is ready when it answers there."""

    def __init__(self, script: str, port: int, ready: str, arguments: list[str], settings: dict[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [_node, str(_root / script), *arguments]
        self._ready = ready
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOREMAN_")}
        self._settings = {**kept, **settings}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        child = subprocess.Popen(self._command, env=self._settings, stdout=subprocess.DEVNULL)
        self._child = child
        until(lambda: self._answers(child))

    def _answers(self, child: subprocess.Popen[bytes]) -> bool:
        assert child.poll() is None, "it ended at once"
        try:
            return httpx.get(self.url + self._ready).is_success
        except httpx.TransportError:
            return False

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._child and self._child.poll() is None:
            self._child.send_signal(how)
            self._child.wait(20)


def simulated_ollama() -> Process:
    port = free_port()
    return Process("scripts/simulated-ollama.ts", port, "/api/version", [str(port)], {})


def daemon(target: str, folder: Path) -> Process:
    port = free_port()
    settings = {
        "FOREMAN_TARGET": target,
        "FOREMAN_LISTEN": f"127.0.0.1:{port}",
        "FOREMAN_DATA": str(folder),
        "FOREMAN_TOKEN": TOKEN,
        "FOREMAN_HOLD": "1s",
        "FOREMAN_WEBHOOK_SECRET": SECRET,
        "FOREMAN_WEBHOOK_ALLOW": "127.0.0.1",
    }
    return Process("server/main.ts", port, "/readyz", [], settings)
