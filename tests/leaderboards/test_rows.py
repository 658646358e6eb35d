"""Rows: means and spreads worked by hand, what supersedes what, labels."""

from __future__ import annotations

import pytest

from benchkit.leaderboards.record import TUNED, Record
from benchkit.leaderboards.render import available, pick
from benchkit.leaderboards.render.captions import caption
from benchkit.leaderboards.rows import average, current, labels, overrides_of
from benchkit.leaderboards.tables import Table, tables
from tests.leaderboards.samples import failure, record


def only(found: list[Table]) -> Table:
    assert len(found) == 1
    return found[0]


def test_a_row_is_mean_and_sample_standard_deviation_over_its_runs() -> None:
    row = average([record(metrics=value, ties=ties) for ties, value in enumerate((0.1, 0.2, 0.6))])
    assert row.metrics == {"ndcg@20": pytest.approx(0.3)}
    # Deviations -0.2, -0.1, 0.3: squares sum to 0.14, over two that is 0.07.
    assert row.spread == {"ndcg@20": pytest.approx(0.07**0.5)}
    assert (len(row.runs), row.ties, row.seeds) == (3, [0, 1, 2], [0])


def test_seeds_are_runs_too() -> None:
    runs = [record(metrics=0.1, seed=1), record(metrics=0.3, seed=0)]
    row = average(runs)
    assert row.metrics["ndcg@20"] == pytest.approx(0.2)
    assert (len(row.runs), row.ties, row.seeds) == (2, [0], [0, 1])


def test_each_order_counts_alike_however_many_seeds_it_has() -> None:
    runs = [record(metrics=0.1 * seed, seed=seed) for seed in range(3)]
    row = average([*runs, record(metrics=0.5, ties=1, seed=1)])
    assert row.metrics["ndcg@20"] == pytest.approx((0.1 + 0.5) / 2)
    assert (row.ties, row.seeds) == ([0, 1], [1])
    # without a common seed all there is
    row = average([*runs, record(metrics=0.5, ties=1, seed=7)])
    assert (len(row.runs), row.seeds) == (4, [0, 1, 2, 7])


def test_what_two_searches_found_are_two_runs() -> None:
    runs = [
        record(metrics=figure, ties=ties, config={"k": ties}, preset=TUNED)
        for ties, figure in enumerate((0.1, 0.3))
    ]
    by_ties = {tuple(table.ties): table.rows[0] for table in tables(runs)}
    assert {ties: row.metrics["ndcg@20"] for ties, row in by_ties.items()} == {
        (0, 1): pytest.approx(0.2)
    }


def test_two_searches_that_chose_other_components_are_two_runs_of_one_row() -> None:
    def found(figure: float, seed: int, reducer: str, embedder: str = "1") -> Record:
        below = {
            f"reducer:{reducer}": {"version": "1"},
            "embedder:minilm": {"version": embedder},
        }
        return record(
            metrics=figure,
            seed=seed,
            preset=TUNED,
            builds_on=below,
            config={"reducer": reducer, "embedder": "minilm"},
            search={"space": {"reducer": ""}},
        )

    runs = [found(0.1, 0, "pca"), found(0.3, 1, "lda")]
    (row,) = tables(runs)[0].rows
    assert row.metrics["ndcg@20"] == pytest.approx(0.2)
    assert row.seeds == [0, 1]
    (row,) = tables([*runs, found(0.9, 2, "pca", embedder="2")])[0].rows
    assert (row.metrics["ndcg@20"], row.seeds) == (0.9, [2]), "other code"


def test_a_single_run_has_no_spread() -> None:
    row = average([record(metrics=0.25)])
    assert row.metrics == {"ndcg@20": 0.25}
    assert row.spread == {"ndcg@20": None}


def test_a_metric_that_one_run_lacks_is_no_mean_of_the_others() -> None:
    whole = record(metrics={"hr@20": 0.5, "mrr@20": 0.3, "gini@20": 0.1}, ties=0)
    torn = record(metrics={"hr@20": 0.7}, failed={"mrr@20": "division by zero"}, ties=1)
    row = average([whole, torn])
    assert row.metrics == {"hr@20": pytest.approx(0.6)}
    assert row.failed_metrics["mrr@20"] == "division by zero"
    assert "1 of 2 runs" in row.failed_metrics["gini@20"]


def test_of_runs_alike_the_newest_counts() -> None:
    old, new = record(metrics=0.1), record(metrics=0.2)
    (runs,) = current([new, old]).values()
    assert runs == [new]


def test_newer_code_supersedes_every_run_of_the_older() -> None:
    old = [record(metrics=0.1, ties=ties) for ties in (0, 1)]
    new = record(metrics=0.4, ties=0, version="0.2.0")
    row = only(tables([*old, new])).rows[0]
    assert (row.metrics["ndcg@20"], row.ties) == (0.4, [0])
    assert row.as_dict()["version"] == "0.2.0"


@pytest.mark.parametrize("changed", [{"version": "2"}, {"source": "b"}, {"config": {"dims": 8}}])
def test_another_embedder_supersedes_as_other_code_does(changed: dict[str, object]) -> None:
    embedder = {"version": "1", "source": "a", "config": {"dims": 4}}
    old = [record(metrics=0.1, ties=ties, builds_on={"embedder:lsa": embedder}) for ties in (0, 1)]
    new = record(metrics=0.4, ties=1, builds_on={"embedder:lsa": {**embedder, **changed}})
    row = only(tables([*old, new])).rows[0]
    assert (row.metrics["ndcg@20"], row.ties, len(row.runs)) == (0.4, [1], 1)


def test_longer_lists_of_the_same_run_keep_their_cutoffs() -> None:
    deep = record(metrics={"hr@10": 0.1, "hr@20": 0.2}, depth=20)
    shallow = record(metrics={"hr@10": 0.1}, depth=10)
    (runs,) = current([deep, shallow]).values()
    assert runs == [deep]


def test_preset_overrides_and_distribution_make_other_rows() -> None:
    runs = [
        record(),
        record(preset="default"),
        record(overrides={"k": 100}),
        record(distribution="strangers"),
    ]
    assert len(current(runs)) == 4


def test_labels_tell_rows_apart() -> None:
    runs = [
        record("sknn"),
        record("sknn", preset="default"),
        record("sknn", overrides={"k": 100}),
        record("random", preset="default"),
        record("mine", distribution="a"),
        record("mine", distribution="b"),
    ]
    names = labels({key: overrides_of(found[0]) for key, found in current(runs).items()})
    assert list(names.values()) == [
        "sknn",
        "sknn [default]",
        "sknn (k=100)",
        "random",  # nothing to confuse it with
        "mine from a",
        "mine from b",
    ]


def test_overrides_as_typed_and_as_values_are_the_same_row() -> None:
    lost = failure("sknn", overrides={"k": "100"})
    table = only(tables([record("sknn", overrides={"k": 100})], [lost]))
    assert [row.label for row in table.rows] == ["sknn (k=100)"]
    assert table.failures == []


def test_searched_rows_are_marked_and_stand_beside_their_preset() -> None:
    found = {"seconds": 61.25, "trials": {"done": 9, "pruned": 2, "failed": 1, "out_of_time": 3}}
    runs = [
        record("sknn"),
        record("sknn", preset="tuned", search={**found, "best": {"value": 0.5}}),
        record("v-sknn", preset="tuned", search={**found, "best": None}),
    ]
    (table,) = tables(runs)
    assert [row.label for row in table.rows] == ["sknn", "sknn [tuned]", "v-sknn [preset]"]
    columns = {column.key: column for column in available(table)}
    shown = {key: [columns[key].value(row) for row in table.rows] for key in columns}
    assert shown["trials"] == ["", "9/2/1", "9/2/1"]
    assert shown["search-seconds"] == ["", 61.25, 61.25]
    said = " ".join(caption(table, []))
    assert "[tuned]: the best configuration of a search on the training data." in said
    assert "[preset]: no trial of the search finished" in said
    assert "tuned" not in " ".join(caption(tables([record("sknn")])[0], []))


def test_seconds_are_those_of_the_evaluation() -> None:
    (table,) = tables([record("sknn")])
    picked = pick(available(table), "seconds")
    assert [column.key for column in picked] == ["fit-seconds", "recommend-seconds"]
