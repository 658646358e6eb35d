"""Records whose folders are on another machine: shown, joined, replaced, never invented."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchkit.cli import cli
from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.contracts.recommender import Recommendations
from benchkit.leaderboards import lines, ranks, store
from benchkit.leaderboards.files import collect, datasets, write_leaderboard
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.render import sorted_tables
from benchkit.leaderboards.render.markdown import document
from benchkit.leaderboards.tables import tables
from tests.leaderboards.samples import failure, full, keep, record
from tests.workspace import board

SHIPPED = Path(__file__).parents[2] / "leaderboards"


def made(out: Path, *runs: Any) -> Path:
    """Return a folder after some runs."""
    keep(out, runs)
    assert write_leaderboard(out, "beauty") == []
    return out


def cloned(tmp_path: Path, *runs: Any) -> Path:
    """Return a folder with the files of a leaderboard, and none of the records it was made from."""
    here = tmp_path / "here"
    shutil.copytree(made(tmp_path / "there", *runs), here, ignore=lambda *_: ["records"])
    return here


def figures(out: Path) -> list[dict[str, float]]:
    """Return NDCG@20 by label, of each table of the file."""
    return [{row.label: row.metrics["ndcg@20"] for row in table.rows} for table in board(out)]


def run(*command: str) -> Any:
    return CliRunner().invoke(cli, command)


def seeds(values: dict[int, float], **about: Any) -> list[Record]:
    return [record("sasrec", value, seed=seed, **about) for seed, value in values.items()]


def test_a_copy_without_records_is_shown(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn", full(0.9)), record("v-sknn", full(1.1)))
    shown = run("leaderboard", "--out", str(out))
    assert shown.exit_code == 0, shown.output
    assert shown.output.index("v-sknn") < shown.output.index("\nsknn")
    assert run("leaderboard", "beauty", "--out", str(out)).stdout == shown.stdout
    assert (datasets(out), datasets(out, here=True)) == (["beauty"], [])
    for command in ("analyse", "evaluate"):
        error = run(command, "beauty", "--out", str(out)).exception
        assert isinstance(error, BenchkitError)
        assert "there are no kept lists in" in str(error)


def test_what_runs_here_joins_the_records_of_others(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn", 0.2), record("gru4rec", 0.4), failure("lost"))
    made(out, record("mine", 0.3))
    assert figures(out) == [{"gru4rec": 0.4, "mine": 0.3, "sknn": 0.2}]
    assert "lost" not in (out / "beauty.md").read_text()
    before = (out / "beauty.jsonl").read_bytes()
    write_leaderboard(out, "beauty")
    assert (out / "beauty.jsonl").read_bytes() == before


def test_what_is_run_here_too_replaces_what_others_found(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn", 0.2), *seeds({0: 0.2, 1: 0.4}), record("random", 0.1))
    made(out, record("sknn", 0.3), *seeds({1: 0.6}))
    assert figures(out) == [{"sasrec": pytest.approx(0.4), "sknn": 0.3, "random": 0.1}]


def test_newer_code_here_supersedes_the_seeds_of_others_in_the_table_alone(tmp_path: Path) -> None:
    out = made(cloned(tmp_path, *seeds({0: 0.2, 1: 0.4}, version="0.0.9")), *seeds({2: 0.6}))
    assert figures(out) == [{"sasrec": 0.6}]
    assert len((out / "beauty.jsonl").read_text().splitlines()) == 3


def test_two_machines_leaderboards_are_one_when_their_lines_are(tmp_path: Path) -> None:
    values = {0: 0.2, 1: 0.25, 2: 0.4, 3: 0.1, 4: 0.15}
    parts = seeds(values)
    whole, first, second = (
        made(tmp_path / name, *runs)
        for name, runs in (("whole", parts), ("first", parts[:3]), ("second", parts[2:]))
    )
    both = {line for out in (first, second) for line in (out / "beauty.jsonl").open()}
    (first / "beauty.jsonl").write_text("".join(sorted(both, reverse=True)))
    assert write_leaderboard(first, "beauty") == []
    for name in ("beauty.jsonl", "beauty.md"):
        assert (first / name).read_text() == (whole / name).read_text()
    (row,) = board(first)[0].rows
    assert row.metrics["ndcg@20"] == pytest.approx(0.22)
    assert row.spread["ndcg@20"] == pytest.approx((0.053 / 4) ** 0.5)


def test_a_merge_conflict_is_named_and_both_sides_count(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("ours", 0.2), record("theirs", 0.4))
    ours, theirs = (out / "beauty.jsonl").read_text().splitlines()
    newer = ours.replace('"asked":""', '"asked":"2027"')
    torn = "\n".join(["<<<<<<< HEAD", newer, "=======", ours, theirs, ">>>>>>> them", ""])
    path = out / "beauty.jsonl"
    path.write_text(torn)
    (warning,) = collect(out, "beauty").warnings
    assert warning == f"{path} holds a merge conflict; the records of both sides count"
    assert write_leaderboard(out, "beauty")[0].endswith(f"the file as it was is {path}.before")
    assert (out / "beauty.jsonl.before").read_text() == torn
    assert path.read_text().splitlines() == [newer, theirs]


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-20], lambda _: "[1]", lambda _: "{}", lambda _: "\x00\xff"]
)
def test_a_damaged_file_is_one_sentence_and_stops_nothing(
    tmp_path: Path, damage: Callable[[str], str]
) -> None:
    out = cloned(tmp_path, record("sknn"))
    path = out / "beauty.jsonl"
    whole = path.read_text()
    path.write_text(damage(whole), encoding="latin-1")
    (warning,) = collect(out, "beauty").warnings
    assert warning.startswith(f"cannot use {path} (")
    assert warning.endswith("; restore the file, or remove it to begin a new one")
    keep(out, [record("mine")])
    aside = out / "beauty.jsonl.damaged"
    assert write_leaderboard(out, "beauty") == [f"{warning}; what it held is in {aside}"]
    assert (figures(out), aside.read_text("latin-1")) == ([{"mine": 0.5}], damage(whole))
    assert write_leaderboard(out, "beauty") == []


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (('"ndcg@20":0.25', '"ndcg@20":NaN'), "a figure is not a finite number"),
        (('"ndcg@20":0.25', '"ndcg@20":7.5'), "ndcg@20 is 7.5, and cannot be below 0 or above 1"),
        (('"preset"', '"tesper"'), "missing 1 required positional argument: 'preset'"),
        (('"name":"beauty"', '"name":"steam"'), "it is of dataset 'steam'"),
        (('"format":1', '"tamrof":1'), "it lacks 'format'"),
        (('"environment"', ""), "Expecting"),
    ],
)
def test_a_line_that_cannot_be_is_left_out_alone(
    tmp_path: Path, damage: tuple[str, str], problem: str
) -> None:
    out = cloned(tmp_path, record("sknn", 0.25), record("v-sknn", 0.5))
    path = out / "beauty.jsonl"
    torn = path.read_text().replace(*damage, 1)
    path.write_text(torn)
    (warning,) = collect(out, "beauty").warnings
    assert f"{path}: line 1 is left out (" in warning
    assert problem in warning
    assert write_leaderboard(out, "beauty") == [f"{warning}; the file as it was is {path}.before"]
    assert (out / "beauty.jsonl.before").read_text() == torn
    assert figures(out) == [{"v-sknn": 0.5}]
    assert write_leaderboard(out, "beauty") == []


def test_what_a_later_version_has_written_stays(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn"), record("v-sknn", 0.25))
    path = out / "beauty.jsonl"
    first, second = path.read_text().splitlines()
    more, newer = (
        first.replace('{"format":1', '{"format":1,"new":[1]'),
        second.replace('{"format":1', '{"format":2'),
    )
    path.write_text(f"{newer}\n{more}\n")
    assert made(out, record("mine")) == out
    assert figures(out) == [{"mine": 0.5, "sknn": 0.5}]
    assert path.read_text().splitlines()[::2] == [more, newer]


def test_a_file_of_an_earlier_version_is_named_and_stays(tmp_path: Path) -> None:
    (tmp_path / "beauty.json").write_text("{}")
    shown = run("leaderboard", "--out", str(tmp_path))
    assert "no result for beauty" in str(shown.exception)
    assert "beauty.json is of an earlier version of benchkit and not read" in str(shown.exception)
    keep(tmp_path, [record("mine")])
    assert len(write_leaderboard(tmp_path, "beauty")) == 1
    assert write_leaderboard(tmp_path, "beauty") == []
    assert (tmp_path / "beauty.json").read_text() == "{}"


def keep_lists(out: Path, run: Record, *places: int) -> None:
    """Write a record with lists that hold each truth, 7, at a place from 1; 0 for nowhere."""
    items = np.array([[7 if p == place else p for p in (1, 2)] for place in places], dtype=np.int32)
    numbers = np.arange(len(places), dtype=np.int32)
    truth = np.full(len(places), 7, dtype=np.int32)
    lists = Recommendations(items, np.zeros(items.shape, dtype=np.float32))
    store.write(out, run, lists, numbers + 40, truth, {})


def test_ranks_of_truths_lie_beside_the_records_wherever_they_were_made(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    theirs, mine, old = (record(name, depth=2) for name in ("theirs", "mine", "old"))
    keep_lists(there, theirs, 1, 0, 2)
    write_leaderboard(there, "beauty")
    shutil.copytree(there, here, ignore=lambda *_: ["records"])
    keep_lists(here, mine, 2, 2)
    keep(here, [old])
    path = here / "beauty.ranks.parquet"
    assert write_leaderboard(here, "beauty") == []
    kept = ranks.read(path)
    assert {key: (each.sessions.tolist(), each.ranks.tolist()) for key, each in kept.items()} == {
        theirs.identity.key: ([40, 41, 42], [1, 0, 2]),
        mine.identity.key: ([40, 41], [2, 2]),
    }
    keep_lists(here, mine, 1, 0)  # made again, and other lists
    write_leaderboard(here, "beauty")
    assert ranks.read(path)[mine.identity.key].ranks.tolist() == [1, 0]
    path.write_bytes(b"PAR1")
    with pytest.raises(StorageError):
        ranks.read(path)
    (warning,) = write_leaderboard(here, "beauty")
    assert "cannot use the ranks" in warning
    assert ranks.read(path).keys() == {mine.identity.key}


@pytest.mark.parametrize("dataset", ["beauty", "steam"])
def test_the_leaderboards_that_ship_are_whole(dataset: str) -> None:
    path = SHIPPED / f"{dataset}.jsonl"
    content = lines.read(path, dataset)
    assert (content.left_out, content.damaged, content.newer) == ([], "", [])
    assert lines.text_of(content.records.values(), []) == path.read_text()
    for line in path.read_text().splitlines():
        assert json.loads(line)["code"]
    ranked = sorted_tables(tables(content.records.values()))
    assert "Leaderboard" in document(dataset, ranked, {})
