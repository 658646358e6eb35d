"""Hit rates by popularity, position and length, worked by hand on ten sessions; and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit import Bench
from benchkit.analysis import cuts as cutting
from benchkit.analysis import hits as analysis
from benchkit.analysis import render as rendering
from benchkit.analysis.groups import Group, by_quantiles, by_starts, members
from benchkit.analysis.questions import (
    GROUPINGS,
    NONE,
    in_one_session,
    length,
    popularity,
    position,
)
from benchkit.analysis.rates import Analysis, rates, wilson
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError, DataError
from benchkit.contracts.prompted import PromptedRecommender
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.recommender import Recommendations, Recommender
from benchkit.contracts.sessions import Sessions
from benchkit.data.split import Split, temporal_split
from benchkit.evaluation.bench import Workbench
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.render import terminal
from benchkit.leaderboards.tables import tables
from tests.leaderboards.samples import record
from tests.making import prepared

# The last four, by time, are the test sessions; each ends with item 2, which is withheld.
SESSIONS = [[0, 1], [0, 2], [3, 4], [0, 3], [1, 5], [2, 4], [1, 0, 2], [0, 3, 1, 2], [5, 2]]
SESSIONS += [[2, 5, 2]]
COUNTS = np.array([10, 10, 20, 5, 2, 1])


def data() -> PreparedDataset:
    times = [[10 * row + place for place in range(len(s))] for row, s in enumerate(SESSIONS)]
    return prepared(SESSIONS, times)


def split(name: Literal["paper", "strict"] = "paper", ties: int = 0) -> Split:
    return temporal_split(data(), Protocol(name, ties, test_share=0.4))


def lists(*hits: bool) -> Recommendations:
    """Return lists of two items whose second is the truth, or which miss it."""
    items = np.array([[4, 2] if hit else [4, -1] for hit in hits], dtype=np.int32)
    return Recommendations(items, np.where(items < 0, -np.inf, 1.0).astype(np.float32))


def test_popularity_counts_the_sessions_with_the_last_item() -> None:
    # Prompts end with 0, 1, 5, 5. Items 0, 1 and 5 are in 5, 4 and 3 sessions, 3, 2, 1 to train on.
    assert popularity(data(), split()).tolist() == [5, 4, 3, 3]
    assert popularity(data(), split("strict")).tolist() == [3, 2, 1, 1]


def test_position_is_that_of_the_latest_item_beside_the_truth_in_training() -> None:
    # In training item 2 is beside 0 and 4. [1, 0]: last. [0, 3, 1]: third from the end. [5]: none.
    # [2, 5]: the truth itself, second from the end.
    assert position(data(), split()).tolist() == [1, 3, NONE, 2]


def test_length_is_that_of_the_prompt() -> None:
    assert length(data(), split()).tolist() == [2, 3, 1, 2]


@given(
    st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=5), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 6)), max_size=30),
)
def test_in_one_session_agrees_with_sets(
    sessions: list[list[int]], pairs: list[tuple[int, int]]
) -> None:
    items, others = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    train = Sessions.from_lists(sessions)
    before = train.items.copy()
    found = in_one_session(train, items, others, 7)
    assert found.tolist() == [any({a, b} <= set(s) for s in sessions) for a, b in pairs]
    assert np.array_equal(train.items, before)


def test_groups_join_until_none_is_nearly_empty() -> None:
    values = np.repeat([1, 2, 3, 5, 9], [1, 10, 4, 10, 10])
    assert by_starts(values, (1, 2, 3, 4, 8), least=5) == [
        Group("1-2", 1, 2),  # one prompt of 1 joins the ten of 2
        Group("3-7", 3, 7),  # four of 3 join ten of 5, not eleven of 1 and 2
        Group("8+", 8, 9),
    ]
    assert [group.label for group in by_starts(values, (), least=5)] == ["1+"]
    assert [group.label for group in by_starts(values, (2, 9), least=100)] == ["1+"]


def test_quantiles_fill_groups_alike_and_keep_equal_values_together() -> None:
    assert by_quantiles(np.arange(1, 13), 3, least=1) == [
        Group("1-4", 1, 4),
        Group("5-8", 5, 8),
        Group("9+", 9, 12),
    ]
    # Ends between different values, as near to even shares as there are any.
    for sevens, nines in ((6, 4), (4, 6), (9, 1)):
        values = np.array([7] * sevens + [9] * nines)
        assert [g.label for g in by_quantiles(values, 4, least=1)] == ["7-8", "9"]
    assert [g.label for g in by_quantiles(np.array([7, 8]), 1, least=1)] == ["7+"]
    assert [g.label for g in by_quantiles(np.array([7]), 6, least=1)] == ["7"]


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=300),
    st.integers(1, 40),
    st.sampled_from(sorted(GROUPINGS)),
)
def test_groups_hold_every_prompt_once(values: list[int], least: int, name: str) -> None:
    codes = np.array(values)
    groups = GROUPINGS[name].group(codes, least)
    assert all(sum(g.low <= value <= g.high for g in groups) == 1 for value in values)
    counts = np.bincount(members(groups, codes), minlength=len(groups))
    filled = [n for n, g in zip(counts, groups, strict=True) if g.label != "none"]
    assert len(filled) < 2 or min(filled) >= least
    assert min(counts) > 0


def test_wilsons_interval() -> None:
    low, high = wilson(np.array([8.0, 0.0, 10.0]), np.array([10.0, 10.0, 10.0]))
    assert low == pytest.approx([0.4902, 0.0, 0.7225], abs=1e-4)
    assert high == pytest.approx([0.9433, 0.2775, 1.0], abs=1e-4)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=60))
def test_groups_weighted_by_their_prompts_give_the_whole(prompts: list[tuple[bool, int]]) -> None:
    hits = np.array([hit for hit, _ in prompts])
    present = sorted({group for _, group in prompts})
    places = np.array([present.index(group) for _, group in prompts])
    found, whole = rates([(hits, places), (~hits, places)], len(present))
    share = np.bincount(places) / len(places)
    assert share @ [rate.value for rate in found] == pytest.approx(whole.value) == 0.5
    assert all(rate.low <= rate.value <= rate.high for rate in (*found, whole))


def keep(out: Path, found: Split, name: str, ties: int, kept: Recommendations) -> Record:
    run = record(name, {"hr@2": 0.0}, ties=ties, depth=2)
    truth = found.test.truth
    store.write(out, run, kept, found.test.prompts.ids, truth, {})
    return run


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of a single prompt, and the data above behind every record."""
    monkeypatch.setattr(analysis, "_LEAST", 1)
    monkeypatch.setattr(
        analysis, "split_of", lambda run: (data(), split(ties=run.identity.protocol["ties"]))
    )


def analysed(out: Path, runs: Sequence[Record], *questions: str, k: int = 2) -> Analysis:
    (table,) = tables(runs)
    return analysis.analyse(out, table, k, questions or tuple(GROUPINGS))


def test_hit_rates_by_hand(tmp_path: Path) -> None:
    run = keep(tmp_path, split(), "a", 0, lists(True, False, True, True))
    found = {each.question: each for each in analysed(tmp_path, [run]).breakdowns}
    expected = {
        "popularity": {"3": 1.0, "4": 0.0, "5": 1.0},
        "position": {"1": 1.0, "2": 1.0, "3": 0.0, "none": 1.0},
        "length": {"1": 1.0, "2": 1.0, "3": 0.0},
    }
    for question, values in expected.items():
        each = found[question]
        labels = [group.label for group in each.groups]
        assert dict(zip(labels, [r.value for r in each.rates["a"]], strict=True)) == values
        assert each.overall["a"].value == 0.75
        assert sum(each.prompts) == 4
    assert found["popularity"].prompts == [2, 1, 1]


def test_the_cutoff_counts_distinct_items(tmp_path: Path) -> None:
    run = keep(tmp_path, split(), "a", 0, lists(True, True, True, True))
    assert analysed(tmp_path, [run], "length", k=1).breakdowns[0].overall["a"].value == 0
    items = np.array([[2, 2], [-1, 2], [4, 4], [4, 2]], dtype=np.int32)
    twice = Recommendations(items, np.ones((4, 2), dtype=np.float32))
    run = keep(tmp_path, split(), "b", 0, twice)
    assert analysed(tmp_path, [run], "length", k=1).breakdowns[0].overall["b"].value == 0.5


def test_runs_of_a_row_are_averaged(tmp_path: Path) -> None:
    runs = [
        keep(tmp_path, split(ties=0), "a", 0, lists(True, True, True, True)),
        keep(tmp_path, split(ties=1), "a", 1, lists(False, False, True, False)),
    ]
    (found,) = analysed(tmp_path, runs, "length").breakdowns
    assert [group.label for group in found.groups] == ["1", "2", "3"]
    assert [rate.value for rate in found.rates["a"]] == [1.0, 0.5, 0.5]
    assert found.prompts == [1, 2, 1]
    one = analysed(tmp_path, runs[:1], "length").breakdowns[0]
    assert found.rates["a"][0] == one.rates["a"][0]  # two runs are no more prompts than one


def test_what_cannot_be_analysed_is_left_out_with_its_reason(tmp_path: Path) -> None:
    good = keep(tmp_path, split(), "good", 0, lists(True, True, True, True))
    others = replace(split(), _test=replace(split().test, truth=np.zeros(4, dtype=np.int32)))
    other = keep(tmp_path, others, "other", 0, lists(True, True, True, True))
    lost = keep(tmp_path, split(), "lost", 0, lists(True, True, True, True))
    (lost.identity.folder(tmp_path) / "lists.parquet").unlink()
    found = analysed(tmp_path, [good, other, lost])
    assert [row.label for row in found.table.rows] == ["good"]
    reasons = {row.label: row.reason for row in found.table.failures}
    assert "other prompts" in reasons["other"]
    assert "cannot read the lists" in reasons["lost"]
    assert {row["label"] for row in rendering.plain(found)["left_out"]} == {"other", "lost"}
    with pytest.raises(BenchkitError, match="its lists hold 2 items; run again with --k 3"):
        analysed(tmp_path, [good], k=3)


def test_data_that_are_gone_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(run: Record) -> None:
        raise DataError("the prepared data are not there")

    run = keep(tmp_path, split(), "a", 0, lists(True, True, True, True))
    monkeypatch.setattr(analysis, "split_of", gone)
    with pytest.raises(DataError, match="not there"):
        analysed(tmp_path, [run])


def test_tables_name_the_best_of_each_group_and_fit(tmp_path: Path) -> None:
    runs = [
        keep(tmp_path, split(), "good\x1b[2J", 0, lists(True, True, False, True)),
        keep(tmp_path, split(), "bad", 0, lists(False, False, False, True)),
    ]
    first, *_, last = rendering.sheets(analysed(tmp_path, runs))
    assert not last.failures
    assert first.title.endswith("HR@2 by popularity of the prompt's last item")
    by_label = {line.label: line.cells for line in first.lines}
    assert [cell.text for cell in by_label["good\x1b[2J"]] == [".750", ".500", "1.000", "1.000"]
    assert [cell.mark for cell in by_label["bad"]] == ["second", "best", "second", "second"]
    assert [cell.text for cell in by_label["prompts"]] == ["4", "2", "1", "1"]
    shown = terminal.render(first, 40, False).plain
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 40
    assert "ties 0, seed 0, 200 prompts" in " ".join(last.caption)
    assert "200 prompts" not in " ".join(first.caption)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    for extra in ("altair", "vl_convert"):
        pytest.importorskip(extra, reason="needs the extra report")
    from benchkit.analysis.pictures import draw

    runs = [
        keep(tmp_path, split(), "<b>&a.b[0]", 0, lists(True, True, False, True)),
        keep(tmp_path, split(), "bad", 0, lists(False, False, False, True)),
    ]
    paths = draw(analysed(tmp_path, runs), tmp_path / "pictures")
    assert [path.name for path in paths] == [
        f"beauty-hit-rate-by-{name}.{suffix}" for name in GROUPINGS for suffix in ("svg", "png")
    ]
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(b"<svg" if path.suffix == ".svg" else b"\x89PNG")
        assert path.suffix == ".png" or b"&lt;b&gt;&amp;a.b[0]" in content


def test_a_cut_prompt_ends_with_the_position_and_short_ones_are_left_out() -> None:
    prompts = Sessions.from_lists([[1, 0], [0, 3, 1], [5], [2, 5]])
    for last, expected, rows in (
        (1, [[1, 0], [0, 3, 1], [5], [2, 5]], [0, 1, 2, 3]),
        (2, [[1], [0, 3], [2]], [0, 1, 3]),
        (3, [[0]], [1]),
    ):
        cut, left = cutting.cut(prompts, last)
        assert [cut[row].tolist() for row in range(len(cut))] == expected
        assert left.tolist() == rows


class LastIsTwo(Recommender):
    """Recommends the truth, item 2, where the prompt ends with an even item."""

    name = "last-is-two"

    def fit(self, train: Sessions, bench: Bench) -> None:
        pass

    def recommend(self, prompts: Sessions, k: int) -> Recommendations:
        return lists(*(prompts[row][-1] % 2 == 0 for row in range(len(prompts))))


def ask_cut(monkeypatch: pytest.MonkeyPatch, out: Path, *hits: bool) -> tuple[Analysis, list[str]]:
    """Analyse by `CUT` what a recommender says whose kept lists had these hits."""
    told: list[str] = []
    found = split()
    bench = Workbench(data().catalog, found.train, COUNTS)
    recommender = LastIsTwo(LastIsTwo.Config())
    monkeypatch.setattr(cutting, "refit", lambda *_: (recommender, bench))
    monkeypatch.setattr(analysis, "registry", lambda: Kinds(LastIsTwo))
    run = keep(out, found, "a", 0, lists(*hits))
    (table,) = tables([run])
    return analysis.analyse(out, table, 2, ["cut", "length"], report=told.append), told


@dataclass
class Kinds:
    """A registry of one recommender."""

    kind: type[object]

    def recommender(self, _name: str) -> type[object]:
        return self.kind


def test_hit_rates_of_cut_prompts_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Prompts [1, 0], [0, 3, 1], [5], [2, 5]: whole, only the first ends with an even item. Of the
    # three with two items or more [2] does, besides [1] and [0, 3]; of [0, 3, 1] remains [0].
    found, told = ask_cut(monkeypatch, tmp_path, True, False, False, False)
    by_cut, _ = found.breakdowns
    assert [group.label for group in by_cut.groups] == ["1", "2", "3"]
    assert (by_cut.prompts, by_cut.total) == ([4, 3, 1], 4)
    third = pytest.approx(1 / 3)
    assert [rate.value for rate in by_cut.rates["a"]] == [0.25, third, 1.0]
    assert [rate.value for rate in by_cut.uncut["a"]] == [0.25, third, 0.0]
    assert by_cut.overall["a"].value == 0.25
    assert told[-1].endswith("position 3 as the last: 1 prompts")
    sheet, _ = rendering.sheets(found)
    assert [cell.text for cell in sheet.lines[1].cells] == ["", ".250", ".333", ".000"]
    _, told = ask_cut(monkeypatch, tmp_path, False, False, False, False)
    assert "kept lists differ in 1 hits" in told[-1]


def test_language_models_are_asked_again_by_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "registry", lambda: Kinds(PromptedRecommender))
    run = keep(tmp_path, split(), "a", 0, lists(True, True, True, True))
    with pytest.raises(BenchkitError, match="asked again only by name: -r a"):
        analysed(tmp_path, [run], "cut")
