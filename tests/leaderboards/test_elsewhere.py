"""Rows whose records are on another machine: shown, joined, replaced, never invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchkit.cli import cli
from benchkit.contracts.errors import BenchkitError
from benchkit.leaderboards.collect import collect
from benchkit.leaderboards.elsewhere import files, read_tables
from benchkit.leaderboards.files import write_leaderboard
from tests.leaderboards.samples import failure, full, keep, record

SHIPPED = Path(__file__).parents[2] / "leaderboards"


def cloned(tmp_path: Path, *runs: Any) -> Path:
    """Return a folder with the files of a leaderboard, and none of the records it was made from."""
    there, here = tmp_path / "there", tmp_path / "here"
    keep(there, runs)
    assert write_leaderboard(there, "beauty") == []
    here.mkdir()
    for suffix in ("json", "md"):
        (here / f"beauty.{suffix}").write_bytes((there / f"beauty.{suffix}").read_bytes())
    return here


def tables(out: Path) -> list[dict[str, float]]:
    """Return NDCG@20 by label, of each table of the file."""
    content = json.loads((out / "beauty.json").read_text())
    return [
        {row["label"]: row["metrics"]["ndcg@20"] for row in table["rows"]}
        for table in (content, *content["other_tables"])
    ]


def run(*command: str) -> Any:
    return CliRunner().invoke(cli, command)


def test_a_copy_without_records_is_shown(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn", full(0.9)), record("v-sknn", full(1.1)))
    shown = run("leaderboard", "--out", str(out))
    assert shown.exit_code == 0, shown.output
    assert shown.output.index("v-sknn") < shown.output.index("\nsknn")
    assert run("leaderboard", "beauty", "--out", str(out)).stdout == shown.stdout


def test_a_run_over_several_orders_leaves_one_table(tmp_path: Path) -> None:
    for ties, figure in enumerate((0.1, 0.3)):
        keep(tmp_path, [record("sknn", figure, ties=ties)])
        write_leaderboard(tmp_path, "beauty")
    assert tables(tmp_path) == [{"sknn": pytest.approx(0.2)}]


def test_what_runs_here_joins_the_rows_of_others(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn", 0.2), record("gru4rec", 0.4), failure("lost"))
    keep(out, [record("mine", 0.3)])
    write_leaderboard(out, "beauty")
    assert tables(out) == [{"gru4rec": 0.4, "mine": 0.3, "sknn": 0.2}]
    assert list(tables(out)[0]) == ["gru4rec", "mine", "sknn"]
    assert json.loads((out / "beauty.json").read_text())["failures"] == []
    before = (out / "beauty.json").read_bytes()
    write_leaderboard(out, "beauty")
    assert (out / "beauty.json").read_bytes() == before


def test_what_runs_here_replaces_what_others_found(tmp_path: Path) -> None:
    theirs = [record("sknn", 0.2), record("sknn", 0.5, overrides={"k": 7}), record("random", 0.1)]
    out = cloned(tmp_path, *theirs)
    keep(out, [record("sknn", 0.3), record("sknn", 0.6, overrides={"k": 7})])
    write_leaderboard(out, "beauty")
    assert tables(out) == [{"sknn (k=7)": 0.6, "sknn": 0.3, "random": 0.1}]


def seeds(figures: dict[int, float], **about: Any) -> list[Any]:
    return [record("sasrec", value, seed=seed, **about) for seed, value in figures.items()]


def test_seeds_of_several_machines_add_up_to_one_row(tmp_path: Path) -> None:
    figures = {0: 0.2, 1: 0.25, 2: 0.4, 3: 0.1, 4: 0.15}
    keep(tmp_path / "one", seeds(figures))
    write_leaderboard(tmp_path / "one", "beauty")
    out = cloned(tmp_path, *seeds({seed: figures[seed] for seed in (0, 1, 2)}))
    keep(out, seeds({seed: figures[seed] for seed in (3, 4)}))
    write_leaderboard(out, "beauty")
    (joined,), (whole,) = (
        read_tables(folder / "beauty.json", "beauty")[0].rows for folder in (out, tmp_path / "one")
    )
    assert (joined.metrics, joined.spread) == (whole.metrics, whole.spread)
    assert (joined.runs, joined.seeds, len(joined.records)) == (5, [0, 1, 2, 3, 4], 5)
    assert joined.metrics["ndcg@20"] == pytest.approx(0.22)
    assert joined.spread["ndcg@20"] == pytest.approx((0.053 / 4) ** 0.5)
    before = (out / "beauty.json").read_bytes()
    write_leaderboard(out, "beauty")
    assert (out / "beauty.json").read_bytes() == before


def test_a_seed_that_is_repeated_here_counts_once(tmp_path: Path) -> None:
    out = cloned(tmp_path, *seeds({0: 0.2, 1: 0.4}))
    keep(out, seeds({1: 0.6}))
    write_leaderboard(out, "beauty")
    assert tables(out) == [{"sasrec": pytest.approx(0.4)}]


def test_seeds_of_other_code_are_not_averaged_with_those_here(tmp_path: Path) -> None:
    out = cloned(tmp_path, *seeds({0: 0.2, 1: 0.4}, version="0.0.9"))
    keep(out, seeds({2: 0.6}))
    write_leaderboard(out, "beauty")
    assert tables(out) == [{"sasrec": 0.6}]


def test_means_without_their_runs_are_replaced(tmp_path: Path) -> None:
    out = cloned(tmp_path, *seeds({0: 0.2, 1: 0.4}), record("random", 0.1))
    content = json.loads((out / "beauty.json").read_text())
    for row in content["rows"]:
        del row["each"]
    (out / "beauty.json").write_text(json.dumps(content))
    keep(out, seeds({2: 0.6}))
    write_leaderboard(out, "beauty")
    assert tables(out) == [{"sasrec": 0.6, "random": 0.1}]


def test_rows_of_records_here_come_back_from_records_alone(tmp_path: Path) -> None:
    keep(tmp_path, [record("sknn", 0.2, ties=ties) for ties in (0, 1)])
    write_leaderboard(tmp_path, "beauty")
    keep(tmp_path, [record("sknn", 0.3, version="0.2.0")])
    write_leaderboard(tmp_path, "beauty")
    assert tables(tmp_path) == [{"sknn": 0.3}], "the older version's row over two ties is gone"


def test_other_data_and_rules_and_ties_stay_tables_of_their_own(tmp_path: Path) -> None:
    theirs = [record("sknn", 0.2), record("sknn", 0.4, data="e" * 16)]
    theirs += [record("sknn", 0.5, protocol="strict")]
    out = cloned(tmp_path, *theirs, record("v-sknn", 0.1), record("v-sknn", 0.2, ties=1))
    keep(out, [record("mine", ties=ties) for ties in (0, 1)])
    write_leaderboard(out, "beauty")
    found = sorted(tables(out), key=lambda rows: (len(rows), str(rows)))
    assert [set(rows) for rows in found] == [
        {"sknn"},
        {"sknn"},
        {"mine", "v-sknn"},
        {"mine", "sknn", "v-sknn"},
    ]


def test_a_row_over_seeds_says_what_it_said(tmp_path: Path) -> None:
    out = cloned(tmp_path, *seeds({0: 0.2, 1: 0.8}, preset="tuned"))
    (before,) = read_tables(out / "beauty.json", "beauty")
    keep(out, [record("mine")])
    write_leaderboard(out, "beauty")
    (after,) = read_tables(out / "beauty.json", "beauty")
    assert [row for row in after.rows if row.recommender == "sasrec"] == list(before.rows)
    assert before.rows[0].spread["ndcg@20"] == pytest.approx(0.18**0.5)


def test_what_needs_lists_says_that_there_are_none(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn"))
    for command in ("analyse", "evaluate"):
        for dataset in ([], ["beauty"]):
            error = run(command, *dataset, "--out", str(out)).exception
            assert isinstance(error, BenchkitError)
            assert "there are no kept lists in" in str(error)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda _: "[1]",
        lambda _: "{}",
        lambda text: text.replace('"dataset": "beauty"', '"dataset": "steam"'),
        lambda text: "<<<<<<< HEAD\n" + text,
        lambda text: text.replace('"rows"', '\n<<<<<<< HEAD\n"rows"', 1),
    ],
)
def test_a_damaged_file_is_one_sentence_and_stops_nothing(
    tmp_path: Path, damage: Callable[[str], str]
) -> None:
    out = cloned(tmp_path, record("sknn"))
    whole = (out / "beauty.json").read_text()
    (out / "beauty.json").write_text(damage(whole))
    assert (out / "beauty.json").read_text() != whole
    (warning,) = collect(out, "beauty").warnings
    assert "cannot use the rows of other machines in" in warning
    assert "restore the file" in warning
    assert ("(it holds a merge conflict)" in warning) == ("<<<<" in damage(whole))
    keep(out, [record("mine")])
    aside = [out / "beauty.json.damaged", out / "beauty.json.damaged-2"]
    assert write_leaderboard(out, "beauty") == [f"{warning}; what it held is in {aside[0]}"]
    assert tables(out) == [{"mine": 0.5}]
    assert aside[0].read_text() == damage(whole)
    assert write_leaderboard(out, "beauty") == []
    (out / "beauty.json").write_text("{")
    write_leaderboard(out, "beauty")
    assert aside[1].read_text() == "{"
    aside[0].write_text(whole)
    aside[0].rename(out / "beauty.json")
    write_leaderboard(out, "beauty")
    assert tables(out) == [{"mine": 0.5, "sknn": 0.5}]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (('"runs": 1', '"runs": "many"'), "'many' is not a finite number"),
        (('"ndcg@20": 0.25', '"ndcg@20": NaN'), "nan is not a finite number"),
        (('"ndcg@20": 0.25', '"ndcg@20": 7.5'), "ndcg@20 is 7.5, and cannot be below 0 or above 1"),
        (('"ndcg@20": 0.25', '"ndcg@20": 0.26'), "is 0.26, and the mean of its runs 0.25"),
        (('"label"', '"lable"'), "missing 1 required positional argument: 'label'"),
        (('"each": [', '"each": ["many", '), "'str' object has no attribute"),
        (('"code": "', '"code": 3, "edoc": "'), "3 is out of place"),
        (('"config": {', '"config": "many", "other": {'), "'many' is out of place"),
    ],
)
def test_a_row_that_cannot_be_is_left_out_alone(
    tmp_path: Path, damage: tuple[str, str], problem: str
) -> None:
    out = cloned(tmp_path, record("sknn", 0.25), record("v-sknn", 0.5))
    path = out / "beauty.json"
    first, rest = path.read_text().split('"recommender": "sknn"')
    whole = f'{first}"recommender": "sknn"{rest.replace(*damage, 1)}'
    path.write_text(whole)
    warnings = collect(out, "beauty").warnings
    assert any(" is left out (" in warning and problem in warning for warning in warnings)
    shown = run("leaderboard", "beauty", "--format", "csv", "--out", str(out))
    assert [line.split(",")[5] for line in shown.stdout.splitlines()[1:]] == ["v-sknn"]
    assert write_leaderboard(out, "beauty")[-1].endswith(f"the file as it was is {path}.before")
    assert (out / "beauty.json.before").read_text() == whole
    assert tables(out) == [{"v-sknn": 0.5}]
    assert write_leaderboard(out, "beauty") == []


def test_fields_of_a_later_version_are_no_damage(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn"), record("v-sknn"))
    path = out / "beauty.json"
    content = json.loads(path.read_text())
    content["later"] = content["rows"][0]["new"] = content["rows"][0]["each"][0]["newer"] = 1
    path.write_text(json.dumps(content))
    (warning,) = collect(out, "beauty").warnings
    assert warning.endswith("this version does not know are left out (later, new, newer)")
    (told,) = write_leaderboard(out, "beauty")
    assert told == f"{warning}; the file as it was is {path}.before"
    assert json.loads((out / "beauty.json.before").read_text()) == content
    assert tables(out) == [{"sknn": 0.5, "v-sknn": 0.5}]


@pytest.mark.parametrize("dataset", files(SHIPPED))
def test_the_leaderboards_that_ship_are_read_as_they_were_written(dataset: str) -> None:
    content = json.loads(files(SHIPPED)[dataset].read_text())
    whole = [{k: v for k, v in content.items() if k != "other_tables"}, *content["other_tables"]]
    for table in whole:
        table["rows"] = [
            {"search": {}, "diagnostics": {}, "each": [], **row} for row in table["rows"]
        ]
    found = [table.as_dict() for table in read_tables(files(SHIPPED)[dataset], dataset)]
    assert found == [{**table, "failures": []} for table in whole]
    assert collect(SHIPPED, dataset).elsewhere


def test_a_row_says_where_its_runs_ran(tmp_path: Path) -> None:
    out = cloned(tmp_path, record("sknn", full(1), ties=0))
    path = out / "beauty.json"
    content = json.loads(path.read_text())
    (run,) = content["rows"][0]["each"]
    assert run["environment"] == {"commit": "c0ffee"}
    del run["environment"]  # as earlier versions wrote it
    path.write_text(json.dumps(content))
    (table,) = read_tables(path, "beauty")
    assert table.rows[0].each[0].environment == {}
