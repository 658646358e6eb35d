"""`benchkit run` as people use it: real processes, killed and interrupted, on full disks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

QUICK = ("-r", "most-popular", "-r", "v-sknn")


class Workspace:
    """A folder to work in, with a small generated Steam sample, and the command line."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.out = folder / "leaderboards"
        self.environment = {**environment, "BENCHKIT_HOME": str(folder), "COLUMNS": "80"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        # These tests are about evaluation; those of `tests/tuning` are about what goes before it.
        if arguments[0] == "run" and not {"--trials", "--timeout"} & set(arguments):
            arguments = (*arguments, "--trials", "0")
        return subprocess.Popen(
            [sys.executable, "-m", "benchkit", *arguments],
            env=self.environment,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
        assert process.returncode == code, err
        assert "Traceback" not in out + err
        return out, err

    def rows(self, dataset: str = "steam-sample") -> list[dict[str, Any]]:
        table = json.loads((self.out / f"{dataset}.json").read_text())
        rows: list[dict[str, Any]] = table["rows"]
        return rows

    def records(self) -> Sequence[Path]:
        return sorted(self.out.glob("records/*/*/record.json"))


@pytest.fixture
def workspace(tmp_path: Path, plugin_path: str) -> Workspace:
    return Workspace(tmp_path, {**os.environ, "PYTHONPATH": plugin_path})


@pytest.fixture
def plugin_path(tmp_path: Path) -> str:
    """A folder with a third-party distribution: recommenders that are slow, and that fail."""
    site = tmp_path / "site"
    about = site / "awkward-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: awkward\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("[benchkit]\nawkward = awkward\n")
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


class Wrong(Slow):
    """Returns nonsense."""
    name = "wrong"

    def recommend(self, prompts, k):
        return Recommendations.empty(len(prompts), k + 1)


@hookimpl
def benchkit_recommenders():
    return [Slow, Raises, Dies, Wrong]
'''


def test_a_run_writes_a_leaderboard_and_a_second_run_repeats_nothing(workspace: Workspace) -> None:
    out, err = workspace.run("run", *QUICK, "--dataset", "steam")
    assert "GENERATED SAMPLE" in err
    assert "v-sknn" in out
    rows = {row["recommender"]: row for row in workspace.rows()}
    assert set(rows) == {"most-popular", "v-sknn"}
    assert rows["v-sknn"]["metrics"]["ndcg@20"] > 2 * rows["most-popular"]["metrics"]["ndcg@20"]
    before = {path: path.stat().st_mtime_ns for path in workspace.records()}
    _, err = workspace.run("run", *QUICK, "--dataset", "steam")
    assert err.count("kept from an earlier run") == 2
    assert before == {path: path.stat().st_mtime_ns for path in workspace.records()}


def test_what_a_run_shows_is_its_own_though_it_was_kept_or_measured_anew(
    workspace: Workspace,
) -> None:
    def shown(*more: str) -> str:
        command = ("run", "-r", "most-popular", "--dataset", "steam")
        out, err = workspace.run(*command, *more)
        (row,) = workspace.rows()
        figure = f"{row['metrics']['ndcg@20']:.4f}"
        assert f"ndcg@20 {figure}" in err
        assert figure[1:] in out
        return figure

    other = ("--set", "steam.p_core=10")
    whole, cored = shown(), shown(*other)
    assert whole != cored
    assert (shown(), shown(*other, "--k", "5,20")) == (whole, cored)


def test_every_prompt_keeps_its_list_and_values(workspace: Workspace) -> None:
    workspace.run("run", "-r", "v-sknn", "--dataset", "steam")
    (path,) = workspace.records()
    record = json.loads(path.read_text())
    lists = pl.read_parquet(path.parent / "lists.parquet")
    values = pl.read_parquet(path.parent / "values.parquet")
    assert len(lists) == len(values) == record["prompts"]
    assert values["ndcg@20"].mean() == pytest.approx(record["metrics"]["ndcg@20"])
    assert record["environment"]["packages"]["numpy"]
    assert record["seconds"]["fit"] > 0
    assert record["peak_memory"] > 10_000_000
    assert str(workspace.folder) not in path.read_text()


def test_several_ties_give_a_mean_and_a_spread(workspace: Workspace) -> None:
    workspace.run("run", "-r", "v-sknn", "--dataset", "steam", "--ties", "0,1,2", "--jobs", "2")
    (row,) = workspace.rows()
    assert row["ties"] == [0, 1, 2]
    assert row["spread"]["ndcg@20"] > 0
    each = [json.loads(path.read_text())["metrics"]["ndcg@20"] for path in workspace.records()]
    assert row["metrics"]["ndcg@20"] == pytest.approx(sum(each) / 3)


def test_a_killed_run_is_completed_by_the_same_command(
    workspace: Workspace, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    workspace.environment.update(AWKWARD_LOG=str(log), AWKWARD_SECONDS="60")
    command = ("run", "-r", "most-popular", "-r", "slow", "--dataset", "steam")
    process = workspace.start(*command)
    deadline = time.monotonic() + 60
    while len(workspace.records()) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    first = workspace.records()[0].stat().st_mtime_ns
    # The orphaned child ends by itself: it would hold the lock for a minute otherwise.
    workspace.environment["AWKWARD_SECONDS"] = "0"
    started = time.monotonic()
    _, err = workspace.run(*command)
    assert time.monotonic() - started < 30
    assert "most-popular (ties 0): kept from an earlier run" in err
    assert {row["recommender"] for row in workspace.rows()} == {"most-popular", "slow"}
    assert workspace.records()[0].stat().st_mtime_ns == first
    assert log.read_text() == "slow\n"


def test_ctrl_c_says_how_to_go_on(workspace: Workspace, tmp_path: Path) -> None:
    workspace.environment.update(AWKWARD_LOG=str(tmp_path / "log"), AWKWARD_SECONDS="60")
    process = workspace.start("run", "-r", "most-popular", "-r", "slow", "--dataset", "steam")
    deadline = time.monotonic() + 60
    while len(workspace.records()) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "The same command goes on" in err
    assert "Traceback" not in err
    assert [row["recommender"] for row in workspace.rows()] == ["most-popular"]


def test_failing_recommenders_are_reported_and_the_rest_go_on(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.environment["AWKWARD_LOG"] = str(tmp_path / "log")
    names = ("raises", "dies", "wrong", "slow")
    arguments = [part for name in names for part in ("-r", name)]
    _, err = workspace.run("run", *arguments, "--dataset", "steam", code=1)
    assert [row["recommender"] for row in workspace.rows()] == ["slow"]
    assert "Failed: raises: ValueError: the learning rate is a carrot" in err
    assert "Failed: dies: its process was killed by SIGKILL; was memory short?" in err
    assert re.search(r"Failed: wrong: wrong returned items int32\[\d+, 21\], not", err)
    details = next(workspace.out.glob("records/*/raises-*.failed.json")).read_text()
    assert "Traceback" in json.loads(details)["details"]


def test_two_runs_at_once_do_the_work_once(workspace: Workspace, tmp_path: Path) -> None:
    log = tmp_path / "log"
    workspace.run("data", "info", "steam")  # both find the data prepared
    workspace.environment.update(AWKWARD_LOG=str(log), AWKWARD_SECONDS="3")
    command = ("run", "-r", "slow", "-r", "most-popular", "--dataset", "steam")
    both = [workspace.start(*command) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert log.read_text() == "slow\n"
    assert len(workspace.rows()) == 2


def test_evaluate_measures_kept_lists_anew(workspace: Workspace) -> None:
    workspace.run("run", "-r", "v-sknn", "--dataset", "steam")
    (path,) = workspace.records()
    record = json.loads(path.read_text())
    expected = dict(record["metrics"])
    record["metrics"] = {"ndcg@10": 0.0}
    path.write_text(json.dumps(record))
    workspace.run("evaluate", "steam-sample")
    assert json.loads(path.read_text())["metrics"] == pytest.approx(expected)
    assert workspace.rows()[0]["metrics"] == pytest.approx(expected)
    # Cutoffs below the depth of the lists can be had later, deeper ones cannot.
    workspace.run("evaluate", "steam-sample", "--k", "5")
    assert "ndcg@5" in json.loads(path.read_text())["metrics"]
    _, err = workspace.run("evaluate", "steam-sample", "--k", "50", code=2)
    assert "its lists hold 20 items" in err


def test_strict_keeps_prompts_out_and_has_a_table_of_its_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.environment["AWKWARD_LOG"] = str(tmp_path / "log")
    command = ("run", "-r", "most-popular", "-r", "slow", "--dataset", "steam")
    workspace.run(*command)
    workspace.run(*command, "--protocol", "strict")
    table = json.loads((workspace.out / "steam-sample.json").read_text())
    assert table["protocol"]["name"] == "strict"
    assert [other["protocol"]["name"] for other in table["other_tables"]] == ["paper"]
    for path in workspace.records():
        if json.loads(path.read_text())["identity"]["protocol"]["name"] == "strict":
            assert _prompts_kept_out(workspace, path.parent)


def _prompts_kept_out(workspace: Workspace, folder: Path) -> bool:
    from benchkit.protocol import Protocol
    from benchkit.stages.prepare import load_prepared
    from benchkit.stages.record import read, read_lists
    from benchkit.stages.split import temporal_split

    about = read(folder / "record.json").identity.dataset
    prepared = load_prepared(workspace.folder, about["name"], about["fingerprint"])
    prompts = temporal_split(prepared, Protocol(name="strict")).test.prompts
    lists, _, _ = read_lists(folder)
    return all(not set(prompts[row]) & set(lists.items[row]) for row in range(len(prompts)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--all", "--dataset", "stem"), "unknown dataset 'stem'; did you mean steam?"),
        (("-r", "vsknn", "--dataset", "steam"), "unknown recommender 'vsknn'; did you mean"),
        (("--dataset", "steam"), "say which: --all, or -r NAME"),
        (("--all", "--dataset", "steam", "--set", "sknn.kk=1"), "unknown parameter 'kk'"),
        (("--all", "--dataset", "steam", "--set", "sknn.k=x"), "sknn: k takes int, not 'x'"),
        (("--all", "--dataset", "steam", "--set", "sknn"), "--set takes NAME.PARAM=VALUE"),
        (("--all", "--dataset", "steam", "--set", "snn.k=1"), "unknown recommender 'snn'"),
        (("--all", "--dataset", "steam", "--ties", "x"), "--ties takes seeds"),
        (("--all", "--dataset", "steam", "--k", "0"), "takes whole numbers from 1"),
        (("--all", "--dataset", "steam", "--raw", "nowhere"), "nowhere"),
        (("--all", "--dataset", "no.toml"), "no.toml"),
    ],
)
def test_wrong_inputs_get_one_sentence_and_exit_code_2(
    workspace: Workspace, arguments: tuple[str, ...], sentence: str
) -> None:
    _, err = workspace.run("run", *arguments, code=2)
    assert sentence in " ".join(err.split())


def test_own_data_and_lists_longer_than_the_catalog(workspace: Workspace) -> None:
    lines = [
        f"user-{user},item-{(user + step) % 9},{86400 * user + step}"
        for user in range(60)
        for step in range(4)
    ]
    (workspace.folder / "log.csv").write_text("\n".join(["user,product,when", *lines]))
    (workspace.folder / "my-shop.toml").write_text(
        '[dataset]\nname = "my-shop"\n[interactions]\nfile = "log.csv"\n'
        'session = "user"\nitem = "product"\ntime = "when"\n'
    )
    workspace.run("run", "-r", "most-popular", "--dataset", "my-shop.toml", "--k", "1,20,100000")
    (row,) = workspace.rows("my-shop")
    # Every session is four items of a cycle of nine: the whole catalog holds each truth.
    assert row["metrics"]["hr@100000"] == row["metrics"]["hr@20"] == 1
    assert row["metrics"]["hr@1"] < 1


def test_a_folder_that_cannot_be_written_is_one_sentence(workspace: Workspace) -> None:
    blocked = workspace.folder / "file"
    blocked.write_text("")
    _, err = workspace.run(
        "run", "-r", "random", "--dataset", "steam", "--out", str(blocked / "below"), code=2
    )
    assert "Error: cannot write" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a small file system")
def test_a_full_disk_is_one_sentence_and_loses_nothing(workspace: Workspace) -> None:
    workspace.run("run", "-r", "most-popular", "--dataset", "steam")
    before = (workspace.out / "steam-sample.json").read_bytes()
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
    assert (workspace.out / "steam-sample.json").read_bytes() == before or workspace.rows()
    workspace.run("run", "-r", "v-sknn", "--dataset", "steam")
    assert {row["recommender"] for row in workspace.rows()} == {"most-popular", "v-sknn"}


def test_a_dry_run_only_says_what_would_be_done(workspace: Workspace) -> None:
    out, _ = workspace.run("run", "-r", "v-sknn", "--dataset", "steam", "--dry-run")
    assert re.search(r"to run +v-sknn +ties 0 .*k=490", out)
    assert not workspace.out.exists() or not workspace.records()


def test_all_downloads_nothing_that_nobody_named(workspace: Workspace) -> None:
    pytest.importorskip("transformers")
    workspace.environment["HF_HOME"] = str(workspace.folder / "no models")
    command = ("run", "--dataset", "steam", "--dry-run")
    # what prompted models would ask for is told without embedding the catalog
    tasks = ("class", "gen-list", "rank")
    quick = [f"--set=llm-seq-prompt-{task}.embedder=random" for task in tasks]
    out, _ = workspace.run(*command, "--all", "--set", "bert2sasrec.embedder=bert", *quick)
    assert re.search(r"to run +bert2sasrec", out)
    assert re.search(r"left out +bert2gru4rec: .*bert-base-uncased must be downloaded first", out)
    out, _ = workspace.run(*command, "-r", "bert2gru4rec")
    assert re.search(r"to run +bert2gru4rec", out)


README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def python_in_readme(about: str) -> str:
    """Return the block of Python in the README that holds a word."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    (code,) = (textwrap.dedent(block) for block in blocks if about in block)
    return code


def test_kept_weights_answer_as_the_readme_says(workspace: Workspace) -> None:
    workspace.run("run", "-r", "sasrec", "--dataset", "steam", "--set", "sasrec.epochs=1")
    (record,) = workspace.records()
    (name,) = json.loads(record.read_text())["weights"]
    assert (workspace.out / "weights" / "steam-sample" / name).exists()
    code = python_in_readme("load(kept)") + "print(lists.items.shape, lists.items.min() >= 0)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=workspace.out.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "(1, 10) True\n", done.stderr


def test_longer_lists_need_no_second_fit(workspace: Workspace) -> None:
    command = ("run", "-r", "sasrec", "--dataset", "steam", "--set", "sasrec.epochs=1")
    workspace.run(*command)
    _, err = workspace.run(*command, "--k", "10,50")
    assert "weights of an earlier fit serve again" in err
    first, second = (json.loads(record.read_text()) for record in workspace.records())
    assert first["metrics"]["ndcg@10"] == second["metrics"]["ndcg@10"]
    # What it cost to train is not forgotten.
    assert min(first["seconds"]["fit"], second["seconds"]["fit"]) > 0.1


def test_a_recommender_of_another_protocol_has_a_table_of_its_own(workspace: Workspace) -> None:
    site = workspace.folder / "site"
    about = site / "own-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("[benchkit]\nnewest = newest_own\n")
    code = python_in_readme("hookimpl").replace(
        'name = "newest"', 'name = "newest"\n    protocol = "leave-one-out"'
    )
    (site / "newest_own.py").write_text(code)
    workspace.run("run", "-r", "most-popular", "-r", "newest", "--dataset", "steam")
    table = json.loads((workspace.out / "steam-sample.json").read_text())
    found = {
        each["protocol"]["name"]: [row["recommender"] for row in each["rows"]]
        for each in (table, *table["other_tables"])
    }
    assert found == {"paper": ["most-popular"], "leave-one-out": ["newest"]}
    assert table["protocol"]["name"] == "paper"


def test_several_seeds_are_one_row(workspace: Workspace) -> None:
    workspace.run("run", "-r", "random", "--dataset", "steam", "--seeds", "0,1")
    (row,) = workspace.rows()
    assert (row["seeds"], row["runs"]) == ([0, 1], 2)


def test_the_plugin_in_the_readme_works_as_it_stands(workspace: Workspace) -> None:
    code = python_in_readme("hookimpl")
    site = workspace.folder / "site"
    (site / "newest.py").write_text(code)
    about = site / "newest-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: newest\nVersion: 0.1\n")
    (points,) = re.findall(r"(\[project.entry-points.benchkit\]\n.*?)```", README, re.S)
    (about / "entry_points.txt").write_text(
        points.replace("project.entry-points.", "").replace('"', "")
    )
    workspace.run("run", "-r", "newest", "--dataset", "steam")
    (row,) = workspace.rows()
    assert (row["recommender"], row["distribution"]) == ("newest", "newest")
    assert row["metrics"]["hr@20"] > 0
