"""Leaderboards of several machines: verified, joined in any order, and nothing lost."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchkit.cli import cli
from benchkit.contracts.errors import BenchkitError
from benchkit.leaderboards import lines, ranks
from benchkit.leaderboards.files import write_leaderboard
from benchkit.leaderboards.merging import check, merge
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.record import Record
from tests.leaderboards.samples import COUNTS, record

Pair = tuple[Record, Ranks | None]
FILES = ("beauty.jsonl", "beauty.ranks.parquet", "beauty.md")


def ranked(name: str, places: Iterable[int], **about: Any) -> tuple[Record, Ranks]:
    """Return a record whose truths stood at those places, and its ranks."""
    found = np.array(list(places), dtype=np.int32)
    figures = {
        "hr@20": float(np.mean(found > 0)),
        "mrr@20": float(np.mean([1 / place if place else 0 for place in found])),
        "coverage@20": 0.5,
    }
    split = {**COUNTS, "prompts": len(found)}
    run = record(name, figures, prompts=len(found), split=split, **about)
    run = replace(run, lists=found.tobytes().hex()[:16])
    return run, Ranks(np.arange(len(found), dtype=np.int32) + 40, found, run.lists)


def write(folder: Path, pairs: Iterable[Pair], *more: str) -> Path:
    """Write the files of a leaderboard, and return its folder."""
    pairs = list(pairs)
    folder.mkdir(parents=True, exist_ok=True)
    text = lines.text_of((run for run, _ in pairs), more)
    (folder / "beauty.jsonl").write_text(text, encoding="utf-8")
    kept = {run.identity.key: found for run, found in pairs if found is not None}
    if kept:
        content = ranks._parquet(dict(sorted(kept.items())))
        (folder / "beauty.ranks.parquet").write_bytes(content)
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def records_of(folder: Path) -> dict[str, Record]:
    return lines.read(folder / "beauty.jsonl", "beauty").records


ONE, TWO, THREE = (ranked(*about) for about in (("a", [1, 0]), ("b", [2, 3]), ("c", [0, 20])))


def test_two_halves_are_the_whole(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", [ONE, TWO, THREE])
    assert write_leaderboard(whole, "beauty") == []
    left, right = write(tmp_path / "left", [THREE, ONE]), write(tmp_path / "right", [TWO, ONE])
    out = tmp_path / "out"
    verified = merge([left / "beauty.jsonl", right], out)
    assert (verified.findings, verified.records, verified.tested) == (
        [],
        {"beauty": 3},
        {"beauty": 3},
    )
    assert content_of(out) == content_of(whole)
    assert merge([left], whole).findings == []
    assert write_leaderboard(out, "beauty") == []  # as the next run does
    assert content_of(out) == content_of(whole)
    assert sorted(path.name for path in whole.iterdir() if path.name[0] != ".") == sorted(FILES)


def variants() -> list[tuple[Record, Ranks | None, str]]:
    """Return records, some of one key with other figures, times or ranks, and later lines."""
    made: list[tuple[Record, Ranks | None, str]] = []
    for name in "abc":
        run, found = ranked(name, [1, 0, 5])
        other, others = ranked(name, [2, 0, 5])
        made += [(run, found, ""), (run, None, ""), (other, others, "")]
        made += [(replace(run, asked="2027"), None, ""), (replace(other, asked="2028"), None, "")]
        made.append((replace(run, metrics={**run.metrics, "gini@20": 0.5}), found, ""))
        old, olds = ranked(name, [3, 3, 3], version="0.0.1")  # superseded code
        made.append((old, olds, ""))
        newer = ranked(f"{name}-later", [1, 1, 1])
        made.append((*newer, newer[0].to_line().replace('"format":1', '"format":2')))
    return made


VARIANTS = variants()
PARTS = st.lists(st.sampled_from(range(len(VARIANTS))), max_size=5)


@pytest.fixture
def _no_tables() -> Iterator[None]:
    """Leave out the tables, a function of the records that takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchkit.leaderboards.files.document", lambda *_: "")
        yield


@pytest.mark.usefixtures("_no_tables")
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.tuples(PARTS, PARTS, PARTS))
def test_the_order_of_merging_does_not_matter_and_nothing_is_lost(
    parts: tuple[list[int], ...],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        a, b, c = (home / str(n) for n in range(3))
        for folder, part in zip((a, b, c), parts, strict=True):
            chosen = [VARIANTS[number] for number in dict.fromkeys(part)]
            of_key = {run.identity.key: (run, found, later) for run, found, later in chosen}
            write(folder, ((run, found) for run, found, later in of_key.values() if not later))
            kept = {run.identity.key: found for run, found, _ in of_key.values() if found}
            (folder / "beauty.ranks.parquet").write_bytes(
                ranks._parquet(dict(sorted(kept.items())))
            )
            with (folder / "beauty.jsonl").open("a") as file:
                file.writelines(f"{later}\n" for _, _, later in of_key.values() if later)

        def merged(into: str, *sources: Path) -> Path:
            (home / into).mkdir()
            merge([source / "beauty.jsonl" for source in sources], home / into)
            return home / into

        ab, bc = merged("ab", a, b), merged("bc", b, c)
        whole = content_of(merged("abc", a, b, c))
        assert content_of(merged("ab+c", ab, c)) == whole
        assert content_of(merged("c+ba", c, merged("ba", b, a))) == whole
        assert content_of(merged("a+bc", a, bc)) == whole
        merge([a / "beauty.jsonl", ab / "beauty.jsonl"], home / "abc")
        assert content_of(home / "abc") == whole
        final = lines.read(home / "abc" / "beauty.jsonl", "beauty")
        sources = [lines.read(folder / "beauty.jsonl", "beauty") for folder in (a, b, c)]
        assert final.records.keys() == {key for part in sources for key in part.records}
        assert {*final.newer} == {line for part in sources for line in part.newer}
        kept = ranks.read(home / "abc" / "beauty.ranks.parquet")
        assert kept.keys() == {
            key for folder in (a, b, c) for key in ranks.read(folder / "beauty.ranks.parquet")
        }


def changed(pair: Pair, **values: Any) -> Pair:
    return replace(pair[0], **values), pair[1]


def other_ranks(places: list[int], *, lists: str = ONE[0].lists) -> Pair:
    found = np.array(places, dtype=np.int32)
    return ONE[0], Ranks(np.arange(len(found), dtype=np.int32), found, lists)


RULES = replace(ONE[0].identity, protocol={**ONE[0].identity.protocol, "test_share": 0.5})
PRINT = replace(ONE[0].identity, protocol={**ONE[0].identity.protocol, "fingerprint": "0" * 16})


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (changed(ONE, metrics={"mrr@20": 0.6}), "its mrr@20 is 0.6, that of its ranks 0.5"),
        (changed(ONE, metrics={"hr@50": 0.6}), "hr@50 is deeper than its lists"),
        (changed(ONE, split={"prompts": "many"}), "the prompts of its split are not a number"),
        (changed(ONE, prompts=3), "it has 3 prompts, its split 2"),
        (other_ranks([1, 0, 0]), "it has 2 prompts, its ranks 3 of 3"),
        (other_ranks([1, 21]), "its ranks go from 1 to 21, its lists to 20"),
        (other_ranks([1, -1]), "its ranks go from -1 to 1"),
        (other_ranks([0, 2]), "its mrr@20 is 0.5, that of its ranks 0.25"),
        (changed(ONE, identity=RULES), "the rules of its protocol are not those of their digest"),
        (changed(ONE, identity=PRINT), "its protocol is not that of its fingerprint"),
    ],
)
def test_what_cannot_be_true_is_named_and_left_out(
    tmp_path: Path, pair: Pair, problem: str
) -> None:
    source = write(tmp_path / "source", [pair, TWO])
    before = content_of(source)
    (finding,) = merge([source], tmp_path / "out").findings
    assert finding.startswith(f"{source / 'beauty.jsonl'}: a ")
    assert problem in finding
    assert [*records_of(tmp_path / "out")] == [TWO[0].identity.key]
    assert content_of(source) == before
    assert check([source]).findings == [finding]


def test_ranks_that_belong_to_nothing_are_left_out_alone(tmp_path: Path) -> None:
    source = write(tmp_path, [other_ranks([1, 0], lists="00"), TWO])
    (source / "beauty.jsonl").write_text(f"{ONE[0].to_line()}\n")
    other, orphan = check([source]).findings
    assert other.endswith("are left out: they are of other lists than its record") or (
        orphan.endswith("are left out: they are of other lists than its record")
    )
    assert "have no record beside them" in other + orphan
    assert check([source]).records == {"beauty": 1}


def test_other_prompts_of_the_same_data_are_named_and_kept(tmp_path: Path) -> None:
    run, found = ranked("d", [1, 0])
    source = write(tmp_path, [ONE, TWO, (run, replace(found, sessions=found.sessions + 1))])
    (finding,) = check([source]).findings
    assert "1 of 3 records of the data dddddddd and the protocol " in finding
    assert f"other prompts than the rest, d {run.identity.key} among them" in finding


def test_two_records_of_one_key_with_other_figures_are_named_and_one_counts(
    tmp_path: Path,
) -> None:
    late = replace(ONE[0], asked="2027", metrics={**ONE[0].metrics, "coverage@20": 0.25})
    more = replace(late, metrics={**late.metrics, "gini@20": 0.25})
    left, right = write(tmp_path / "l", [ONE]), write(tmp_path / "r", [(late, ONE[1])])
    (finding,) = merge([right], left).findings[:1]
    assert "its coverage@20 is 0.25 in" in finding
    assert finding.endswith(f"that of {right / 'beauty.jsonl'} counts, the other one is left out")
    assert records_of(left)[late.identity.key] == late
    assert (left / "beauty.jsonl.before").read_text() == f"{ONE[0].to_line()}\n"
    (again,) = merge([write(tmp_path / "m", [(more, None)])], left).findings
    assert "has its gini@20" in again
    assert len([*left.glob("*.before*")]) == 1, "what the folder had is still there"
    (left / "both.jsonl").write_text(f"{late.to_line()}\n{ONE[0].to_line()}\n")
    assert "coverage@20 is 0.25 in" in check([left / "both.jsonl"]).findings[0]


def test_files_that_are_cut_lose_what_is_cut_alone(tmp_path: Path) -> None:
    source = write(tmp_path / "source", [ONE, TWO])
    for path in source.iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    line, table = merge([source], tmp_path / "out").findings
    assert f"{source / 'beauty.jsonl'}: line 2 is left out (" in line
    assert table.startswith("cannot use the ranks ")
    assert table.endswith("; its records are taken without ranks")
    assert [*records_of(tmp_path / "out")] == [ONE[0].identity.key]
    (source / "beauty.jsonl").write_bytes(b"")
    assert check([source / "beauty.jsonl"]).findings[0].endswith("holds no record")
    assert f"{source} holds no record of beauty" in check([source]).findings
    (source / "beauty.jsonl").write_bytes(b"\0\1\2\n")
    assert check([source / "beauty.jsonl"]).findings[0].startswith("cannot use")


def test_lines_of_a_later_version_are_kept_with_their_ranks(tmp_path: Path) -> None:
    source = write(tmp_path / "source", [ONE, TWO])
    path = source / "beauty.jsonl"
    path.write_text(path.read_text().replace('"format":1', '"format":2'))
    out = tmp_path / "out"
    (finding,) = merge([source], out).findings
    assert "2 line(s) of a later version of benchkit cannot be verified" in finding
    assert {*path.read_text().splitlines()} == {*(out / path.name).read_text().splitlines()}
    merge([write(tmp_path / "more", [THREE])], out)
    write_leaderboard(out, "beauty")
    assert len(ranks.read(out / "beauty.ranks.parquet")) == 3


@pytest.mark.parametrize("name", ["../beauty", "a/b", ".", "", "c:d", "x\ny"])
def test_a_dataset_s_name_is_no_path(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "deep" / "source", [ONE])
    path = source / "beauty.jsonl"
    path.write_text(path.read_text().replace('"name":"beauty"', f'"name":{json.dumps(name)}'))
    before = {*tmp_path.rglob("*")}
    (finding, *_) = merge([path], tmp_path / "deep" / "out").findings
    assert "it is of dataset" in finding
    assert {*tmp_path.rglob("*")} == before


def test_other_code_is_a_note(tmp_path: Path) -> None:
    below = {"embedder:nowhere": {"distribution": "x", "version": "1", "source": "0", "config": {}}}
    run, found = ranked("sknn", [1, 0], builds_on={**below, "file:weights": "00"})
    verified = check([write(tmp_path, [(run, found)])])
    assert verified.findings == []
    absent, other = verified.notes
    assert (
        absent == "1 record made by embedder nowhere of x 1 (code 0), which is not installed here"
    )
    assert other.startswith(
        "1 record made by recommender sknn of seqrec-benchkit 0.1.0 (code source"
    )
    assert other.endswith(" is installed here")


def command(*words: str | Path) -> Any:
    return CliRunner().invoke(cli, ["leaderboard", *map(str, words)])


def test_the_commands_stand_beside_the_tables(tmp_path: Path) -> None:
    source, out = write(tmp_path / "source", [ONE, TWO]), tmp_path / "out"
    merged = command("merge", source, "--out", out)
    assert merged.return_value is None or merged.exit_code == 0
    assert f"beauty: {out} holds 2 records, the metrics of 2 computed again" in merged.stdout
    for shown in (command("--out", out), command("beauty", "--out", out)):
        assert "hr" in shown.stdout.lower(), shown.output
    assert "verified 2 records" in command("check", source).stdout
    assert "FILE|DIR" in command("merge", "--help").stdout
    assert "leaderboard -- merge" in command("--help").stdout


def test_a_dataset_may_be_called_as_a_command(tmp_path: Path) -> None:
    run = record("sknn", dataset="merge")
    (tmp_path / "merge.jsonl").write_text(f"{run.to_line()}\n")
    assert "sknn" in command("--out", tmp_path, "--", "merge").stdout


def exit_code(*words: str | Path) -> Any:
    return cli.main(["leaderboard", *map(str, words)], standalone_mode=False)


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "source", [ONE])
    assert exit_code("check", source) == 0
    bad = write(tmp_path / "bad", [changed(ONE, metrics={"mrr@20": 0.6})])
    assert exit_code("check", bad) == exit_code("merge", bad, "--out", tmp_path / "out") == 1
    assert "is left out (its mrr@20 is 0.6" in capsys.readouterr().out
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: exit_code("check", source / "beauty.ranks.parquet"), "is neither a folder of"),
        (lambda: exit_code("check", tmp_path), "there is no leaderboard in"),
    ]
    for call, words in wrong:
        with pytest.raises(BenchkitError, match=words):
            call()
    assert command("check", tmp_path / "missing").exit_code == 2
    assert command("check").exit_code == 2
    write(tmp_path / "home" / "leaderboards", [ONE])
    with pytest.raises(BenchkitError, match="did you mean"):
        exit_code("check", tmp_path / "home")


def test_of_very_many_rows_the_best_are_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchkit.leaderboards.significance import significance
    from benchkit.leaderboards.tables import tables

    monkeypatch.setattr("benchkit.leaderboards.significance.MOST_ROWS", 2)
    pairs = [ranked(f"r{place}", [place, place + 1]) for place in (4, 1, 9, 2)]
    (table,) = tables(run for run, _ in pairs)
    kept = {run.identity.key: found for run, found in pairs}
    tested = significance(table.rows, kept, ["mrr@20"])
    assert {*tested.tests["mrr@20"].p} == {"r1", "r2"}
    assert tested.why_untested("mrr@20", "r9") == "only the best 2 rows are tested"
    assert tested.why_untested("mrr@20", "r1") == tested.why_untested("hr@20", "r9") == ""
