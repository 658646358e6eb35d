"""What tables say of which rows can be told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from csv import DictReader
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from benchkit.leaderboards import significance as module
from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.ranks import Ranks, read_or_say
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.render import csv, latex, markdown, terminal
from benchkit.leaderboards.render import json as json_format
from benchkit.leaderboards.render.columns import available, pick, sort_rows
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.significance import Significance, significance
from benchkit.leaderboards.tables import Table, tables
from tests.leaderboards.samples import record

SESSIONS = 400
KEYS = ["ndcg@20", "hr@20", "coverage@20"]
Kept = dict[str, Ranks]


def evaluated(name: str, hits: int, seed: int = 0, **about: object) -> tuple[Record, Ranks]:
    """Return a record with so many truths at rank 1 or 2, and its ranks, sessions shuffled."""
    order = np.random.default_rng(seed).permutation(SESSIONS).astype(np.int32)
    ranks = np.zeros(SESSIONS, np.int32)
    ranks[:hits] = 1 + np.arange(hits) % 2
    gain = sum(1 / np.log2(rank + 1) for rank in ranks[:hits]) / SESSIONS
    figures = {"ndcg@20": gain, "hr@20": hits / SESSIONS, "coverage@20": hits / 1000}
    run = record(name, figures, seed=seed, prompts=SESSIONS, **about)  # type: ignore[arg-type]
    return run, Ranks(order + 7, ranks[order])


def board(**hits: int) -> tuple[Table, Kept]:
    runs = [evaluated(name, number) for name, number in hits.items()]
    (table,) = tables([run for run, _ in runs])
    columns = available(table)
    table = replace(table, rows=sort_rows(table.rows, columns[0]))
    return table, {run.identity.key: ranks for run, ranks in runs}


def examined(table: Table, kept: Mapping[str, Ranks]) -> Significance:
    return significance(table.rows, kept, KEYS)


def test_rows_that_cannot_be_told_from_the_best_are_in_its_group() -> None:
    found = examined(*board(best=100, near=96, far=40))
    assert list(found.tests) == ["ndcg@20", "hr@20"], "coverage takes more than ranks"
    test = found.tests["hr@20"]
    assert (test.best, test.group) == ("best", ["best", "near"])
    # 4 sessions differ, all one way: 2 of 16 signs are as far, times 1, the last step of Holm
    assert test.p["near"] == pytest.approx(2 / 16, abs=0.02)
    assert [found.standing("hr@20", name) for name in ("best", "near", "far", "gone")] == [
        "best",
        "tied",
        "worse",
        "untested",
    ]
    low, high = test.intervals["best"]
    assert low < 0.25 < high
    assert found.single


def test_rows_of_several_runs_are_averaged_and_paired_by_session() -> None:
    runs = [evaluated("a", 60 + 2 * seed, seed) for seed in (0, 1, 2)]
    runs += [evaluated("b", 30 + 2 * seed, seed) for seed in (0, 1, 2)]
    (table,) = tables([run for run, _ in runs])
    found = examined(table, {run.identity.key: ranks for run, ranks in runs})
    sample = found.tests["hr@20"].samples["a"]
    assert sample.by_run.tolist() == [60 / 400, 62 / 400, 64 / 400]
    assert sample.by_session.mean() == pytest.approx(62 / 400)
    assert sample.by_session[60:65].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1 / 3, 0])
    assert found.tests["hr@20"].group == ["a"]
    assert not found.single


def test_what_does_not_fit_is_untested_and_says_why() -> None:
    table, kept = board(best=100, near=96, other=40, wrong=30, deep=20, gone=10, cut=5)
    keys = {row.label: row.runs[0].identity.key for row in table.rows}
    ranks = {label: kept[key] for label, key in keys.items()}
    kept[keys["other"]] = replace(ranks["other"], sessions=ranks["other"].sessions + 1)
    kept[keys["wrong"]] = replace(ranks["wrong"], ranks=ranks["best"].ranks)
    kept[keys["deep"]] = replace(ranks["deep"], lists="of another")
    kept[keys["cut"]] = replace(ranks["cut"], ranks=ranks["cut"].ranks[:9])
    del kept[keys["gone"]]
    found = examined(table, kept)
    assert found.untested == {
        "other": "its ranks are of other prompts",
        "wrong": "its ndcg@20 is not that of its ranks",
        "deep": "its ranks are of other lists",
        "gone": "no ranks were kept",
        "cut": "its ranks are damaged",
    }
    assert list(found.tests["hr@20"].p) == ["best", "near"]
    shown = laid_out(table, found)
    assert any("not tested: no ranks were kept" in note for note in shown.notes)
    assert any("against the best of the rows that could be tested" in s for s in shown.caption)


def laid_out(table: Table, found: Significance, *, intervals: bool = False) -> Sheet:
    columns = pick(available(table), "hr@20,coverage@20")
    return lay_out(table, columns, None, None, found, intervals=intervals)


def test_every_format_marks_the_group_and_says_how_it_was_tested() -> None:
    table, kept = board(best=100, near=96, far=40)
    found = examined(table, kept)
    sheet = laid_out(table, found)
    caption = "paired permutation test over sessions against the best row, Holm's correction"
    assert any(caption in sentence for sentence in sheet.caption)
    text = terminal.render(sheet, 80, styled=False).plain
    words = text.split()
    assert [words[words.index(name) + 1] for name in ("best", "near", "far")] == [
        ".2500*",
        ".2400*",
        ".1000",
    ]
    assert "Best figure and those that cannot be told from it *; in columns" in " ".join(words)
    assert "| near | **.2400** | <ins>.0960</ins> |" in markdown.render(sheet)
    assert r"near & .2400\textdagger{} & \underline{.0960}" in latex.render(sheet)
    part = csv.Part(table, sheet.columns, Comparison(), found, intervals=True)
    lines = list(DictReader(StringIO(csv.render([part]))))
    assert [line["hr@20 standing"] for line in lines] == ["best", "tied", "worse"]
    assert [float(line["hr@20 p"]) > 0.05 for line in lines] == [True, True, False]
    assert float(lines[1]["hr@20 low"]) < 0.24 < float(lines[1]["hr@20 high"])
    content = json.loads(json_format.render([(table, found, None)]))
    said = content["rows"][1]["significance"]["hr@20"]
    assert (said["standing"], said["best"], said["p"] > 0.05) == ("tied", "best", True)
    assert said["interval"][0] < 0.24 < said["interval"][1]


def test_intervals_stand_where_spreads_do() -> None:
    table, kept = board(best=100, far=40)
    sheet = laid_out(table, examined(table, kept), intervals=True)
    first = sheet.lines[0].cells
    assert first[0].spread.startswith("[.2")
    assert first[1].spread == "", "coverage has no interval"
    assert any("95 % intervals" in sentence for sentence in sheet.caption)


def test_without_ranks_a_table_says_that_nothing_was_tested(tmp_path: Path) -> None:
    table, _ = board(best=100, far=40)
    sheet = laid_out(table, examined(table, {}))
    assert any("No test of significance" in sentence for sentence in sheet.caption)
    shown = laid_out(table, examined(table, {}), intervals=True).caption
    assert any("No intervals" in sentence for sentence in shown)
    assert not any("In brackets" in sentence for sentence in shown)
    assert [cell.mark for cell in sheet.lines[0].cells] == ["best", "best"]
    assert read_or_say(tmp_path / "none.parquet") == ({}, "")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    kept, problem = read_or_say(tmp_path / "cut.parquet")
    assert (kept, problem.startswith("cannot use the ranks")) == ({}, True)


def test_several_prompts_of_a_session_are_one_unit() -> None:
    ranks = Ranks(np.array([3, 9, 3, 3], np.int32), np.array([1, 0, 0, 2], np.int32))
    values = module.values_of(ranks, np.ones(20), np.array([3, 9], np.int32))
    assert values.tolist() == [1.0, 0.0]
    assert values.mean() == 2 / 4
