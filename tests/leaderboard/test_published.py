"""Published figures stand beside ours only where data and rules are the paper's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import benchkit_plugins.datasets.published as shipped
from benchkit.stages.published import compare
from benchkit.stages.render import available, pick
from benchkit.stages.render.json import plain
from benchkit.stages.render.layout import NOT_RUN, OTHER, UNKNOWN, Sheet, lay_out
from benchkit.stages.tables import Table, tables
from benchkit_plugins.datasets.published import paper_results
from tests.leaderboard.samples import record


def one(*runs: object) -> Table:
    (table,) = tables(runs)  # type: ignore[arg-type]
    return table


def sheet(table: Table) -> Sheet:
    return lay_out(table, pick(available(table), None), compare(table))


def test_ours_published_and_difference() -> None:
    table = one(record("sknn", {"ndcg@20": 0.0424, "mrr@20": 0.2}, ties=0))
    found = [(line.kind, [c.text for c in line.cells]) for line in sheet(table).lines]
    assert found == [
        ("ours", [".0424", ".2000"]),
        ("published", [".040", "—"]),
        ("difference", ["+.0024", ""]),
        ("ours", ["", ""]),  # llm2sasrec: published, not run
        ("published", [".054", "—"]),
    ]
    assert set(sheet(table).notes) == {UNKNOWN, NOT_RUN}
    row = plain(table, compare(table))["rows"][0]
    assert row["published"] == {"ndcg@20": 0.04, "hr@20": 0.1}
    assert row["difference"] == {"ndcg@20": pytest.approx(0.0024)}


def test_another_configuration_is_not_compared() -> None:
    table = one(record("sknn", overrides={"k": 7}), record("sknn", preset="default"))
    shown = sheet(table)
    ours = [line for line in shown.lines if line.kind == "ours" and line.label != "llm2sasrec"]
    assert [shown.notes[line.note - 1] for line in ours] == [OTHER, OTHER]
    assert plain(table, compare(table))["rows"][0]["published"] == {}


def test_one_order_of_ties_calls_for_several() -> None:
    single = one(record(ties=0))
    assert "no comparison" in " ".join(sheet(single).caption)
    several = one(record(ties=0), record(ties=1))
    assert "no comparison" not in " ".join(sheet(several).caption)
    assert "Published figures: Table 4 of the paper." in sheet(several).caption


def test_it_says_why_published_figures_are_not_shown() -> None:
    real = one(record())
    other = replace(real, split={**real.split, "sessions": 300})
    reasons = {
        "is generated": one(record(dataset="beauty-sample")),
        "the strict protocol": one(record(protocol="strict")),
        "has 300 sessions, the paper's beauty has 1,001": other,
        "none are known for plain": one(record(dataset="plain")),
        "gone is not installed": one(record(dataset="gone")),
        "test share": replace(real, protocol={**real.protocol, "rules": "0" * 16}),
        "cannot be checked": replace(real, split={}),
    }
    for reason, table in reasons.items():
        shown = sheet(table)
        assert reason in shown.caption[-1]
        assert {line.kind for line in shown.lines} == {"ours"}
        assert reason in plain(table, compare(table))["published"]["not_shown_because"]


@pytest.mark.parametrize("dataset", ["beauty", "delivery-hero", "steam"])
def test_every_shipped_figure_is_sound_and_has_a_source(dataset: str) -> None:
    path = Path(shipped.__file__).with_name(f"{dataset}.json")
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    results, source = paper_results(dataset)
    assert source
    assert results
    for name, figures in results.items():
        assert rows[name]["source"]
        for key, value in figures.items():
            metric, _, k = key.partition("@")
            assert metric in {"ndcg", "hr", "mrr", "coverage", "serendipity", "novelty"}
            assert k in {"10", "20"}
            assert metric == "novelty" or 0 < value < 1
            assert round(value, 3) == value  # as the tables print them


def test_the_papers_most_popular_row_on_beauty() -> None:
    results, _ = paper_results("beauty")
    assert results["most-popular"]["novelty@10"] == 9.187
    assert "ndcg@20" not in results["most-popular"]
