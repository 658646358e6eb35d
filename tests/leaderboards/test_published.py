"""Published figures stand beside ours only where data and rules are the paper's."""

from __future__ import annotations

import csv as csv_module
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from benchkit.contracts.protocol import Protocol
from benchkit.contracts.published import Published
from benchkit.leaderboards import published as comparing
from benchkit.leaderboards.published import compare
from benchkit.leaderboards.render import available, csv, latex, markdown, pick, terminal
from benchkit.leaderboards.render.beside import NO_ROW, ONLY, OTHER, PRINTED_DASH, UNKNOWN, sheets
from benchkit.leaderboards.render.columns import diagnostics
from benchkit.leaderboards.render.json import plain
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.significance import Significance
from benchkit.leaderboards.tables import Table, tables
from benchkit_plugins.datasets.published import published_in_paper
from tests.conftest import find_real_data
from tests.leaderboards.samples import COUNTS, Beauty, record

DATASETS = ("beauty", "delivery-hero", "steam")
METRICS = ("ndcg", "hr", "mrr", "coverage", "serendipity", "novelty")


def one(*runs: object) -> Table:
    (table,) = tables(runs)  # type: ignore[arg-type]
    return table


def sheet(table: Table, columns: str | None = None) -> Sheet:
    comparison = compare(table)
    return lay_out(table, pick(available(table, comparison.keys), columns), comparison)


def seen(shown: Sheet) -> list[tuple[str, list[str], str]]:
    """Return label, cells and footnote of every line."""
    return [
        (line.label, [c.text for c in line.cells], shown.notes[line.note - 1] if line.note else "")
        for line in shown.lines
    ]


def test_ours_published_difference_and_what_is_published_only() -> None:
    table = one(record("sknn", {"ndcg@20": 0.0424, "mrr@20": 0.2}), record("random", 0.1))
    shown = sheet(table, "ndcg,mrr,trials")
    assert seen(shown) == [
        ("random", [".1000", "—", ""], NO_ROW),
        ("sknn", [".0424", ".2000", ""], ""),
        ("published", [".040", "—", "553"], ""),
        ("difference", ["+.0024", "", ""], ""),
        ("llm2sasrec", [".054", "—", ""], ONLY),
        ("s3rec", [".020", "–", ""], f"{ONLY}; evaluated by the leave-one-out protocol"),
        ("gru4rec", ["—", "—", "–"], ONLY),
    ]
    assert {UNKNOWN, PRINTED_DASH} < set(shown.notes)
    assert [line.label for line in sheet(table).lines if line.label == "gru4rec"] == []
    row = plain(table, Significance(), compare(table))["rows"][1]
    assert row["published"] == {"ndcg@20": 0.04, "hr@20": 0.1, "trials": 553}
    assert row["difference"] == {"ndcg@20": pytest.approx(0.0024)}


def test_another_configuration_is_not_compared_and_the_published_row_stands_alone() -> None:
    table = one(record("sknn", overrides={"k": 7}), record("sknn", preset="default"))
    notes = [(label, note) for label, _, note in seen(sheet(table))]
    assert [note for _, note in notes].count(OTHER) == 2
    assert ("sknn", ONLY) in notes
    assert plain(table, Significance(), compare(table))["rows"][0]["published"] == {}


def test_a_row_of_another_protocol_stands_beside_ours_of_that_protocol() -> None:
    table = one(record("s3rec", {"ndcg@20": 0.025, "mrr@20": 0.1}, protocol="leave-one-out"))
    assert seen(sheet(table, "ndcg,mrr")) == [
        ("s3rec", [".0250", ".1000"], ""),
        ("published", [".020", "–"], ""),
        ("difference", ["+.0050", ""], ""),
    ]


def test_every_format_tells_a_printed_dash_from_what_is_not_published() -> None:
    table = one(record("sknn", {"ndcg@20": 0.0424, "mrr@20": 0.2}))
    comparison, shown = compare(table), sheet(table, "ndcg,mrr")
    assert re.search(r"s3rec\S+ +\.020 +–\S", terminal.render(shown, 80, styled=False).plain)
    assert re.search(r"s3rec\S* \| \.020 \| –<sup>", markdown.render(shown))
    assert re.search(r"s3rec\S* & \.020 & --\$", latex.render(shown))
    lines = csv_module.DictReader(
        StringIO(csv.render([csv.Part(table, shown.columns, comparison)]))
    )
    (line,) = (line for line in lines if line["recommender"] == "s3rec")
    assert (line["mrr@20 published"], line["runs"], line["label"]) == ("–", "0", "S3-Rec")
    assert line["problem"].startswith(ONLY)
    results = plain(table, Significance(), comparison)["published"]["results"]
    assert results["s3rec"]["figures"]["mrr@20"] is None
    assert results["s3rec"]["published_only"]
    assert not results["sknn"]["published_only"]


def test_answers_of_models_stand_below_ours() -> None:
    table = one(record("gen-item", {"hr@20": 0.1}, diagnostics={"repeats": 0.5}))
    comparison = replace(compare(table), about="answers")
    shown = lay_out(table, diagnostics(table, comparison.keys), comparison)
    assert [column.key for column in shown.columns] == ["hr@20", "repeats", "texts"]
    assert seen(shown) == [
        ("gen-item", [".1000", "0.500", ""], ""),
        ("gen-item (GPT base)", [".029", "", "6,553"], ONLY),
    ]


def test_what_is_published_can_be_shown_without_any_run() -> None:
    results, answers = sheets("beauty", Beauty.published)
    assert [line.label for line in results.lines] == ["sknn", "llm2sasrec", "s3rec", "gru4rec"]
    assert seen(answers) == [("gen-item (GPT base)", [".029", "6,553"], "")]
    assert list(sheets("plain", Published())) == []


def test_one_order_of_ties_calls_for_several() -> None:
    single = one(record(ties=0))
    assert "no comparison" in " ".join(sheet(single).caption)
    several = one(record(ties=0), record(ties=1))
    assert "no comparison" not in " ".join(sheet(several).caption)
    assert "Published figures: Table 4 of the paper." in sheet(several).caption


def test_rows_of_an_earlier_revision_are_compared() -> None:
    run = record(ties=0)
    older = {**run.identity.protocol, "revision": 1, "rules": Protocol().rules(1)}
    shown = sheet(one(replace(run, identity=replace(run.identity, protocol=older))))
    assert "published" in [line.kind for line in shown.lines]
    assert any("revision 1 of the protocol" in sentence for sentence in shown.caption)


def test_trials_of_a_published_search() -> None:
    assert comparing.trials_of("beauty", "sknn") == 553
    assert comparing.trials_of("beauty", "random") is None
    assert comparing.trials_of("beauty-sample", "sknn") is None


def test_it_says_why_published_figures_are_not_shown() -> None:
    run = record()
    rules = {**run.identity.protocol, "rules": "0" * 16}
    reasons = {
        "is generated": one(record(dataset="beauty-sample")),
        "the strict protocol": one(record(protocol="strict")),
        "has 300 sessions, the paper's beauty has 1,001": one(
            record(split={**COUNTS, "sessions": 300})
        ),
        "none are known for plain": one(record(dataset="plain")),
        "gone is not installed": one(record(dataset="gone")),
        "test share": one(replace(run, identity=replace(run.identity, protocol=rules))),
        "cannot be checked": one(record(split={})),
    }
    for reason, table in reasons.items():
        shown = sheet(table)
        assert reason in shown.caption[-1]
        assert {line.kind for line in shown.lines} == {"ours"}
        assert (
            reason in plain(table, Significance(), compare(table))["published"]["not_shown_because"]
        )


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_shipped_figure_is_sound(dataset: str) -> None:
    shipped = published_in_paper(dataset)
    assert shipped.source
    for name, row in shipped.results.items():
        assert bool(row.source) == (name == "embedding-ensemble")  # the only one not in print
        for key, value in row.figures.items():
            metric, _, k = key.partition("@")
            assert metric in METRICS
            assert k in {"10", "20"}
            if value is not None and key not in row.notes:
                assert metric == "novelty" or 0 <= value < 1
                assert round(value, 3) == value  # as the tables print them


def test_figures_typed_from_the_printed_tables() -> None:
    beauty, hero, steam = map(published_in_paper, DATASETS)
    assert beauty.results["most-popular"].figures["novelty@10"] == 9.187
    assert beauty.results["llm2sasrec"].figures["hr@20"] == 0.118
    assert beauty.results["s3rec-leave-one-out"].figures["mrr@20"] is None
    hybrid = steam.results["llm-seq-sim-sequential"].figures
    assert (hybrid["ndcg@10"], hybrid["hr@10"]) == (0.066, 0.127)  # in print, not online
    assert hero.results["bert4rec"].figures["mrr@10"] == 0.0073
    assert (hero.statistics["classes"], steam.statistics["classes"]) == (None, 700)
    assert (beauty.trials["llm2sasrec"], hero.trials["llm-seq-prompt-rank"]) == (1280, None)
    answers = {(row.recommender, row.model): row.figures for row in steam.answers}
    assert answers["llm-seq-prompt-gen-item", "PaLM fntd"]["distinct_texts"] == 382_446
    assert len(beauty.answers) == 8


@pytest.fixture(scope="module")
def paper() -> Path:
    data = find_real_data()
    folder = data.parent / "paper" if data else Path("paper")
    if not (folder / "paper.txt").exists():
        pytest.skip("the paper's text is not beside the real data")
    return folder


def test_tables_4_to_6_are_those_of_the_paper(paper: Path) -> None:
    printed = json.loads((paper / "tables_4_5_6.json").read_text(encoding="utf-8"))
    for dataset in DATASETS:
        rows = published_in_paper(dataset).results
        ours = {name: dict(row.figures) for name, row in rows.items() if not row.source}
        assert ours == {name: row["figures"] for name, row in printed[dataset]["rows"].items()}
        assert list(ours) == list(printed[dataset]["rows"])


def test_tables_2_3_and_7_are_those_of_the_paper(paper: Path) -> None:
    lines = [line.split("\t") for line in (paper / "paper.txt").read_text("utf-8").splitlines()]
    statistics = [line[1:] for line in lines if len(line) == 7 and line[0] != "Dataset"]
    trials = [line for line in lines if len(line) == 6 and re.fullmatch(r"[3-6](\.\d)?", line[1])]
    answers = [line for line in lines if re.fullmatch("(GPT|PaLM) (base|fntd)", "".join(line[2:3]))]
    starts = [place for place, line in enumerate(answers) if line[0]]
    assert (len(statistics), len(trials), starts) == (3, 15, [0, 8, 12])
    for place, dataset in enumerate(DATASETS):
        shipped = published_in_paper(dataset)
        assert [*shipped.statistics.values()] == [number(text) for text in statistics[place]]
        assert [*shipped.trials.values()] == [number(line[2 + place]) for line in trials]
        part = answers[starts[place] : [*starts, None][place + 1]]
        assert [row.model for row in shipped.answers] == [line[2] for line in part]
        for row, line in zip(shipped.answers, part, strict=True):
            hit, ndcg, texts, share, similarity = map(number, line[3:])
            assert share is not None
            expected = [hit, ndcg, texts, pytest.approx(share / 100), similarity]
            assert [*row.figures.values()] == expected


def number(text: str) -> float | None:
    """Return a printed figure, per cent as they are; None for a dash."""
    return None if text in {"-", "NA"} else float(text.replace(",", "").rstrip("%"))
