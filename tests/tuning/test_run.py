"""`benchkit run` with a search before the evaluation, as people use it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from benchkit.tuning.ledger import kind_of
from benchkit.tuning.storage import open_storage
from tests.strangers import declare
from tests.tuning.machines import wait_for
from tests.workspace import Workspace

PLUGIN = '''
import os, signal, sys, time
from dataclasses import dataclass
import numpy as np
from benchkit import Choice, Config, Int, Recommendations, Recommender, hookimpl, param


@dataclass(frozen=True, kw_only=True)
class Searched(Config):
    item: int = param(3, "what to recommend", search=Int(0, 400))
    other: bool = param(False, "no matter", search=Choice(False, True))


class Constant(Recommender):
    """Recommends one item."""
    name = "constant"
    source = "test"
    Config = Searched
    quick = 800  # sessions: the first fold has less, and estimates are made on no other

    def fit(self, train, bench):
        if len(train) > self.quick:
            time.sleep(float(os.environ.get("AWKWARD_SECONDS", "0")))
        with open(os.environ["AWKWARD_LOG"], "a") as log:
            log.write(f"{self.name} fit {len(train)}\\n")

    def recommend(self, prompts, k):
        with open(os.environ["AWKWARD_LOG"], "a") as log:
            log.write(f"{self.name} recommend {len(prompts)} {bool(bench_is_for_tests())}\\n")
        lists = Recommendations.empty(len(prompts), k)
        lists.items[:, 0] = self.config.item
        lists.scores[:, 0] = 1
        return lists


def bench_is_for_tests():
    from benchkit.data import split
    return split._seals == 0


class Slow(Constant):
    """Is slow on few sessions already."""
    name = "slow"
    quick = 50


class Raises(Constant):
    """Raises."""
    name = "raises"

    def fit(self, train, bench):
        raise ValueError("the learning rate is a carrot")


class Dies(Constant):
    """Is killed in its second trial."""
    name = "dies"

    def fit(self, train, bench):
        with open(os.environ["AWKWARD_LOG"], "a+") as log:
            log.write(f"{self.name} tries\\n")
            log.seek(0)
            tries = log.read().count(f"{self.name} tries")
        if tries == 4:
            os.kill(os.getpid(), signal.SIGKILL)


class Peeks(Constant):
    """Reads the test set."""
    name = "peeks"

    def fit(self, train, bench):
        from pathlib import Path
        from benchkit.contracts.protocol import Protocol
        from benchkit.data import cache as prepared_cache
        from benchkit.data.split import split_sessions
        (folder,) = (bench.workspace / "datasets").glob("*/prepared/*/")
        split_sessions(prepared_cache.load(folder), Protocol()).test


@hookimpl
def benchkit_recommenders():
    return [Constant, Slow, Raises, Dies, Peeks]
'''


@pytest.fixture
def workspace(tmp_path: Path, sample: Path) -> Workspace:
    shutil.copytree(sample, tmp_path / "datasets")
    site = tmp_path / "site"
    site.mkdir()
    declare(site, "awkward", {"awkward": "awkward"}, "0.1")
    (site / "awkward.py").write_text(PLUGIN)
    return Workspace(
        tmp_path, {**os.environ, "PYTHONPATH": str(site), "AWKWARD_LOG": str(tmp_path / "log")}
    )


def records(workspace: Workspace) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in workspace.records()]
    return {record["identity"]["recommender"]["name"]: record for record in found}


def fits(workspace: Workspace) -> int:
    log = workspace.folder / "log"
    return log.read_text().count(" fit ") if log.exists() else 0


def test_the_best_of_a_search_is_evaluated_once(workspace: Workspace) -> None:
    names = ("most-popular", "llm-seq-sim-popularity", "llm-seq-sim")
    recommenders = [part for name in names for part in ("-r", name)]
    command = ("run", *recommenders, "--dataset", "steam", "--trials", "3")
    command += ("--embedder", "random")
    out, err = workspace.here(*command)
    assert "[tuned]: the best configuration of a search" in " ".join(out.split())
    assert "[search 1/2] llm-seq-sim: searching 4 parameters" in err
    assert "[search 2/2] llm-seq-sim-popularity: best" in err  # what it builds on comes first
    kept = records(workspace)
    similar, hybrid = kept["llm-seq-sim"], kept["llm-seq-sim-popularity"]
    part = hybrid["search"]["parts"]["llm-seq-sim"]
    assert part["study"] == similar["search"]["study"]
    built_on = hybrid["identity"]["builds_on"]["recommender:llm-seq-sim"]["config"]
    for name in ("pooling", "dim"):
        assert built_on[name] == part["values"][name] == similar["identity"]["config"][name]
    assert (kept["most-popular"]["preset"], kept["most-popular"]["search"]) == ("sample", {})
    search = similar["search"]
    assert similar["preset"] == "tuned"
    counts = {"done": 3, "pruned": 0, "failed": 0, "out_of_time": 0, "lost": 0}
    assert search["trials"] == counts
    assert sum(search["best"]["folds"]) == pytest.approx(search["best"]["value"])
    assert (search["budget"]["trials"], search["ended"]) == (3, "3 trials")
    assert similar["identity"]["search"] == search["study"]
    assert not list(workspace.out.glob("weights/*/*"))
    before = {path: path.read_bytes() for path in workspace.records()}
    _, err = workspace.here(*command)
    assert err.count("(kept from an earlier run)") == 2
    assert "searching" not in err
    assert before == {path: path.read_bytes() for path in workspace.records()}
    columns = ("--columns", "ndcg,trials,search-seconds")
    assert "3/0/0" in workspace.here("leaderboard", "steam-sample", *columns)[0]
    study = ("study", "steam-sample", "llm-seq-sim")
    review = json.loads(workspace.here(*study, "--format", "json")[0])
    assert sum(review["counts"].values()) == review["trials"] == 3
    assert [len(trial["folds"]) for trial in review["finished"]] == [3, 3, 3]
    assert "3 trials (3 done)" in workspace.here(*study)[0]


def test_nothing_is_asked_of_the_test_set_before_the_configuration_is_frozen(
    workspace: Workspace,
) -> None:
    command = ("run", "-r", "constant", "--dataset", "steam", "--trials", "4", "--pruner", "none")
    workspace.here(*command)
    (record,) = records(workspace).values()
    log = (workspace.folder / "log").read_text().splitlines()
    rehearsal, *searched, last = [line.split() for line in log if " recommend " in line]
    assert rehearsal[2] == "5"
    assert last == ["constant", "recommend", str(record["prompts"]), "True"]
    assert len(searched) == 12
    # the test set was sealed
    assert {line[3] for line in (rehearsal, *searched)} == {"False"}
    trained = int([line for line in log if " fit " in line][-1].split()[2])
    assert sum(int(line[2]) for line in searched[:3]) < trained
    # A search that goes on knows what it did.
    workspace.here(*command[:5], "--trials", "6", "--pruner", "none")
    (row,) = workspace.rows()
    assert row["search"]["trials"]["done"] == 6


def test_a_search_that_fails_ends_and_the_rest_goes_on(workspace: Workspace) -> None:
    names = ("raises", "peeks", "dies", "constant")
    arguments = [part for name in names for part in ("-r", name)]
    _, err = workspace.here(
        "run", *arguments, "--dataset", "steam", "--trials", "11", "--pruner", "none", code=1
    )
    lines = {line.split()[2]: line for line in err.splitlines() if "ended:" in line}
    assert "10 trials in a row failed, the last one: ValueError: the learning" in lines["raises:"]
    assert "SealedError: the test set is sealed while" in lines["peeks:"]
    assert "best 0.0" in lines["dies:"]
    assert "(10 done, 1 failed" in lines["dies:"]
    assert "(11 done" in lines["constant:"]
    assert "Failed: raises: ValueError: the learning rate is a carrot" in err
    kept = records(workspace)
    journal = (workspace.out / "studies" / "steam-sample.journal").read_text()
    assert "its process was killed by SIGKILL (probably out of memory)" in journal
    assert kept["constant"]["search"]["trials"]["failed"] == 0


def test_a_trial_that_takes_too_long_is_stopped_and_is_no_failure(workspace: Workspace) -> None:
    workspace.environment["AWKWARD_SECONDS"] = "60"
    command = ("run", "-r", "constant", "-r", "slow", "--dataset", "steam", "--timeout", "3s")
    process = workspace.start(*command)
    journal = workspace.out / "studies" / "steam-sample.journal"
    wait_for(lambda: journal.exists() and journal.read_text().count('"timed_out":true') == 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    workspace.environment["AWKWARD_SECONDS"] = "0"
    out, err = workspace.here(*command)
    assert "constant: no trial finished, so its preset is evaluated (1 out of time" in err
    assert "slow: no trial finished, so its preset is evaluated (no trials, 0 s); ended: not" in err
    assert "constant [preset]" in out
    assert "slow [preset]" in out
    search = records(workspace)["constant"]["search"]
    assert (search["trials"]["out_of_time"], search["trials"]["failed"]) == (1, 0)
    assert search["best"] is None
    search = records(workspace)["slow"]["search"]
    assert search["ended"].startswith("not started: a trial takes too long to be estimated")


def kinds(workspace: Workspace) -> list[str]:
    """Return what became of each finished trial."""
    journal = workspace.out / "studies" / "steam-sample.journal"
    if not journal.exists():
        return []
    storage = open_storage(str(journal))
    studies = storage.get_all_studies()  # none between the file's beginning and the first one's
    trials = [trial for study in studies for trial in storage.get_all_trials(study._study_id)]
    return [kind_of(trial) for trial in trials if trial.state.is_finished()]


def test_ctrl_c_loses_nothing_and_a_second_one_leaves_at_once(workspace: Workspace) -> None:
    workspace.environment["AWKWARD_SECONDS"] = "0.5"
    command = ("run", "-r", "constant", "--dataset", "steam", "--trials", "3", "--pruner", "none")
    process = workspace.start(*command)
    wait_for(lambda: fits(workspace) >= 2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (130, False)
    assert "run the same command to resume" in err

    process = workspace.start(*command)
    wait_for(lambda: kinds(workspace).count("done") == 1 and fits(workspace) >= 7)
    (lock,) = workspace.out.glob("studies/.steam-sample.journal.workers/locks/*.lock")
    with FileLock(lock):  # so that the first one cannot finish tidying up
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=5)
    assert (process.returncode, "Left at once" in err, "Traceback" in err) == (130, True, False)

    before, asked = kinds(workspace), fits(workspace)
    workspace.environment["AWKWARD_SECONDS"] = "0"
    workspace.here(*command)
    after = kinds(workspace)
    assert after[: len(before)] == before
    assert after.count("done") == 3
    assert 1 <= after.count("lost") <= 2
    # a rehearsal, the folds of the trials that were not finished, and the evaluation
    assert fits(workspace) - asked == 1 + 3 * (3 - before.count("done")) + 1
    search = records(workspace)["constant"]["search"]
    assert (search["trials"]["done"], search["trials"]["lost"]) == (3, after.count("lost"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--timeout", "soon"), "--timeout takes a duration such as 90s, 30m or 2h; not 'soon'"),
        (("--sampler", "tp"), "--sampler: unknown sampler 'tp'"),
        (("--pruner", "botom"), "did you mean bottom?"),
    ],
)
def test_wrong_options_are_one_sentence(
    workspace: Workspace, arguments: tuple[str, ...], sentence: str
) -> None:
    command = ("run", "-r", "sknn", "--dataset", "steam", "--trials", "1")
    _, err = workspace.here(*command, *arguments, code=2)
    assert sentence in err


def test_a_dry_run_says_what_would_be_searched(workspace: Workspace) -> None:
    command = ("run", "-r", "sknn", "-r", "random", "--dataset", "steam", "--timeout", "3m")
    out, _ = workspace.here(*command, "--dry-run")
    assert "search    sknn  at most 3 min  k, sample_size" in out
    assert "search    random" not in out
    assert "to run    sknn  ties 0  seed 0  as the search finds" in out
    assert not (workspace.out / "studies").exists()


def test_a_dry_run_knows_what_is_finished(workspace: Workspace) -> None:
    command = ("run", "-r", "s-sknn", "--dataset", "steam", "--seeds", "0,1", "--trials", "2")
    workspace.here(*command)
    before = sorted(workspace.out.rglob("*"))
    out, _ = workspace.here(*command, "--dry-run")
    assert [line.split()[0] for line in out.splitlines()] == ["finished"] * 3
    assert [row["seeds"] for row in workspace.rows()] == [[0, 1]]  # of one search
    assert "finished  search of s-sknn" in out
    out, _ = workspace.here(*command[:-1], "4", "--dry-run")
    assert "search    s-sknn  at most 72 h or 4 trials" in out
    assert "finished" not in out
    assert sorted(workspace.out.rglob("*")) == before


def test_a_dry_run_says_what_a_trial_of_a_prompted_model_costs(workspace: Workspace) -> None:
    name = "llm-seq-prompt-gen-item"
    command = ("run", "-r", name, "--dataset", "steam", "--trials", "3", "--max-prompts", "5")
    paid = ("--set", f"{name}.provider=openai", "--set", f"{name}.state=base")
    workspace.environment["OPENAI_API_KEY"] = "none-that-works"
    out, _ = workspace.here(*command, *paid, "--dry-run")
    # five prompts a fold
    assert re.search(r"the first trial would ask for 15 calls, about [\d,]+ tokens, \$\d", out)
    assert re.search(r"\n +would ask for 5 calls, about [\d,]+ tokens, \$\d", out)


def test_no_study_is_one_sentence(workspace: Workspace) -> None:
    _, err = workspace.here("study", "steam-sample", "sknn", code=2)
    assert "there are no studies of 'steam-sample'" in err
