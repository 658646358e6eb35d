"""Two rows beside each other, by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchkit.analysis import compare_render
from benchkit.analysis.compare import compare_rows, gains_of, row_named
from benchkit.contracts.errors import BenchkitError, ConfigError
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.render import terminal
from benchkit.leaderboards.tables import Table, tables
from tests.leaderboards.samples import record

SESSIONS = np.arange(100, dtype=np.int32)


def board(dataset: str = "beauty", **hits: range) -> tuple[Table, dict[str, Ranks]]:
    """Return a table of rows that hit some sessions at rank 1."""
    runs, kept = [], {}
    for name, sessions in hits.items():
        ranks = np.isin(SESSIONS, sessions).astype(np.int32)
        share = len(sessions) / 100
        run = record(name, {"ndcg@20": share, "hr@20": share, "coverage@20": 0.5}, dataset=dataset)
        runs.append(run)
        kept[run.identity.key] = Ranks(SESSIONS, ranks)
    (table,) = tables(runs)
    return table, kept


def test_a_comparison_by_hand() -> None:
    table, kept = board(a=range(30), b=range(20, 40))
    found = compare_rows(table, "a", "b", kept, ["hr@20", "coverage@20", "ndcg@20"])
    first = found.differences[0]
    assert [part.metric for part in found.differences] == ["hr@20", "ndcg@20"]
    assert (first.first, first.second, first.difference) == pytest.approx((0.3, 0.2, 0.1))
    assert (first.won, first.tied, first.lost) == (20, 70, 10)
    deviation = np.std([1] * 20 + [0] * 70 + [-1] * 10, ddof=1)
    assert first.effect == pytest.approx(0.1 / deviation)
    assert first.interval == pytest.approx((0.1 - 0.107, 0.1 + 0.107), abs=0.015)
    assert first.p == pytest.approx(0.099, abs=0.015)  # 30 signs, a sum of 10 or more
    assert not found.groups
    assert "beauty" in found.no_groups, "the data are not in the workspace"


def test_what_cannot_be_compared_gets_one_sentence() -> None:
    table, kept = board(a=range(30), b=range(20, 40))
    with pytest.raises(ConfigError, match="both names are of one row"):
        compare_rows(table, "a", "a", kept, ["hr@20"])
    with pytest.raises(ConfigError, match="unknown row 'bb'; did you mean b"):
        compare_rows(table, "a", "bb", kept, ["hr@20"])
    with pytest.raises(BenchkitError, match="b cannot be compared: no ranks were kept"):
        compare_rows(table, "a", "b", dict(list(kept.items())[:1]), ["hr@20"])
    with pytest.raises(BenchkitError, match="no metric of both rows is decided by"):
        compare_rows(table, "a", "b", kept, ["coverage@20"])
    label = replace(table.rows[0], label="a [tuned]")
    assert row_named(replace(table, rows=[label]), "a") is label
    two = replace(table, rows=[label, replace(label, label="a")])
    assert row_named(two, "a").label == "a"
    with pytest.raises(ConfigError, match=r"2 rows are of a; name one .*'a \(k=2\)'"):
        row_named(replace(table, rows=[label, replace(label, label="a (k=2)")]), "a")


def test_relative_gains_are_means_over_pairs_and_datasets() -> None:
    boards = [board("beauty", a=range(30), b=range(20)), board("plain", a=range(10), b=range(20))]
    first, second, mean = gains_of(boards, [("a", "b")], ["hr@20"])
    assert [gain.dataset for gain in (first, second, mean)] == ["beauty", "plain", ""]
    assert [gain.gain for gain in (first, second, mean)] == pytest.approx([0.5, -0.5, 0.0])
    assert first.interval[0] < 0.5 < first.interval[1]
    # a wins b's 20 sessions and 10 more: the ratio is never below 1
    assert first.interval[0] > 0
    with pytest.raises(BenchkitError, match="b on beauty hits in too few sessions"):
        gains_of([board(a=range(3), b=range(0))], [("a", "b")], ["hr@20"])
    with pytest.raises(BenchkitError, match="b on beauty hits in too few sessions"):
        gains_of([board(a=range(3), b=range(2))], [("a", "b")], ["hr@20"])
    with pytest.raises(BenchkitError, match="coverage@20 takes more than the truth's rank"):
        gains_of(boards, [("a", "b")], ["coverage@20"])
    with pytest.raises(BenchkitError, match="a on beauty has no hr@10"):
        gains_of(boards, [("a", "b")], ["hr@10"])
    with pytest.raises(ConfigError, match="a and a are one row, 'a'"):
        gains_of(boards, [("a", "a")], ["hr@20"])
    assert len(gains_of(boards[:1], [("a", "b")] * 2, ["hr@20"])) == 1, "no mean of the same gain"


def test_comparisons_fit_into_80_columns_and_into_files() -> None:
    table, kept = board(a=range(30), b=range(20, 40))
    found = compare_rows(table, "a", "b", kept, ["hr@20"])
    text = terminal.render(compare_render.sheet_of(found), 80, styled=False).plain
    assert max(map(len, text.splitlines())) <= 80
    assert "20/70/10" in text
    assert "hr@20,0.3,0.2," in compare_render.csv_of([found])
    assert json.loads(compare_render.json_of(found))["differences"][0]["won"] == 20
    gains = gains_of([(table, kept)], [("a", "b")], ["hr@20"])
    shown = terminal.render(compare_render.sheet_of_gains(gains), 80, styled=False).plain
    assert "+50.0 %" in shown
    assert "a,b,beauty,hr@20,0." in compare_render.csv_of_gains(gains)
    assert json.loads(compare_render.json_of_gains(gains))[0]["dataset"] == "beauty"
