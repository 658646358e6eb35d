"""What tests of several machines need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.strangers import declare
from tests.tuning.machines import PLUGIN, Machines
from tests.workspace import Workspace


@pytest.fixture
def machine(tmp_path: Path, sample: Path) -> Machines:
    """Make machines: folders that share nothing but the plugins."""
    site = tmp_path / "site"
    site.mkdir()
    declare(site, "slow", {"slow": "slow"}, "0.1")
    (site / "slow.py").write_text(PLUGIN)

    def make(name: str) -> Workspace:
        shutil.copytree(sample, tmp_path / name / "datasets")
        return Workspace(tmp_path / name, {**os.environ, "PYTHONPATH": str(site)})

    return make
