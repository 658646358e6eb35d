"""`benchkit run --max-cost`: one cap for all that a run pays, in whatever process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.strangers import install
from tests.workspace import Workspace

PLUGIN = '''
import os, signal
from dataclasses import dataclass
from benchkit import Config, Int, Recommendations, hookimpl, param
from benchkit.contracts.prompted import PromptedRecommender, Work


@dataclass(frozen=True, kw_only=True)
class Searched(Config):
    item: int = param(3, "what to recommend", search=Int(0, 400))


class Pays(PromptedRecommender):
    """Each fit costs 30 cents; the process may be killed while it waits for what it paid for."""
    name = "pays"
    source = "test"
    task = "pay"
    Config = Searched

    def fit(self, train, bench):
        bench.spending.allow(0.3)
        with open(os.environ["PAID"], "a+") as log:
            log.write("$")
            log.seek(0)
            paid = len(log.read())
        if paid == int(os.environ.get("KILLED_AT", "0")):
            os.kill(os.getpid(), signal.SIGKILL)

    def recommend(self, prompts, k):
        lists = Recommendations.empty(len(prompts), k)
        lists.items[:, 0] = self.config.item
        lists.scores[:, 0] = 1
        return lists

    def estimate(self, train, prompts, bench):
        return Work(1, 1, float(os.environ["ESTIMATE"]))

    def pairs(self, train, bench): ...
    def exports(self, pairs): ...
    def diagnostics(self): return {}


@hookimpl
def benchkit_recommenders():
    return [Pays]
'''
COMMAND = ("run", "-r", "pays", "--dataset", "steam", "--max-cost", "1")


@pytest.fixture
def workspace(tmp_path: Path, sample: Path) -> Workspace:
    shutil.copytree(sample, tmp_path / "datasets")
    site = tmp_path / "site"
    site.mkdir()
    install(site, "pays", PLUGIN)
    own = {"PYTHONPATH": str(site), "PAID": str(tmp_path / "paid"), "ESTIMATE": "0"}
    return Workspace(tmp_path, {**os.environ, **own})


def payments(workspace: Workspace) -> int:
    return len((workspace.folder / "paid").read_text())


def test_what_a_killed_worker_has_paid_counts(workspace: Workspace) -> None:
    workspace.environment["KILLED_AT"] = "2"
    _, err = workspace.here(*COMMAND, "--trials", "5", code=1)
    assert payments(workspace) == 3
    assert "Failed: pays: the cap of $1 would be exceeded: $0.9000 spent" in err
    # so does what the search of an earlier run has paid
    _, err = workspace.here(*COMMAND, "--trials", "6", code=1)
    assert payments(workspace) == 3


def test_seeds_share_the_cap_with_two_at_a_time(workspace: Workspace) -> None:
    _, err = workspace.here(*COMMAND, "--trials", "0", "--seeds", "0,1,2,3", "--jobs", "2", code=1)
    assert payments(workspace) == len(workspace.records()) == 3
    assert err.count("Failed: pays: the cap of $1 would be exceeded") == 1


def test_a_search_leaves_what_the_evaluations_cost(workspace: Workspace) -> None:
    workspace.environment["ESTIMATE"] = "0.2"
    out, err = workspace.here(*COMMAND, "--trials", "1", "--seeds", "0,1", code=1)
    # two folds, the third would take what is kept for both seeds; then one of these has its money
    assert "no trial finished" in err
    journal = (workspace.out / "studies" / "steam-sample.journal").read_text()
    assert "$0.6000 spent or asked for, $0.4000 kept for the evaluation" in journal
    assert payments(workspace) == 3
    assert "pays [preset]" in out
