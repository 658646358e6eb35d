"""`benchkit worker` on a journal file: it joins what a run has begun, and refuses what differs."""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchkit.cli.data import data
from benchkit.cli.worker import worker
from benchkit.contracts.errors import UnavailableError
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.evaluation.availability import why_left_out
from benchkit.evaluation.settings import Settings
from benchkit.tuning.join import differences, rebuild, stored_searches
from benchkit.tuning.ledger import kind_of
from benchkit.tuning.storage import open_storage
from tests.making import prepared
from tests.tuning.machines import Machines, wait_for

PCA = {"distribution": "ours", "version": "1", "source": "aa"}


def test_a_worker_goes_on_with_what_a_killed_run_has_begun(
    machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, helper = machine("host"), machine("helper")
    journal = host.out / "studies" / "steam-sample.journal"
    search = ("--dataset", "steam", "--storage", str(journal))
    monkeypatch.setenv("BENCHKIT_HOME", str(helper.folder))

    def here(*arguments: str) -> Result:
        """Run `benchkit worker` in this process, which has no plugin."""
        return CliRunner().invoke(worker, [*search, *arguments])

    error = str(here().exception)
    assert "no run has begun a search on steam in this storage; `benchkit run" in error
    assert not journal.exists()

    def kinds() -> Counter[str]:
        storage = open_storage(str(journal))
        trials = [t for s in storage.get_all_studies() for t in storage.get_all_trials(s._study_id)]
        return Counter(
            str(kind_of(t)) if t.state.is_finished() else t.state.name.lower() for t in trials
        )

    host.environment["SLOW_SECONDS"] = helper.environment["SLOW_SECONDS"] = "60"
    command = ("run", "-r", "slow", "-r", "sknn", "--dataset", "steam", "--trials", "2")
    run = host.start(*command)
    wait_for(lambda: journal.exists() and kinds()["running"] == 1)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()

    # Other data, another source: refused.
    other = helper.folder / "other"
    arguments = ["make", "steam", "--sessions", "300", "--seed", "7", "--out", str(other)]
    assert CliRunner().invoke(data, arguments).exit_code == 0
    error = str(here("--raw", str(other)).exception)
    assert "the data here, steam, have the fingerprint" in error
    assert "is on steam-sample with the fingerprint" in error
    stored = {each.recommender: each for each in stored_searches(str(journal), "steam")}
    source = {**stored["sknn"].about["recommender"], "source": "edited"}
    edited = replace(stored["sknn"], about={**stored["sknn"].about, "recommender": source})
    with pytest.raises(
        UnavailableError, match=r"sknn is not the same here: sknn is .*the run has .*source edited"
    ):
        rebuild(
            edited,
            open_dataset("steam", helper.folder, None, {}),
            str(journal),
            helper.folder,
            helper.out,
        )

    # Interrupted by a person: its trial is tried again, and its configuration is not blamed.
    before = kinds()["lost"]
    process = helper.start("worker", *search, "-r", "slow")
    wait_for(lambda: kinds()["lost"] == before + 1 and kinds()["running"] == 1)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Interrupted. 0 trials" in err) == (130, True)
    assert kinds() == Counter(lost=before + 2, waiting=2)  # the other one is sknn's first

    helper.environment["SLOW_SECONDS"] = "0"
    out, _ = helper.here("worker", *search, "--timeout", "5m")
    assert "4 trials (4 done) in 2 searches." in out
    assert not helper.records()
    # The run has nothing left to search, and records that it is over.
    host.environment["SLOW_SECONDS"] = "0"
    _, err = host.here(*command)
    assert err.count("(kept from an earlier run)") == 2
    assert len(host.records()) == 2
    done = here()
    assert "0 trials (none) in 0 searches." in done.output
    assert "all searches are over" in done.output


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
    sessions = prepared([[0, 1], [1, 2]])

    def reason(*, paying: bool) -> str | None:
        return why_left_out("llm-seq-sim", sessions, settings, named=True, paying=paying)

    assert reason(paying=True) is None
    assert "openai: it costs money, and its vectors are not all here" in str(reason(paying=False))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, None),
        ({"optuna": "5.0.0"}, "optuna is 5.0.0, the run has 4.5.0"),
        ({"builds_on": {"pca": PCA}}, "pca is ours 1 (source aa), the run has absent"),
        (
            {"recommender": {"name": "sknn", **PCA}},
            "sknn is ours 1 (source aa), the run has ours 1 (source bb)",
        ),
        ({"space": {"k": "1..5"}}, 'space is {"k": "1..5"}, the run has {"k": "1..9"}'),
    ],
)
def test_what_differs_is_a_sentence(change: dict[str, Any], sentence: str | None) -> None:
    sknn = {"name": "sknn", **PCA, "source": "bb"}
    run = {"recommender": sknn, "builds_on": {}, "space": {"k": "1..9"}, "optuna": "4.5.0"}
    found = differences(run, {**run, **change})
    assert found == ([sentence] if sentence else [])
