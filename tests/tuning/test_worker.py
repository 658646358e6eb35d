"""`benchkit worker` on a journal file: it joins what a run has begun, and refuses what differs."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from benchkit.contracts.protocol import Protocol
from benchkit.evaluation.availability import reason_against
from benchkit.evaluation.settings import Settings
from benchkit.tuning.differences import differences
from benchkit.tuning.ledger import kind_of
from benchkit.tuning.storage import open_storage
from tests.making import prepared
from tests.tuning.machines import Machines, wait_for


def test_a_worker_goes_on_with_what_a_killed_run_has_begun(
    machine: Machines, tmp_path: Path
) -> None:
    host, helper = machine("host"), machine("helper")
    journal = host.out / "studies" / "steam-sample.journal"
    search = ("--dataset", "steam", "--storage", str(journal))
    _, err = helper.run("worker", *search, code=2)
    assert "no run has begun a search on steam in this storage; `benchkit run" in err
    assert not journal.exists()

    def kinds() -> Counter[str]:
        storage = open_storage(str(journal))
        trials = [t for s in storage.get_all_studies() for t in storage.get_all_trials(s._study_id)]
        return Counter(
            str(kind_of(t)) if t.state.is_finished() else t.state.name.lower() for t in trials
        )

    host.environment["SLOW_SECONDS"] = helper.environment["SLOW_SECONDS"] = "60"
    command = ("run", "-r", "slow", "-r", "sknn", "--dataset", "steam", "--trials", "3")
    run = host.start(*command)
    wait_for(lambda: journal.exists() and kinds()["running"] == 1)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()

    # Other data, another source: refused.
    helper.run("data", "make", "steam", "--sessions", "300", "--seed", "7", "--out", "other")
    _, err = helper.run("worker", *search, "--raw", "other", code=2)
    assert "the data here, steam, have the fingerprint" in err
    assert "is on steam-sample with the fingerprint" in err
    plugin = tmp_path / "site" / "slow.py"
    source = plugin.read_text()
    plugin.write_text(source + "EDITED = True\n")
    _, err = helper.run("worker", *search, "-r", "slow", code=2)
    assert "slow is not the same here: it comes from slow 0.1 (source" in err
    plugin.write_text(source)

    # Stopped by a person: what it is at is tried again, and nobody is blamed.
    before = kinds()["lost"]
    worker = helper.start("worker", *search, "-r", "slow")
    wait_for(lambda: kinds()["lost"] == before + 1 and kinds()["running"] == 1)
    os.killpg(worker.pid, signal.SIGINT)
    _, err = worker.communicate(timeout=60)
    assert (worker.returncode, "Interrupted. 0 trials" in err) == (130, True)
    assert kinds() == Counter(lost=before + 2, waiting=2)  # the other one is sknn's first

    helper.environment["SLOW_SECONDS"] = "0"
    out, _ = helper.run("worker", *search, "--timeout", "5m")
    assert "6 trials (6 done) in 2 searches." in out
    assert not helper.records()
    # The run has nothing left to search, and says that it is over.
    host.environment["SLOW_SECONDS"] = "0"
    _, err = host.run(*command)
    assert err.count("(kept from an earlier run)") == 2
    assert len(host.records()) == 2
    out, err = helper.run("worker", *search)
    assert "0 trials (none) in 0 searches." in out
    assert "all searches are over" in err


def test_what_is_paid_for_must_be_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "nothing")
    settings = Settings(
        protocol=Protocol(),
        preset="default",
        overrides={"llm-seq-sim": {"embedder": "openai"}},
        cutoffs=(1,),
        seed=0,
        workspace=tmp_path,
        out=tmp_path,
    )
    data = prepared([[0, 1], [1, 2]])

    def reason(*, paying: bool) -> str | None:
        return reason_against("llm-seq-sim", data, settings, named=True, paying=paying)

    assert reason(paying=True) is None
    assert "openai: it costs money, and its vectors are not all here" in str(reason(paying=False))


def test_differences_are_said_in_words() -> None:
    sknn = {"distribution": "seqrec-benchkit", "version": "1", "source": "aa"}
    there = {"recommender": sknn, "builds_on": {}, "space": {"k": "1..9"}, "optuna": "4.5.0"}
    assert differences(there, dict(there)) == []
    assert differences(there, {**there, "optuna": "5.0.0"}) == [
        "optuna is 5.0.0, the run has 4.5.0"
    ]
    (said,) = differences(there, {**there, "builds_on": {"reducer:pca": sknn}})
    assert said == "reducer:pca is seqrec-benchkit 1 (source aa), in the run not used"
    (said,) = differences(there, {**there, "builds_on": {"file:templates": "0a1b"}})
    assert said == "file:templates is 0a1b, in the run not used"
    (said,) = differences(there, {**there, "space": {"k": "1..5"}})
    assert said == 'space is {"k": "1..5"}, the run has {"k": "1..9"}'
