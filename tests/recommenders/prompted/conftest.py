"""Fixtures: a service without waiting, and models that run here on one thread."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchkit_plugins.language_models import calls
from benchkit_plugins.recommenders.prompted.providers.hosted import jobs
from tests.recommenders.prompted.server import Service, serving

KEY = "sk-test-4f9d8c7b6a5e"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the workspace
    monkeypatch.setattr(calls, "BACKOFF", 0.01)
    monkeypatch.setattr(jobs, "POLL", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "some-project")
    with serving() as state:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", state.url)  # what Google's SDK looks for
        yield state


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute on one thread: tests that run side by side would wait for each other's threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
