"""A server on loopback that speaks the protocols of OpenAI and Vertex AI, and misbehaves on order.

Vectors are a function of the text, so that every answer can be checked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchkit.contracts.arrays import Float32
from tests.serving import Handler, listening

DIM = 8


def vector(text: str, dim: int = DIM) -> Float32:
    """Return the vector that the server has for a text."""
    digest = hashlib.shake_128(text.encode("utf-8", "replace")).digest(4 * dim)
    return (np.frombuffer(digest, "<u4") / 2.0**32 - 0.5).astype(np.float32)


class Server:
    """What is asked of the server, and what it is to do.

    Attributes:
        orders: what to do with the next requests, one each; then all is well: ``429``, ``500`` and
            other codes, ``cut``, ``slow``, ``no json``, ``dim``, ``more dims``, ``count``, ``nan``,
            ``same``, ``floats``, ``twice``, ``zero``; of OpenAI's protocol also those of `_FAULTS`,
            and ``error``: words in place of an answer.
        after: a ``Retry-After`` header for errors.
        body: of errors; ``{key}`` becomes what stood in the Authorization header.
        delay: seconds before every answer.
        tells: what it tells of itself, by path; nothing else is there.
        asked: the texts of each request that reached us.
        times: when they did.
        most: most requests under way at a time.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.orders: list[str] = []
        self.after: str | None = None
        self.body: dict[str, Any] = {"error": {"message": "not now, {key}", "code": None}}
        self.delay = 0.0
        self.tells: dict[str, Any] = {}
        self.asked: list[list[str]] = []
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.most = self._running = 0
        self._lock = threading.Lock()

    def texts(self) -> list[str]:
        """Return all texts that were asked for, in order."""
        return [text for texts in self.asked for text in texts]

    def begin(self, path: str, request: dict[str, Any]) -> tuple[str, list[str]]:
        """Note a request; return what to do with it, and its texts."""
        given = request.get("input") or [each["content"] for each in request["instances"]]
        with self._lock:
            self.asked.append(given)
            self.requests.append(request)
            self.paths.append(path)
            self.times.append(time.monotonic())
            self._running += 1
            self.most = max(self.most, self._running)
            return (self.orders.pop(0) if self.orders else ""), given

    def end(self) -> None:
        """Note that a request is answered."""
        with self._lock:
            self._running -= 1


@contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port of loopback."""
    with listening(_Handler, Server) as state:
        yield state


class _Handler(Handler):
    def do_GET(self) -> None:
        tells = self.server.state.tells  # type: ignore[attr-defined]
        code = 200 if self.path in tells else 404
        self.send(code, json.dumps(tells.get(self.path)).encode())

    def do_POST(self) -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        order, texts = state.begin(self.path, json.loads(body))
        try:
            time.sleep(state.delay)
            self._obey(state, order, texts)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client did not wait
        finally:
            state.end()

    def _obey(self, state: Server, order: str, texts: list[str]) -> None:
        if order.isdigit():
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            words = json.dumps(state.body).replace("{key}", key)
            self.send(int(order), words.encode(), state.after)
            return
        if order == "slow":
            time.sleep(1.0)
        answer = b"<html>" if order == "no json" else self._answer(order, texts)
        self.send(200, answer, cut=order == "cut")

    def _answer(self, order: str, texts: list[str]) -> bytes:
        dim = {"dim": 5, "more dims": DIM + 1}.get(order, DIM)
        vectors = [vector("same" if order == "same" else text, dim) for text in texts]
        if order == "nan":
            vectors[0] = vectors[0] * np.float32("nan")
        if order == "zero":
            vectors[0] = vectors[0] * np.float32(0)
        if order == "count":
            del vectors[-1]
        speak = _vertex if ":predict" in self.path else _openai
        return json.dumps(speak(order, texts, vectors)).encode()


# What is wrong with the first vector.
_FAULTS: dict[str, dict[str, Any]] = {
    "null": {"embedding": None},
    "nested": {"embedding": [[0.5] * DIM]},
    "strings": {"embedding": ["0.5"] * DIM},
    "words": {"embedding": "out of memory"},
    "numbered": {"index": "0"},
    "unnumbered": {"index": None},
}


def _openai(order: str, texts: list[str], vectors: list[Float32]) -> dict[str, Any]:
    data = [
        {
            "object": "embedding",
            "index": 0 if order == "twice" else index,
            "embedding": [float(value) for value in each]
            if order == "floats"
            else base64.b64encode(each.tobytes()).decode(),
        }
        for index, each in enumerate(vectors)
    ]
    if order == "error":
        return {"error": {"message": "model not loaded", "type": "x"}}
    data[0] |= _FAULTS.get(order, {})
    used = sum(len(text.split()) for text in texts) if order != "negative" else -5
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "model": "served", "data": data[::-1], "usage": usage}


def _vertex(order: str, texts: list[str], vectors: list[Float32]) -> dict[str, Any]:
    del order
    predictions = [
        {
            "embeddings": {
                "values": [float(value) for value in each],
                "statistics": {"truncated": False, "token_count": len(text.split())},
            }
        }
        for text, each in zip(texts, vectors, strict=False)
    ]
    return {
        "predictions": predictions,
        "metadata": {"billableCharacterCount": sum(map(len, texts))},
    }
