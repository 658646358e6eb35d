"""What a table shows: columns, marks, order, notes and caption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchkit.contracts.errors import ConfigError
from benchkit.leaderboards.render import available, pick, sort_rows, sorted_tables
from benchkit.leaderboards.render.columns import (
    _largest,
    _mean,
    _newest,
    default_sort,
    fact,
    long,
    named,
    short,
)
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.tables import Table, tables
from tests.leaderboards.samples import failure, full, record


def sheet(*runs: object, columns: str | None = None) -> Sheet:
    (table,) = sorted_tables(tables(runs))  # type: ignore[arg-type]
    return lay_out(table, pick(available(table), columns))


def table(*metrics: float) -> Table:
    return tables([record(f"r{n}", value) for n, value in enumerate(metrics)])[0]


def marks(*values: float, name: str = "ndcg@20") -> list[str]:
    found = tables([record(f"r{n}", {name: value}) for n, value in enumerate(values)])[0]
    return [line.cells[0].mark for line in lay_out(found, pick(available(found), name)).lines]


def test_the_usual_columns_are_the_papers_in_groups() -> None:
    shown = sheet(record(metrics=full(1.0)))
    keys = [column.key for column in shown.columns]
    names = ["ndcg", "hr", "mrr", "coverage", "serendipity", "novelty"]
    assert keys == [f"{name}@{k}" for k in (10, 20) for name in names]
    assert shown.groups() == [("Top@10", [0, 1, 2, 3, 4, 5]), ("Top@20", [6, 7, 8, 9, 10, 11])]


def test_headings_are_the_fields() -> None:
    shown = sheet(record(metrics=full(1.0)), columns="ndcg@20,hr@20,gini@20,average-popularity@20")
    assert [column.heading for column in shown.columns] == [
        "NDCG",
        "HR",
        "Gini",
        "Average popularity",
    ]


def test_cutoffs_sort_by_number() -> None:
    shown = sheet(record(metrics={"ndcg@100": 0.1, "ndcg@5": 0.1, "ndcg@20": 0.1}))
    assert [name for name, _ in shown.groups()] == ["Top@5", "Top@20", "Top@100"]


def test_columns_are_chosen_by_name_cutoff_or_added() -> None:
    there = available(tables([record(metrics=full(1.0))])[0])

    def keys(wanted: str) -> list[str]:
        return [column.key for column in pick(there, wanted)]

    assert keys("hr, ndcg@20") == ["hr@10", "hr@20", "ndcg@20"]
    assert keys("seconds,gini@10") == ["gini@10", "fit-seconds", "recommend-seconds"]
    assert keys("+cost,ties") == [*(c.key for c in pick(there, None)), "cost", "ties"]


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("ndgc@20", "ndcg@20"), ("novelti", "novelty"), ("secnds", "seconds"), ("ndcg@30", "ndcg@")],
)
def test_an_unknown_column_gets_the_nearest(given: str, nearest: str) -> None:
    there = available(tables([record(metrics=full(1.0))])[0])
    with pytest.raises(ConfigError, match=rf"unknown column '{given}'; did you mean .*{nearest}"):
        named(there, given)


def test_best_and_second_follow_the_metrics_direction() -> None:
    assert marks(0.1, 0.3, 0.2) == ["", "best", "second"]
    assert marks(0.1, 0.3, 0.2, name="gini@20") == ["best", "", "second"]
    assert marks(0.1, 0.3, name="average-popularity@20") == ["", ""]
    assert marks(0.1, 0.3, name="strangers@20") == ["", ""]


def test_equal_figures_share_a_mark_and_full_precision_decides() -> None:
    assert marks(0.3, 0.3, 0.2, 0.2) == ["best", "best", "second", "second"]
    assert marks(0.30001, 0.30002) == ["second", "best"]
    assert marks(0.1 + 0.2, 0.3) == ["best", "best"]  # the order of summation is no difference
    assert marks(0.3) == [""]


def test_rows_sort_by_the_metrics_direction_and_missing_figures_come_last() -> None:
    runs = [record("a", {"gini@20": 0.5}), record("b", {"gini@20": 0.4}), record("c", 0.9)]
    runs = [replace(run, failed_metrics={"coverage@20": "no"}) for run in runs]
    found = tables(runs)[0]
    (column,) = named(available(found), "gini")
    assert [row.label for row in sort_rows(found.rows, column)] == ["b", "a", "c"]
    assert default_sort(available(found), found.rows).key == "ndcg@20"  # type: ignore[union-attr]
    assert default_sort(available(found), found.rows[:2]) is None, "Gini is no usual one"


def test_a_failed_metric_is_a_dash_with_its_reason() -> None:
    shown = sheet(record("a", full(1.0)), record("b", {"hr@20": 0.1}, failed={"mrr@20": "oh"}))
    cells = dict(zip((c.key for c in shown.columns), shown.lines[1].cells, strict=True))
    assert cells["hr@20"].text == ".1000"
    assert cells["mrr@20"].text == "—"
    assert shown.notes[cells["mrr@20"].note - 1] == "mrr@20 of b: oh"
    assert shown.notes[cells["ndcg@20"].note - 1] == "not measured"


def test_figures_are_printed_as_the_field_prints_them() -> None:
    assert [short(v) for v in (0.0365, 1.0, 0.0, -0.0012, 0.99999)] == [
        ".0365",
        "1.0000",
        ".0000",
        "-.0012",
        "1.0000",
    ]
    assert long(9.18726) == "9.187"


def test_spread_stands_by_figures_over_several_runs_only() -> None:
    one = sheet(record("a", 0.5))
    assert one.lines[0].cells[0].spread == ""
    two = sheet(record("a", 0.5, ties=0), record("a", 0.7, ties=1))
    assert two.lines[0].cells[0].spread == "±.1414"
    assert any("standard deviation" in sentence for sentence in two.caption)


def test_the_caption_says_what_was_measured_on_what() -> None:
    shown = sheet(record("a", prompts=4463, ties=0), record("a", prompts=4460, ties=1))
    text = " ".join(shown.caption)
    for part in ("Protocol paper", "ties 0, 1", "seed 0", "4,460 to 4,463 prompts", "d" * 12):
        assert part in text
    assert shown.alarm == ""
    assert "file's order" in " ".join(sheet(record("a", ties="file")).caption)


@pytest.mark.parametrize(
    ("column", "sentence"), [("ndcg@20", "NDCG@20"), ("memory", "Memory MiB"), (None, "NDCG@20")]
)
def test_the_caption_says_what_rows_are_sorted_by(column: str | None, sentence: str) -> None:
    found = table(0.1, 0.2)
    there = available(found)
    by = named(there, column)[-1] if column else default_sort(there, found.rows)
    assert lay_out(found, there, by=by).caption[0] == f"Rows by {sentence}, best first."
    assert not any("Rows by" in each for each in lay_out(table(0.1), there, by=by).caption)


def test_a_generated_sample_says_so_loudly() -> None:
    shown = sheet(record("a", dataset="beauty-sample"))
    assert shown.alarm.startswith("GENERATED SAMPLE: beauty-sample")


def test_failures_stand_below() -> None:
    (found,) = tables([record("a")], [failure("b", "no key")])
    assert lay_out(found, pick(available(found), None)).failures == ["b: no key"]


def test_extras_show_what_a_run_took() -> None:
    shown = sheet(record("a"), columns="seconds,memory,cost,version,ties,seeds")
    texts = [cell.text for cell in shown.lines[0].cells]
    assert texts == ["1.0", "2.0", "512", "0.00", "seqrec-benchkit 0.1.0", "0", "0"]
    costs = {"tokens": 9, "cost": 0.126}, {"tokens": 9, "cost": 0.1, "unknown": 2}
    runs = [replace(record(f"r{n}"), api=api) for n, api in enumerate(costs)]
    lines = sheet(*runs, columns="cost").lines
    assert [line.cells[0].text for line in lines] == ["0.13", "unknown"]


@pytest.mark.parametrize("over", [_mean, _largest, _newest])
def test_a_fact_that_older_records_lack_is_left_blank(over: Callable[..., str]) -> None:
    (row,) = table(0.5).rows
    assert fact("watts", "Watts", lambda _run: "", over).value(row) == ""


def test_a_table_without_rows_can_be_laid_out() -> None:
    empty = replace(table(0.5), rows=[])
    assert lay_out(empty, pick(available(empty), None)).lines == []
