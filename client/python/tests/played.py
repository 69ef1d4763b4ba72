"""A server that is played by hand, for what foreman and those on the way to it do too seldom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    #: The connection is closed with as many bytes of the body missing.
    missing: int = 0
    #: Nothing more is said, and the connection stays.
    silent: bool = False


@dataclass
class Played:
    url: str
    #: Methods and targets of the requests, and what they carried.
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def played(*answers: Answer) -> Iterator[Played]:
    """Gives the answers one after the other, the last one for ever."""
    left = list(answers)
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            server.asked.append(f"{self.command} {self.path}")
            server.headers.append(dict(self.headers))
            server.bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))))
            answer = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body) + answer.missing))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.silent:
                over.wait()

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Played(f"http://127.0.0.1:{http.server_port}")
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        over.set()
        http.shutdown()
        thread.join()
        http.server_close()


_now = datetime.now(UTC).isoformat()
_job = {
    **{"id": "job_1", "sequence": 1, "request": {"endpoint": "/api/chat", "model": "llama3.2"}, "labels": {}},
    **{"created_at": _now, "queued_at": _now, "loading_at": None, "working_at": None, "finished_at": None},
    **{"attempt": 0, "max_attempts": 3, "interruptions": 0, "timeout_s": 60, "artifacts": []},
    "links": {"self": "", "events": "", "stream": "", "cancel": ""},
}


def job(state: str, **more: object) -> bytes:
    """``job_1`` in a state, as foreman says it."""
    return json.dumps({**_job, "state": state, **more}).encode()
