"""A server may serve another model under the same name: it is known by what it tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchkit.contracts.config import Value
from benchkit.contracts.errors import UnavailableError
from benchkit.embeddings.embed import embedder
from benchkit_plugins.language_models import served
from tests.embedders.asking import embedded, kept
from tests.embedders.server import Server

TEXTS = ["one", "two", "three"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))
    return tmp_path


def values(server: Server, **more: Value) -> dict[str, Value]:
    plain: dict[str, Value] = {"base_url": f"{server.url}/v1", "model": "m"}
    return {**plain, "price_per_million_tokens": 0.0, **more}


def identity(server: Server, **more: Value) -> dict[str, Value]:
    served._reported.cache_clear()  # as in a new process
    return embedder("openai", values(server, **more)).identity()


def serve(server: Server, *, size: int = 100, path: str = "a.gguf", created: int = 1) -> None:
    """Tell what llama.cpp tells."""
    meta = {"n_params": 7, "size": size, "n_ctx": created}
    entry = {"id": path, "created": created, "owned_by": "llamacpp", "meta": meta}
    server.tells = {
        "/v1/models": {"object": "list", "data": [entry]},
        "/props": {"model_path": path, "chat_template": "{{x}}", "total_slots": created},
    }


def test_another_file_behind_the_name_is_another_model_and_a_restart_is_none(
    server: Server, home: Path
) -> None:
    serve(server)
    first = identity(server)
    embedded(home, "openai", TEXTS, values(server))
    serve(server, created=2)
    assert identity(server) == first
    for other in ({"size": 101}, {"path": "b.gguf"}):
        serve(server, **other)
        assert identity(server) != first
        assert kept(home, "openai", TEXTS, values(server)) == 0
    embedded(home, "openai", TEXTS, values(server))
    assert len(server.asked) == 2
    serve(server)
    assert identity(server) == first
    embedded(home, "openai", TEXTS, values(server))
    assert len(server.asked) == 2, "back again, its vectors are there"


@pytest.mark.parametrize(
    ("entries", "tells"),
    [
        ([{"id": "m", "created": 1, "root": "/models/a"}, {"id": "x", "root": "/b"}], True),
        ([{"id": "x", "root": "/models/a"}, {"id": "y", "root": "/b"}], False),
        ([{"id": "m", "created": 1, "owned_by": "library"}], False),
        ("nonsense", False),
        ([3, None], False),
    ],
)
def test_a_server_that_tells_nothing_is_known_by_name_and_address(
    server: Server, entries: Any, tells: bool
) -> None:
    assert "revision" not in identity(server)
    server.tells = {"/v1/models": {"data": entries}}
    assert ("revision" in identity(server)) == tells


def test_whoever_has_the_vectors_needs_neither_server_nor_key(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(server)
    first = identity(server)
    embedded(home, "openai", TEXTS, values(server))
    server.tells = {"/v1/models": {"data": [{"id": "a", "meta": None}]}}  # it is loading
    assert identity(server) == first
    monkeypatch.delenv("OPENAI_API_KEY")
    assert identity(server) == first
    embedded(home, "openai", TEXTS, values(server))
    assert "revision" not in identity(server, model="another"), "nothing of it is kept"
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    serve(server, size=101)
    second = identity(server)
    embedded(home, "openai", TEXTS, values(server))
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UnavailableError, match="set the parameter revision to one of") as caught:
        identity(server)
    for each in (first, second):
        assert str(each["revision"]) in str(caught.value)
        assert identity(server, revision=each["revision"]) == each
    (home / "embeddings" / "openai-damaged.sqlite").write_bytes(b"no database")
    assert identity(server, revision="mine")["revision"] == "mine"


def test_openai_itself_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setattr(served, "_reported", None)
    assert "revision" not in embedder("openai", {}).identity()
