"""`benchkit run` killed, interrupted, misspelt, and on full disks; real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuning.machines import wait_for
from tests.workspace import Workspace


def test_an_interrupted_and_a_killed_run_are_completed_by_the_same_command(
    workspace: Workspace, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    workspace.environment.update(AWKWARD_LOG=str(log), AWKWARD_SECONDS="600")
    command = ("run", "-r", "most-popular", "-r", "slow", "--dataset", "steam")
    process = workspace.start(*command)
    wait_for(lambda: len(workspace.records()) == 1)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (130, False)
    assert "run the same command to resume" in err
    assert [row["recommender"] for row in workspace.rows()] == ["most-popular"]
    first = workspace.records()[0].stat().st_mtime_ns

    process = workspace.start(*command)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any("slow (ties 0): started" in line for line in lines)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    # The orphaned child ends by itself: it would hold the lock for ten minutes otherwise.
    workspace.environment["AWKWARD_SECONDS"] = "0"
    _, err = workspace.here(*command)
    assert "most-popular (ties 0): kept from an earlier run" in err
    assert {row["recommender"] for row in workspace.rows()} == {"most-popular", "slow"}
    assert workspace.records()[0].stat().st_mtime_ns == first
    assert log.read_text() == "slow\n"


def test_failing_recommenders_are_reported_and_the_rest_go_on(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.environment["AWKWARD_LOG"] = str(tmp_path / "log")
    names = ("raises", "dies", "leaves", "wrong", "slow")
    arguments = [part for name in names for part in ("-r", name)]
    out, err = workspace.run("run", *arguments, "--dataset", "steam", code=1)
    assert ("loud" in out, "loud" in err) == (False, True)
    assert "Failed: leaves: SystemExit: 0" in err
    assert [row["recommender"] for row in workspace.rows()] == ["slow"]
    assert "Failed: raises: ValueError: the learning rate is a carrot" in err
    assert "Failed: dies: its process was killed by SIGKILL (probably out of memory)" in err
    assert re.search(r"Failed: wrong: wrong returned items int32\[\d+, 21\], not", err)
    details = next(workspace.out.glob("records/*/raises-*.failed.json")).read_text()
    assert "Traceback" in json.loads(details)["details"]


def test_two_runs_at_once_do_the_work_once(workspace: Workspace, tmp_path: Path) -> None:
    log = tmp_path / "log"
    workspace.environment.update(AWKWARD_LOG=str(log), AWKWARD_SECONDS="3")
    command = ("run", "-r", "slow", "--dataset", "steam")
    both = [workspace.start(*command) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert log.read_text() == "slow\n"
    assert len(workspace.rows()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--all", "--dataset", "stem"), "unknown dataset 'stem'; did you mean steam?"),
        (("-r", "vsknn", "--dataset", "steam"), "unknown recommender 'vsknn'; did you mean"),
        (("--dataset", "steam"), "choose recommenders with --all or -r NAME"),
        (("--all", "--dataset", "steam", "--set", "sknn.kk=1"), "unknown parameter 'kk'"),
        (("--all", "--dataset", "steam", "--set", "sknn.k=x"), "sknn: k takes int, not 'x'"),
        (("--all", "--dataset", "steam", "--set", "sknn"), "--set takes NAME.PARAM=VALUE"),
        (("--all", "--dataset", "steam", "--set", "snn.k=1"), "unknown recommender 'snn'"),
        (("--all", "--dataset", "steam", "--ties", "x"), "--ties takes seeds"),
        (("--all", "--dataset", "steam", "--k", "0"), "takes whole numbers from 1"),
        (("--all", "--dataset", "steam", "--raw", "nowhere"), "nowhere"),
        (("--all", "--dataset", "steam-sample", "--raw", "x"), "steam-sample is generated; --raw"),
        (("--all", "--dataset", "my-shop"), "data of your own are named by their TOML file"),
        (
            ("-r", "v-sknn", "--dataset", "steam", "--set", "sknn.k=9"),
            "--set sknn: sknn takes no part in this run",
        ),
        (
            ("-r", "most-popular", "-r", "sknn", "--dataset", "steam", "--set", "lsa.dims=3"),
            "--set lsa: lsa takes no part in this run",
        ),
        (("--all", "--dataset", "no.toml"), "no.toml"),
    ],
)
def test_wrong_inputs_get_one_sentence_and_exit_code_2(
    workspace: Workspace, arguments: tuple[str, ...], sentence: str
) -> None:
    _, err = workspace.here("run", *arguments, code=2)
    assert sentence in " ".join(err.split())


def test_a_folder_that_cannot_be_written_is_one_sentence(workspace: Workspace) -> None:
    blocked = workspace.folder / "file"
    blocked.write_text("")
    _, err = workspace.here(
        "run", "-r", "random", "--dataset", "steam", "--out", str(blocked / "below"), code=2
    )
    assert "Error: cannot write" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a small file system")
def test_a_full_disk_is_one_sentence_and_loses_nothing(workspace: Workspace) -> None:
    workspace.here("run", "-r", "most-popular", "--dataset", "steam")
    before = (workspace.out / "steam-sample.jsonl").read_bytes()
    # A file-size limit makes every larger write fail, as a full disk does.
    script = (
        'ulimit -f 8; trap "" XFSZ; exec "$0" -m benchkit run --trials 0 -r v-sknn --dataset steam'
    )
    done = subprocess.run(
        ["bash", "-c", script, sys.executable],
        env=workspace.environment,
        cwd=workspace.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert (workspace.out / "steam-sample.jsonl").read_bytes() == before or workspace.rows()
    workspace.here("run", "-r", "v-sknn", "--dataset", "steam")
    assert {row["recommender"] for row in workspace.rows()} == {"most-popular", "v-sknn"}
