"""Answers are hostile text: reading them never fails, and what makes sense is found."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit_plugins.recommenders.llm_seq_prompt_gen_list import GenList
from benchkit_plugins.recommenders.llm_seq_prompt_rank import Rank
from benchkit_plugins.recommenders.prompted.gen_item import GenItem
from benchkit_plugins.recommenders.prompted.titles import (
    Titles,
    gives_all,
    one_line,
    spellings,
    titles_in,
)
from tests.recommenders.prompted.tasked import bench, listed, prompt, task

NAMES = ["Rose Hand Cream", "1. FM Radio", '"Quoted" Tea', "Tom &amp; Jerry", "A\n B\x00C", "", "!"]
GIVEN = bench(NAMES)
TITLES = Titles(GIVEN.catalog, GIVEN.train)
TEXTS = st.text(max_size=300) | st.text('"[]\\,\n- 1.*`ab\x1b[m&;#', max_size=300)


def read(completion: str, most: int = 20) -> list[tuple[str, tuple[int, ...]]]:
    return [(title.text, title.items) for title in titles_in(completion, TITLES, most)]


@pytest.mark.parametrize(
    "line",
    [
        "Rose Hand Cream",
        "  rose  HAND\tcream \r",
        "1. Rose Hand Cream",
        "(2) Rose Hand Cream",
        "- Rose Hand Cream",
        "• **Rose Hand Cream**",
        '3) "Rose Hand Cream",',
        "“Rose Hand Cream”",
        "\x1b[31mRose Hand Cream\x1b[0m",
        "Rose&nbsp;Hand &#67;ream",
        '- 1. **"Rose Hand Cream"**',
        "```\nRose Hand Cream\n```",
        '["Rose Hand Cream"]',
        '```json\n["Rose Hand Cream"]\n```',
        '["Rose Hand Cream", "cut o',
        '["Rose\\u0020Hand Cream"',
    ],
)
def test_what_stands_around_a_title_is_no_part_of_it(line: str) -> None:
    assert read(line) == [("Rose Hand Cream", (0,))]


def test_unless_the_catalog_has_it_so() -> None:
    assert read("1. FM Radio\n2. 1. FM Radio") == [("1. FM Radio", (1,))] * 2
    assert read('"Quoted" Tea') == [('"Quoted" Tea', (2,))]
    assert read("!") == [("!", (6,))]
    assert read('[Set of 2] "Quoted" Tea\n"Quoted" Tea') == [
        ('[Set of 2] "Quoted" Tea', ()),
        ('"Quoted" Tea', (2,)),
    ]


def test_a_hostile_title_reads_back_as_it_is_shown() -> None:
    assert TITLES.shown[3:5] == ["Tom & Jerry", "A B C"]
    assert read(TITLES.lines([3, 4])) == [("Tom & Jerry", (3,)), ("A B C", (4,))]


@pytest.mark.parametrize(
    "nothing", ["", " \n\t\x00", "...", "- \n* \n''", "```\n```", "[]", "\x1b[2J"]
)
def test_nothing_is_nothing(nothing: str) -> None:
    assert read(nothing) == []


def test_keys_of_json_are_no_titles() -> None:
    given = '[{"title": "a", "why" : "b"}, {"title":"c"}, {"title": "d'
    assert read(given) == [("a", ()), ("b", ()), ("c", ())]


def test_no_more_titles_than_asked_for() -> None:
    assert read("a\nb\nc", most=2) == [("a", ()), ("b", ())]


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        *(("", unit) for unit in ("a", "a\n", '"', '\\"', '["', "&amp;", "\x1b[", "- ", "[", "&")),
        *(("", "\ud800"), ("&#", "9"), ("&#x", "f"), ('["', '\\"'), ("[", '"\\')),
    ],
)
def test_a_million_characters_are_no_trouble(start: str, unit: str) -> None:
    found = read(start + unit * (1_000_000 // len(unit)))
    assert len(found) <= 20
    assert all(len(text) <= 1000 for text, _ in found)


@given(TEXTS)
def test_one_line_is_one_line_and_stays_as_it_is(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line


@given(TEXTS)
def test_spellings_only_take_away(text: str) -> None:
    line = one_line(text)
    found = spellings(line)
    assert found[0] == line
    assert all(b in a and len(b) < len(a) for a, b in pairwise(found))


@settings(deadline=None)
@given(st.lists(st.none() | st.lists(TEXTS, max_size=4), min_size=2, max_size=2))
def test_every_task_reads_anything(answers: list[list[str] | None]) -> None:
    given = bench(NAMES, train=[[0, 1, 2], [3, 4]])
    prompts = prompt([0, 1], [5])
    for kind in (GenItem, GenList, Rank):
        reading = task(kind, given).read(prompts, answers, 3)
        assert reading.lists.items.shape == (2, 3)
        for items in listed(reading.lists):
            assert len(set(items)) == len(items)
        if all(each is None for each in answers):
            assert reading.diagnostics == {}
        for name, value in reading.diagnostics.items():
            low = -1.001 if name == "hallucination_similarity" else 0
            assert low <= value <= (10 if "_" in name else 1)


def test_what_was_not_answered_stays_short_and_counted() -> None:
    given = bench(["a", "b", "c"], said={"q": [0, 0.6, 0.8]})
    answers = [["a", "A", "q"], ["", "--"], None, ["b", "c"]]
    reading = task(GenItem, given).read(prompt([0], [0], [0], [0]), answers, 2)
    assert listed(reading.lists) == [[0, 2], [], [], [1, 2]]
    assert reading.diagnostics == pytest.approx(
        {
            "answered_prompts": 3,
            "distinct_texts": 4,
            "distinct_recommendations": 3,
            "hallucinations": 1 / 4,
            "hallucination_similarity": 0.8,
            "repeats": 1 / 4,
            "parse_failures": 2 / 7,
            "short_lists": 1 / 3,
        }
    )


@given(TEXTS, TEXTS, st.integers(1, 3))
def test_what_gives_all_needs_no_more(beginning: str, rest: str, most: int) -> None:
    if gives_all(beginning, most):
        assert read(beginning + rest, most) == read(beginning, most)


@pytest.mark.parametrize(
    ("completion", "enough"),
    [
        ("a\nb\n", True),
        ("\n\n1. a\n\n2. b\nc", True),
        ("a\nb", False),
        ("a\n---\n", False),
        ('[\n"a",\n"b"\n]\n', False),
        ("```\na\n```\n", False),
    ],
)
def test_whole_lines_give_titles(completion: str, enough: bool) -> None:
    assert gives_all(completion, 2) is enough
