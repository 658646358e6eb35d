"""Markdown, LaTeX, CSV and JSON: same content, and hostile text stays text in each."""

from __future__ import annotations

import csv as csv_module
import json as json_module
import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.render import available, csv, json, latex, markdown, pick, sorted_tables
from benchkit.leaderboards.render.layout import lay_out
from benchkit.leaderboards.render.sheet import Sheet
from benchkit.leaderboards.significance import Significance
from benchkit.leaderboards.tables import Table, tables
from benchkit.toolkit.texts import visible
from tests.leaderboards.samples import failure, full, record

HOSTILE = [
    "a|b",
    "`code`",
    "<script>alert(1)</script>",
    "<!-- x",
    "**bold** _it_ ~~gone~~",
    "[text](http://evil.example)",
    "![i](http://evil.example/i.png)",
    "&lt; &amp;",
    "back\\slash\\",
    "$x_1^2$ 50% #1 {a}",
    "line\nbreak\r\n| x |",
    "\x1b[2J",
    "=1+1",
    "[b] *c",
    "# head",
    "1. one",
    "- dash -- dash",
    "https://evil.example www.evil.example @someone",
]


def one(*runs: object, failed: object = ()) -> Table:
    (table,) = sorted_tables(tables(runs, failed))  # type: ignore[arg-type]
    return table


def sheet(table: Table) -> Sheet:
    return lay_out(table, pick(available(table), None))


def seen(page: str) -> list[str]:
    """Return what a reader sees, one text a paragraph, item, heading or cell."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
    texts = []
    for token in tokens:
        assert token.type not in ("html_block", "fence", "code_block", "hr"), token
        for child in token.children or ():
            assert child.type not in ("link_open", "image", "code_inline", "s_open"), child
            if child.type == "html_inline":
                assert child.content in ("<sup>", "</sup>", "<ins>", "</ins>"), child
        if token.children is not None:
            texts.append("".join(c.content for c in token.children if c.type != "html_inline"))
    return texts


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_hostile_text_as_it_is(name: str) -> None:
    table = one(record(name, full(1.0)), record("b", full(2.0)), failed=[failure("c", name)])
    texts = seen(markdown.render(sheet(table)))
    assert texts.count(visible(name).strip()) == 2
    assert f"c: {visible(name)}".rstrip() in texts


@given(st.text(min_size=1, max_size=40))
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    shown = visible(text).strip(" ")
    cell = seen(f"| a |\n| --- |\n| {markdown.escape(text)} |\n")
    assert [part.strip(" ") for part in cell] == ["a", shown]


def test_markdown_marks_best_and_second() -> None:
    page = markdown.render(sheet(one(record("a", 0.5), record("b", 0.4), record("c", 0.3))))
    assert "| a | **.5000** |\n| b | <ins>.4000</ins> |\n| c | .3000 |" in page


def test_the_markdown_document_has_every_table_and_says_what_is_generated() -> None:
    found = tables([record("a", dataset="beauty-sample"), record("b", dataset="beauty-sample")])
    page = markdown.document("beauty-sample", sorted_tables(found), {})
    assert page.startswith("# Leaderboard: beauty-sample\n\n## Paper protocol, ties 0\n")
    assert "> **GENERATED SAMPLE" in page


def test_headings_of_the_markdown_document_say_which_parameters_of_the_data_differ() -> None:
    found = tables([record("a"), record("a", data="e" * 16, p_core=10, max_prompts=200)])
    lines = markdown.document("beauty", sorted_tables(found), {}).splitlines()
    assert [markup for markup in lines if markup.startswith("## ")] == [
        "## Paper protocol, ties 0, p\\_core=5",
        "## Paper protocol, ties 0, p\\_core=10, a subset of 200 prompts",
    ]


def _undo_latex(text: str) -> str:
    """Return what LaTeX prints of escaped text; fail on anything active that is left."""
    words = {
        "textbackslash": "\\",
        "textasciitilde": "~",
        "textasciicircum": "^",
        "textless": "<",
        "textgreater": ">",
        "textbar": "|",
        "textquotedbl": '"',
        "textquotesingle": "'",
        "textasciigrave": "`",
    }
    text = re.sub(r"\\(text\w+)\{\}", lambda found: f"\0{ord(words[found[1]])};", text)
    text = re.sub(r"\{([-\[\]*])\}", lambda found: f"\0{ord(found[1])};", text)
    text = re.sub(r"\\([&%$#_{}])", lambda found: f"\0{ord(found[1])};", text)
    assert not re.search(r"[\\&%$#_{}~^<>|\"'`*\[\]-]", text), text
    return re.sub(r"\0(\d+);", lambda found: chr(int(found[1])), text)


@pytest.mark.parametrize("name", HOSTILE)
def test_latex_prints_hostile_text_as_it_is(name: str) -> None:
    assert _undo_latex(latex.escape(name)) == visible(name)
    table = one(record(name, full(1.0)), failed=[failure("c", name)])
    page = latex.render(sheet(table))
    assert page.count(latex.escape(name)) == 2
    for line in page.splitlines():
        assert not re.match(r"\s*[\[*]", line), line  # \\ would take it for an argument


@given(st.text(alphabet=st.characters(exclude_characters="±—\0"), max_size=40))
def test_latex_prints_any_text_as_it_is(text: str) -> None:
    assert _undo_latex(latex.escape(text)) == visible(text)


def test_latex_has_a_heading_over_each_group() -> None:
    page = latex.render(sheet(one(record("a", full(2.0)), record("b", full(1.0)))))
    assert r" & \multicolumn{6}{c}{Top@10} & \multicolumn{6}{c}{Top@20} \\" in page
    assert r"\cmidrule(lr){2-7}\cmidrule(lr){8-13}" in page
    assert r"a & \textbf{.0912} &" in page
    assert r"b & \underline{.0456} &" in page
    assert page.count(r"\begin") == page.count(r"\end") == 2


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv_module.DictReader(StringIO(text)))


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_holds_no_formula_and_stays_whole(name: str) -> None:
    table = one(record(name, 0.5), record("b", 0.25), failed=[failure("c", name)])
    found = rows_of(csv.render([csv.Part(table, pick(available(table), None), Comparison())]))
    assert len(found) == 3
    for field in (found[0]["recommender"], found[2]["problem"]):
        assert field.lstrip("'") == visible(name)
        assert field[0] not in "=+-@|%"


def test_csv_is_of_full_precision_and_a_missing_figure_is_empty() -> None:
    table = one(record("a", 1 / 3), record("b", {}, failed={"ndcg@20": "oh"}))
    found = rows_of(csv.render([csv.Part(table, pick(available(table), None), Comparison())]))
    assert float(found[0]["ndcg@20"]) == 1 / 3
    assert found[1]["ndcg@20"] == ""
    assert found[1]["problem"] == "ndcg@20: oh"
    assert {row["generated"] for row in found} == {"no"}


def test_json_is_the_tables_data() -> None:
    table = one(record("a", 1 / 3))
    content = json_module.loads(json.render([(table, Significance(), None)]))
    assert content.items() >= {"dataset": table.dataset, "prompts": table.prompts}.items()
    assert [row["metrics"] for row in content["rows"]] == [{"ndcg@20": 1 / 3}]
    both = json_module.loads(json.render([(table, Significance(), None)] * 2))
    assert both == [content, content]
