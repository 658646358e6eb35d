"""Checks of prepared data: what is odd is counted, on the card and for every dataset."""

from __future__ import annotations

import importlib
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import benchkit
from benchkit.cli import cli
from benchkit.contracts.dataset import Dataset, PreparedDataset, RawTables
from benchkit.contracts.protocol import Protocol
from benchkit.data.prepare import prepare
from benchkit.data.split import split_sessions
from tests.making import prepared

NOON = 1_500_000_000
Row = tuple[str, str, int]


def made(rows: list[Row], items: dict[str, str] | None = None) -> PreparedDataset:
    """Prepare interactions and an item table of titles."""

    class Made(Dataset):
        name = "made"

        def read(self, raw: Path) -> RawTables:
            texts = list((items or {}).values())
            table = pl.DataFrame(
                {
                    "item": list(items or {}),
                    "title": texts,
                    "text": texts,
                    "class": [""] * len(texts),
                },
                schema=dict.fromkeys(("item", "title", "text", "class"), pl.String),
            ).with_columns(attributes=pl.lit([], dtype=pl.List(pl.String)))
            schema = {"session": pl.String, "item": pl.String, "time": pl.Int64}
            return RawTables(
                pl.DataFrame(rows, schema=schema, orient="row"), table, warnings=["as read"]
            )

    return prepare(Made(), Path(), name="made", synthetic=False)


def test_items_without_text_and_ids_that_nearly_meet_are_counted() -> None:
    rows = [("s", item, NOON + n) for n, item in enumerate(("007", "B1", "3", "9", " 5 "))]
    data = made(rows, {"7": "Tea", "b1": "Oil", "3.0": "Soap", "9": "Ink", "5": "", "6": "Unmet"})
    assert data.checks == {
        "items without text": 4,
        "items not in the item table": 4,
        "items of the item table that are never met": 5,
        "of those, ids that nearly meet": 4,
    }
    assert data.warnings[0] == "as read"
    assert data.warnings[1].startswith("4 of 5 items have no text: recommenders that read texts")
    assert "such as ' 5 ' and '5'" in data.warnings[2]
    assert not made(rows).checks


def test_ids_that_are_alike_within_the_log_are_counted() -> None:
    items = ("7", "07", "7.0", "a", "A", "10", "100", "1.0.0")
    rows = [(f"s{n}", item, NOON) for n, item in enumerate(items)]
    data = made([*rows, ("u", "a", NOON), ("u ", "a", NOON), ("U", "a", NOON)])
    assert data.checks == {
        "item ids alike but for zeros, blanks, case": 3,
        "session ids alike but for zeros, blanks": 1,
    }


def test_missing_values_that_a_tool_wrote_are_counted() -> None:
    rows = [("nan", "a", NOON), ("nan", "b", NOON + 1), ("s", "null", NOON), ("t", "a", NOON)]
    data = made(rows, {"a": "nan", "b": "nan", "null": "Null"})
    assert data.checks["items with a missing value's name as text"] == 2
    assert data.checks["interactions with a missing value as an id"] == 3
    assert "2 items have nan, null or the like as their text" in data.warnings[1]
    assert "3 interactions have a session or item called nan" in data.warnings[2]


def test_repeated_rows_and_missing_times_are_counted() -> None:
    once = [("s", "a", NOON), ("s", "b", NOON), ("t", "a", 0)]
    data = made([*once, ("s", "a", NOON)])
    assert data.checks == {
        "interactions at time 0 (1970-01-01)": 1,
        "interactions that repeat another in full": 1,
    }
    assert [words.split(":")[0] for words in data.warnings[1:]] == [
        "1 interactions are at time 0 (1970-01-01)",
        "1 of 4 interactions repeat another in session, item and time",
    ]
    assert data.fingerprint != made(once).fingerprint


def test_a_unit_of_time_that_cannot_be_is_warned_of() -> None:
    (_, warning) = made([("s", "a", NOON // 1000), ("s", "b", NOON // 1000 + 1)]).warnings
    assert warning.startswith("all times lie in 1970, the last on 1970-01-18: in what unit")
    assert "time_unit" in warning


def test_truths_that_stand_in_their_prompts_are_counted() -> None:
    sessions = [[0, 1, 2, 3]] * 8 + [[0, 1, 2, 2], [3, 0, 1, 3]]
    data = prepared(sessions, [[5 * n + k for k in range(4)] for n in range(10)])
    card = split_sessions(data, Protocol()).card
    assert (card.prompts, card.seen_truths, card.repeated_truths) == (2, 2, 1)
    assert ("prompts that hold their truth already", "2") in card.rows()
    (warning,) = card.warnings()
    assert warning.startswith("2 of 2 prompts hold their truth already, 1 of them as their last")
    plain = split_sessions(prepared(sessions[:8]), Protocol()).card
    assert not plain.warnings()
    assert not any("hold their truth" in label for label, _ in plain.rows())


def _shop(folder: Path, rows: list[Row]) -> str:
    log = "session,item,time\n" + "".join(f"{s},{i},{t}\n" for s, i, t in rows)
    (folder / "log.csv").write_text(log)
    (folder / "items.csv").write_text("item,text\n007,Tea\n")
    toml = (
        '[dataset]\nname = "shop"\n[interactions]\nfile = "log.csv"\n[items]\nfile = "items.csv"\n'
    )
    (folder / "shop.toml").write_text(toml)
    return str(folder / "shop.toml")


def test_the_card_and_a_run_show_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))
    rows = [(f"s{n}", item, 86400 * n + NOON) for n in range(10) for item in ("7", "8")]
    toml = _shop(tmp_path, rows)
    card = CliRunner().invoke(cli, ["data", "info", toml])
    assert card.exit_code == 0, card.exception
    assert max(map(len, card.stdout.splitlines())) <= 80
    dry = ["run", "-r", "random", "--trials", "0", "--dry-run", "--dataset", toml]
    told = CliRunner().invoke(cli, dry)
    assert told.exit_code == 0, told.exception
    for shown in (card, told):
        assert "Warning: 2 of 2 items have no text" in shown.stderr
        assert "such as '7' and '007'" in shown.stderr
    assert "of those, ids that nearly meet" in card.stdout
    assert "Checks of shop: items without text: 2; " in told.stderr


def test_an_empty_test_set_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))
    rows = [(f"s{n}", f"{item}{n > 7}", NOON + n) for n in range(10) for item in ("a", "b")]
    call = ["run", "-r", "sknn", "--dataset", _shop(tmp_path, rows)]
    error = CliRunner().invoke(cli, call).exception
    assert "no test session has two items that occur in training" in str(error)
    assert not (tmp_path / "leaderboards").exists()


def test_zero_threads_of_polars_are_as_many_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    monkeypatch.setenv("POLARS_MAX_THREADS", "0")
    importlib.reload(benchkit)
    assert "POLARS_MAX_THREADS" not in os.environ
