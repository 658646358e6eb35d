"""Servers on loopback for tests: a port, a handler that can misbehave, a state to look at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

State = TypeVar("State")


@contextmanager
def listening(
    handler: type[BaseHTTPRequestHandler], make: Callable[[str], State]
) -> Iterator[State]:
    """Serve on a free port; `make` gets the address and returns what handlers know as state."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    state = http.state = make(f"http://127.0.0.1:{http.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        http.shutdown()
        http.server_close()


class Handler(BaseHTTPRequestHandler):
    """A quiet handler that can cut its answers short."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: the second of two would wait for an acknowledgement

    def log_message(self, format: str, *args: object) -> None:
        pass

    def send(self, code: int, body: bytes, after: str | None = None, cut: bool = False) -> None:
        """Send an answer; `after` is a ``Retry-After`` header."""
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if after is not None:
            self.send_header("Retry-After", after)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.close_connection = True
