"""Fixtures: the server, and no waiting between tries."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from benchkit_plugins.language_models import calls
from tests.embedders.server import Server, serving

KEY = "sk-test-4f9d8c7b6a5e"
# On a busy machine the threads of PyTorch wait for each other, many times longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(calls, "BACKOFF", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "some-project")
    with serving() as state:
        yield state
