"""Every test here sees the metrics and datasets of `samples`, whatever is installed."""

from __future__ import annotations

import pytest

from tests.leaderboards import samples


@pytest.fixture(autouse=True)
def _made_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    found = samples.registry()
    for module in ("published", "render.columns"):
        monkeypatch.setattr(f"benchkit.leaderboards.{module}.registry", lambda: found)
