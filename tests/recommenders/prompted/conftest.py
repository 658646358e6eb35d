"""Fixtures: the service, and no waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchkit_plugins.language_models import calls
from benchkit_plugins.recommenders.prompted.providers.hosted import jobs
from tests.recommenders.prompted.server import Service, serving

KEY = "sk-test-4f9d8c7b6a5e"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(calls, "BACKOFF", 0.01)
    monkeypatch.setattr(jobs, "POLL", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "some-project")
    with serving() as state:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", state.url)  # what Google's SDK looks for
        yield state
