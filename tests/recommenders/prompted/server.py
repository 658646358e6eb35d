"""A service on loopback that fine-tunes and answers, keeps state, and misbehaves on order.

It speaks the protocols of OpenAI (`openai_side`) and of Vertex AI with Cloud Storage
(`vertex_side`). Completions are a function of what is asked, so that every answer can be checked.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.serving import Handler, listening

Fields = dict[str, Any]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(
        self, code: int, message: str, kind: str | None = None, type_: str | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.kind, self.type = code, message, kind, type_


class Service:
    """What the service holds, and what it is to do.

    Attributes:
        orders: (part of "METHOD path", what to do): taken by the next request that matches.
            ``429``, ``500`` and other codes, ``cut`` (done, but the answer is cut), ``slow``,
            ``no json``.
        life: states that a new job or batch goes through, one at each look.
        after: a ``Retry-After`` header for errors.
        message: of errors; ``{key}`` becomes what stood in the Authorization header.
        blame: why a fine-tuning fails.
        losses: validation losses of a job's checkpoints.
        page: entries of a page, whatever is asked for.
        most: most completions a request, more are refused.
        refuses: a word whose prompts are refused; ``filtered`` one whose answers are held back.
        errors: what prompts that hold a word are answered, by word.
        answered_of_a_batch: requests of a batch that are answered in time.
        models: what it tells of its models.
        files, jobs, batches: what was made, oldest first.
        log: "METHOD path" of each request, without its query.
        bodies: what was sent with them.
        times: when they came.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.orders: list[tuple[str, str]] = []
        self.after: str | None = None
        self.message, self.blame = "not now, {key}", "the file is bad"
        self.life = ["queued", "running", "succeeded"]
        self.losses: list[float | None] = []
        self.page, self.most = 2, 128
        self.refuses, self.filtered = "REFUSE", "FILTER"
        self.errors: dict[str, Refused] = {}
        self.models: list[Fields] = []
        self.files: list[Fields] = []
        self.jobs: list[Fields] = []
        self.batches: list[Fields] = []
        self.answered_of_a_batch = 10**9
        self.log: list[str] = []
        self.bodies: list[Any] = []
        self.times: list[float] = []
        self.lock = threading.RLock()

    def count(self, request: str) -> int:
        """Return how many requests began so, "POST /v1/batches" say."""
        return sum(each.startswith(request) for each in self.log)

    def sent(self, request: str) -> list[Any]:
        """Return what was sent with requests that began so."""
        return [
            b for each, b in zip(self.log, self.bodies, strict=True) if each.startswith(request)
        ]

    def order(self, request: str) -> str:
        """Return what to do with a request."""
        for place, (part, order) in enumerate(self.orders):
            if part in request:
                del self.orders[place]
                return order
        return ""

    def check(self, prompt: str) -> None:
        """Raise what a prompt is to be answered, if it is an error."""
        for word, error in self.errors.items():
            if word in prompt:
                raise error

    def advanced(self, thing: Fields) -> Fields:
        """Return a job or batch one step further."""
        if thing["life"]:
            thing["state"] = thing["life"].pop(0)
        return thing


def turned(entries: Sequence[Fields], query: dict[str, str], page: int) -> Fields:
    """Return a page of entries, newest first, as OpenAI does."""
    newest = list(entries)[::-1]
    ids = [entry["id"] for entry in newest]
    start = ids.index(query["after"]) + 1 if "after" in query else 0
    rest = newest[start:]
    return {"object": "list", "data": rest[:page], "has_more": len(rest) > page}


@contextmanager
def serving() -> Iterator[Service]:
    """Serve on a free port of loopback."""
    with listening(_Handler, Service) as state:
        yield state


class _Handler(Handler):
    def do_GET(self) -> None:
        self._handle("GET", b"")

    def do_POST(self) -> None:
        self._handle("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _handle(self, method: str, raw: bytes) -> None:
        state: Service = self.server.state  # type: ignore[attr-defined]
        path = urlsplit(self.path).path
        body: Any = raw
        if raw and self.headers.get_content_type() == "application/json":
            body = json.loads(raw)
        with state.lock:
            state.log.append(f"{method} {path}")
            state.bodies.append(body)
            state.times.append(time.monotonic())
            order = state.order(f"{method} {path}")
        with suppress(BrokenPipeError, ConnectionResetError):  # the client did not wait
            self._obey(state, order, method, path, body)

    def _obey(self, state: Service, order: str, method: str, path: str, body: Any) -> None:
        try:
            if order.isdigit():
                raise Refused(int(order), state.message)
            with state.lock:
                answer = self._route(state, method, path, body)
            code = 200
        except Refused as refused:
            code, answer = refused.code, self._error(path, refused)
        if order == "slow":
            time.sleep(1.0)
        if order == "no json":
            answer = b"<html>"
        self.send(code, answer, state.after if code >= 400 else None, cut=order == "cut")

    def _error(self, path: str, refused: Refused) -> bytes:
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        message = refused.message.replace("{key}", key)
        error: Fields = {"message": message, "code": refused.kind, "type": refused.type}
        if "/projects/" in path:
            error["code"] = refused.code
        return json.dumps({"error": error}).encode()

    def _route(self, state: Service, method: str, path: str, body: Any) -> bytes:
        from tests.recommenders.prompted import openai_side, vertex_side

        query = dict(parse_qsl(urlsplit(self.path).query))
        side = openai_side if path.startswith("/v1/") and "/projects/" not in path else vertex_side
        answer = side.answer(state, method, path, query, body, self.headers.get("Content-Type", ""))
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()
