"""The terminal's rendering: whole and legible at any width."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from benchkit.contracts.published import Published, PublishedRow
from benchkit.leaderboards.published import Comparison, compare
from benchkit.leaderboards.render import available, pick, sorted_tables
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.terminal import render
from benchkit.leaderboards.tables import tables
from benchkit.toolkit.texts import fold, visible
from tests.leaderboards.samples import failure, full, record

NAMES = ("most-popular", "v-sknn", "sknn", "llm-seq-sim-sequential")
LONG = {"k": 100, "sample_size": 1530, "similarity": "cosine"}


def lines(width: int, styled: bool = False, ties: int = 3, **options: object) -> list[str]:
    runs = [
        record(name, full(1 + number / 10 + order / 100), ties=order)
        for order in range(ties)
        for number, name in enumerate(NAMES)
    ]
    runs += [record("sknn", full(0.9 + n / 100), ties=n, overrides=LONG) for n in range(ties)]
    (table,) = sorted_tables(tables(runs, [failure("gru4rec", "the extra local is missing")]))
    return render(lay_out(table, pick(available(table), None)), width, styled).plain.split("\n")


@pytest.mark.parametrize("width", [1, 30, 40, 60, 79, 80, 100, 132, 200])
@pytest.mark.parametrize("ties", [1, 3])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(width: int, ties: int) -> None:
    found = lines(width, ties=ties)
    assert max(map(cell_len, found)) <= max(width, 32)
    text = "".join("".join(found).split())
    for name in NAMES if width >= 80 else ():
        assert name in text
    assert text.count("…") == 0
    assert "theextralocalismissing" in text


def test_at_80_columns_the_groups_stand_one_below_the_other() -> None:
    found = lines(80)
    heads = [line for line in found if "Top@" in line]
    assert [line.strip("─ ") for line in heads] == ["Top@10", "Top@20"]
    text = "\n".join(found)
    for name in NAMES:
        assert sum(line.startswith(f"{name}  ") for line in found) == 2
    # The mean over three orders has the middle's factor: .0365 × 1.31 × 1.5 at 20.
    assert ".0717*" in text
    assert "±.0005" in text


def test_golden_80_columns() -> None:
    (table,) = sorted_tables(
        tables(
            [
                record("v-sknn", {"ndcg@20": 0.0424, "novelty@20": 12.2}, ties=0),
                record("v-sknn", {"ndcg@20": 0.0426, "novelty@20": 12.4}, ties=1),
                record("sknn", {"ndcg@20": 0.0365, "novelty@20": 12.5}, ties=0),
                record("sknn", {"ndcg@20": 0.0365, "novelty@20": 12.5}, ties=1),
            ]
        )
    )
    text = render(lay_out(table, pick(available(table), None)), 80, styled=False).plain
    assert text.split("\n")[:6] == [
        "beauty, paper protocol",
        "        ─────────── Top@20 ──────────",
        "                 NDCG         Novelty",
        "─────────────────────────────────────",
        "v-sknn  .0425* ±.0001  12.300' ±0.141",
        "sknn    .0365' ±.0000  12.500* ±0.000",
    ]


def test_a_difference_stands_only_where_there_is_one() -> None:
    (table,) = tables([record("sknn", {"ndcg@10": 0.03, "ndcg@20": 0.0424}, ties=0)])
    row = PublishedRow("SKNN", {"ndcg@20": 0.04})
    paper = Comparison(published=Published(results={"sknn": row}))
    shown = render(lay_out(table, pick(available(table), None), paper), 26, styled=False).plain
    assert shown.count("published") == 2
    assert shown.count("difference") == 1


def test_a_wide_terminal_has_both_groups_side_by_side() -> None:
    head = next(line for line in lines(200, ties=1) if "Top@" in line)
    assert "Top@10" in head
    assert "Top@20" in head


def test_best_is_bold_and_second_underlined_where_styles_are_shown() -> None:
    (table,) = sorted_tables(tables([record("a", 0.5), record("b", 0.4), record("c", 0.3)]))
    text = render(lay_out(table, pick(available(table), None)), 80, styled=True)
    shown = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert shown[".5000"] == "bold"
    assert shown[".4000"] == "underline"
    assert ".3000" not in shown
    assert "*" not in text.plain


@pytest.mark.parametrize(
    "name",
    ["\x1b[31mred\x1b[0m", "a\nb\tc\r", "[bold]x[/bold]", "\u202egnp", "\x9b2J", "寿司" * 20],
)
def test_hostile_names_rule_no_terminal(name: str) -> None:
    (table,) = tables(
        [record(name, full(1.0)), record("b", full(2.0))], [failure(name + "!", name)]
    )
    text = render(lay_out(table, pick(available(table), None)), 80, styled=True)
    assert all(char.isprintable() for char in text.plain.replace("\n", ""))
    assert max(map(cell_len, text.plain.split("\n"))) <= 80
    assert not [span for span in text.spans if "red" in str(span.style) and span.start < 80]


def test_folding_prefers_spaces_then_hyphens_then_anything() -> None:
    assert fold("one two three", 7) == ["one two", "three"]
    assert fold("llm-seq-sim-sequential (k=1)", 16) == ["llm-seq-sim-", "sequential (k=1)"]
    assert fold("aaaaaaa", 3) == ["aaa", "aaa", "a"]
    assert fold("寿司寿司", 5) == ["寿司", "寿司"]
    assert fold("", 5) == [""]


def test_invisible_characters_become_visible() -> None:
    assert visible("a\x1b\u200b\ud800é") == "a\\x1b\\u200b\\ud800é"


def test_an_encoding_that_lacks_the_signs_gets_others() -> None:
    runs = [record(name, 0.5 + t / 10, ties=t) for t in (0, 1) for name in ("sknn", "a寿")]
    (table,) = tables(runs)
    paper = compare(table)
    shown = lay_out(table, pick(available(table, paper.keys), None), paper)
    text = render(shown, 80, styled=False, encoding="ascii").plain
    assert text.isascii()
    assert ".5500* +-.0707" in text
    assert re.search(r" -\[\d\]", text)  # not -1
    assert re.search(r"\n\[\d\] not published", text)
    assert "a?" in text
