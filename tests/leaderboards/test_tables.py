"""Tables: what shares one, which ties it is over, what failed."""

from __future__ import annotations

import json

import pytest

from benchkit.contracts.errors import ConfigError
from benchkit.leaderboards.render.captions import failures as failures_of
from benchkit.leaderboards.selection import Wanted, select, shortest
from benchkit.leaderboards.tables import Table, tables
from tests.leaderboards.samples import failure, full, record


def shape(table: Table) -> tuple[list[object], list[str]]:
    return list(table.ties), [row.label for row in table.rows]


def test_other_data_or_rules_never_share_a_table() -> None:
    runs = [record("a"), record("b", data="e" * 16), record("c", protocol="strict")]
    found = tables(runs)
    assert [shape(table) for table in found] == [([0], ["c"]), ([0], ["b"]), ([0], ["a"])]


def test_there_is_a_table_for_each_set_of_ties_with_all_rows_that_have_them() -> None:
    runs = [record("a", ties=ties) for ties in (0, 1, 2)] + [record("b", ties=0)]
    runs += [record("c", ties=ties) for ties in (0, 1)]
    found = {tuple(table.ties): table for table in tables(runs)}
    assert {ties: shape(table)[1] for ties, table in found.items()} == {
        (0, 1, 2): ["a"],
        (0, 1): ["a", "c"],
        (0,): ["a", "b", "c"],
    }
    assert {len(row.runs) for row in found[0, 1].rows} == {2}


def test_only_the_tables_ties_are_averaged() -> None:
    runs = [record("a", 0.1, ties=0), record("a", 0.3, ties=1), record("b", 0.2, ties=0)]
    by_ties = {tuple(table.ties): table.rows[0] for table in tables(runs)}
    assert by_ties[0,].metrics["ndcg@20"] == 0.1
    assert by_ties[0, 1].metrics["ndcg@20"] == 0.2


def test_another_order_in_the_file_is_another_table() -> None:
    runs = [
        record("a", ties="file"),
        record("b", ties="file", file_order="g"),
        record("a", ties=3),
        record("b", ties=3, file_order="g"),  # seeds shuffle whatever order there was
    ]
    shown = sorted((str(table.ties), [r.recommender for r in table.rows]) for table in tables(runs))
    assert shown == [("['file']", ["a"]), ("['file']", ["b"]), ("[3]", ["a", "b"])]


def test_the_newest_table_comes_first() -> None:
    runs = [record("a", ties=1), record("b", protocol="strict")]
    assert tables(runs)[0].protocol["name"] == "strict"
    assert tables([*runs, record("a", ties=1)])[0].protocol["name"] == "paper"


def test_failures_without_a_row_are_listed_with_their_reason() -> None:
    lost = [failure("b", ties=0), failure("b", "no key", ties=1), failure("a", ties=0)]
    (table,) = tables([record("a", ties=0), record("a", ties=1)], lost)
    assert [(row.label, row.reason, row.ties) for row in table.failures] == [
        ("b", "no key", [0, 1])
    ]


def test_failures_of_some_runs_of_a_row_are_listed_until_they_succeed() -> None:
    there = [record("a", seed=seed, ties=ties) for seed in (0, 1) for ties in (0, 1)]
    lost = [failure("a", "loss is nan", seed=seed, ties=1) for seed in (1, 2, 3)]
    (table,) = tables(there, lost)
    assert [(row.label, row.ties, row.seeds) for row in table.failures] == [("a", [1], [2, 3])]
    assert failures_of(table) == ["a with ties 1, seeds 2, 3: loss is nan"]
    (table,) = tables([*there, record("a", seed=2, ties=1)], lost)
    assert failures_of(table) == ["a with ties 1, seed 3: loss is nan"]
    (table,) = tables([*there, record("a", ties=1, version="0.2.0")], lost)
    assert table.failures == []


def test_a_row_that_was_not_tuned_lacks_runs_under_its_own_label() -> None:
    there = record("a", preset="tuned", search={"best": None, "trials": {}})
    (table,) = tables([there], [failure("a", "no key", preset="tuned", seed=1)])
    assert failures_of(table) == ["a [preset] with seed 1: no key"]


def test_a_failure_of_newer_code_is_listed_beside_the_older_row() -> None:
    run = record("a")
    lost = failure("a", "broken", version="0.2.0")
    (table,) = tables([run], [lost])
    assert [row.reason for row in table.failures] == ["broken"]
    (table,) = tables([run, record("a", version="0.3.0")], [lost])
    assert table.failures == []


def test_a_table_of_failures_alone_comes_last() -> None:
    found = tables([record("a", ties=0)], [failure("b", ties=5)])
    assert [shape(table) for table in found] == [([0], ["a"]), ([5], [])]
    assert [row.recommender for row in found[1].failures] == ["b"]
    assert found[1].prompts == 0


def test_plain_data_hold_what_the_issue_names() -> None:
    (table,) = tables([record("a", full(1.0), overrides={"k": 7})], [failure("b")])
    content = json.loads(json.dumps(table.as_dict()))
    assert content["dataset"] == "beauty"
    assert content["protocol"]["name"] == "paper"
    assert content["protocol"]["ties"] == [0]
    assert list(content["protocol"]["fingerprints"]) == ["0"]
    assert content["data"]["fingerprint"] == "d" * 16
    assert content["prompts"] == 200
    (row,) = content["rows"]
    assert row["recommender"] == "a"
    assert row["metrics"] == full(1.0)
    assert row["overrides"] == {"k": 7}
    assert row["seconds"] == {"fit": 1.0, "recommend": 2.0}
    assert len(row["records"]) == 1
    assert "a traceback" not in json.dumps(content)


def test_the_fewest_options_lead_to_each_table() -> None:
    runs = [
        record("a", ties=0),
        record("a", ties=1),
        record("b", ties=0),
        record("c", data="e" * 16),
        record("d", protocol="strict"),
    ]
    found = tables(runs)
    options = [str(shortest(found, table)) for table in found]
    assert options[0] == ""
    assert len(set(options)) == len(found)
    for table in found:
        assert select(found, shortest(found, table)) is table


def test_a_table_that_is_not_there_is_an_error_that_says_what_is() -> None:
    with pytest.raises(ConfigError, match=r"fits --ties 7; there are: --protocol paper --ties 0"):
        select(tables([record("a")]), Wanted(ties="7"))
