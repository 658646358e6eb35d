"""A workspace with a plugin whose recommenders are slow, and fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.strangers import declare
from tests.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, plugin_path: str, sample: Path) -> Workspace:
    shutil.copytree(sample, tmp_path / "datasets")
    return Workspace(tmp_path, {**os.environ, "PYTHONPATH": plugin_path})


@pytest.fixture
def plugin_path(tmp_path: Path) -> str:
    """A folder with a third-party distribution: recommenders that are slow, and that fail."""
    site = tmp_path / "site"
    site.mkdir()
    declare(site, "awkward", {"awkward": "awkward"}, "0.1")
    (site / "awkward.py").write_text(AWKWARD)
    return str(site)


AWKWARD = '''
import os, signal, time
import numpy as np
from benchkit import Recommendations, Recommender, hookimpl


class Slow(Recommender):
    """Takes its time."""
    name = "slow"
    source = "test"

    def fit(self, train, bench):
        time.sleep(float(os.environ.get("AWKWARD_SECONDS", "0")))

    def recommend(self, prompts, k):
        with open(os.environ["AWKWARD_LOG"], "a") as log:
            log.write(self.name + "\\n")
        lists = Recommendations.empty(len(prompts), k)
        lists.items[:, 0] = 0
        lists.scores[:, 0] = 1
        return lists


class Raises(Slow):
    """Raises."""
    name = "raises"

    def fit(self, train, bench):
        raise ValueError("the learning rate\\nis a carrot")


class Dies(Slow):
    """Is killed."""
    name = "dies"

    def fit(self, train, bench):
        os.kill(os.getpid(), signal.SIGKILL)


class Leaves(Slow):
    """Prints, and leaves."""
    name = "leaves"

    def fit(self, train, bench):
        print("loud", flush=True)
        raise SystemExit(0)


class Wrong(Slow):
    """Returns nonsense."""
    name = "wrong"

    def recommend(self, prompts, k):
        return Recommendations.empty(len(prompts), k + 1)


@hookimpl
def benchkit_recommenders():
    return [Slow, Raises, Dies, Leaves, Wrong]
'''
