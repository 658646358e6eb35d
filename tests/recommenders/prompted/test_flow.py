"""From upload to leaderboard through `benchkit run`, with a kill in between, and without a key."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.recommenders.prompted.server import Service
from tests.workspace import board

NAME = "llm-seq-prompt-gen-item"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "benchkit", *words]


def run_of(service: Service) -> list[str]:
    values = {
        "provider": "openai",
        "base_url": f"{service.url}/v1",
        "price": "1/2/3",
        "train_sessions": 20,
        "embedder": "lsa",
    }
    sets = [word for k, v in values.items() for word in ("--set", f"{NAME}.{k}={v}")]
    return command("run", "-r", NAME, "--dataset", "steam", "--max-prompts", "5", *sets)


def environment(home: Path, **more: str) -> dict[str, str]:
    known = {k: v for k, v in os.environ.items() if k != "OPENAI_API_KEY"}
    return {**known, "BENCHKIT_HOME": str(home), "COLUMNS": "80", **more}


def test_a_killed_run_goes_on_and_a_copy_replays_without_a_key(
    service: Service, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    with_key = environment(here, OPENAI_API_KEY=os.environ["OPENAI_API_KEY"])
    service.life = ["running"] * 10_000
    first = subprocess.Popen(run_of(service), env=with_key, start_new_session=True)
    try:
        for _ in range(6000):
            if service.count("GET /v1/fine_tuning/jobs/") or first.poll() is not None:
                break
            time.sleep(0.01)
        assert first.poll() is None, "it must not end before it is killed"
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    service.jobs[0]["life"] = ["succeeded"]

    done = subprocess.run(
        run_of(service), env=with_key, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(service.jobs) == 1
    assert "a SUBSET of 5 of" in " ".join(done.stdout.split())
    shown = subprocess.run(
        command("leaderboard", "steam-sample", "--diagnostics"),
        env=with_key,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Hallucinations" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80

    shutil.copytree(here / "completions", there / "completions")
    requests = len(service.log)
    again = subprocess.run(
        run_of(service), env=environment(there), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert len(service.log) == requests
    (table,), (replayed,) = (board(home / "leaderboards", "steam-sample") for home in (here, there))
    assert replayed.rows[0].metrics == table.rows[0].metrics
    assert replayed.rows[0].diagnostics == table.rows[0].diagnostics
