"""Several real processes on one journal file: they share a study, and one may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from benchkit.tuning.heartbeat import requeue_lost
from benchkit.tuning.ledger import Ledger
from tests.tuning.searching import search_in

ROOT = Path(__file__).parents[2]


def start(folder: Path, trials: int, seconds: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.tuning.searching"]
    return subprocess.Popen([*command, str(folder), str(trials), str(seconds)], cwd=ROOT)


def ledger_of(folder: Path) -> Ledger:
    search = search_in(folder)
    return search.refresh(Ledger(), search.study())


def test_two_processes_share_a_study(tmp_path: Path) -> None:
    both = [start(tmp_path, 30, 0.005) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    study = search_in(tmp_path).study()
    trials = study.get_trials()
    assert len(trials) == 30  # the budget is one for both
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"}
    workers = Counter(trial.user_attrs["worker"] for trial in trials)
    assert len(workers) == 2
    presets = [trial for trial in trials if "fixed_params" in trial.system_attrs]
    assert len(presets) == 1
    drawn = {tuple(sorted(trial.params.items())) for trial in trials}
    assert len(drawn) > 25  # they do not draw the same


def test_the_trial_of_a_killed_worker_is_tried_again_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    process = start(tmp_path, 4, 0.4)
    deadline = time.monotonic() + 60
    while ledger_of(tmp_path).counts["done"] < 1 or ledger_of(tmp_path).running < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    search = search_in(tmp_path)
    study = search.study()
    with search.locked():
        assert requeue_lost(study, search.heartbeats) == []  # its worker is alive
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (lost,) = (t for t in study.get_trials() if t.state.name == "RUNNING")
    with search.locked():
        assert requeue_lost(study, search.heartbeats) == [lost.number]
    assert start(tmp_path, 4, 0.0).wait(60) == 0
    ledger = ledger_of(tmp_path)
    assert (ledger.counts["done"], ledger.counts["lost"], ledger.size) == (4, 1, 5)
    again = study.get_trials()[lost.number + 1]
    assert again.params == lost.params
    # The time that it worked counts, to its last heartbeat; the pause until now does not.
    assert 1.0 < ledger.seconds < 6.0
