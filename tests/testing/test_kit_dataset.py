"""Every check of datasets fails on a dataset that breaks just that promise."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchkit import Config, Dataset, RawTables
from benchkit.testing import DatasetConformance
from tests.testing.right import Log
from tests.testing.trials import checks, must_fail, own_checks, try_check


class OddConfig(Log):
    Config = Config


class PublishesAMapping(Log):
    published = {"sessions": 100}  # type: ignore[assignment]  # noqa: RUF012


class TimeIsText(Log):
    def read(self, raw: Path) -> RawTables:
        import polars as pl

        tables = super().read(raw)
        return replace(
            tables, interactions=tables.interactions.with_columns(pl.col("time").cast(pl.String))
        )


class NoClass(Log):
    def read(self, raw: Path) -> RawTables:
        tables = super().read(raw)
        return replace(tables, items=tables.items.drop("class"))


class TitleHasGaps(Log):
    def read(self, raw: Path) -> RawTables:
        import polars as pl

        tables = super().read(raw)
        return replace(tables, items=tables.items.with_columns(title=pl.lit(None, pl.String)))


class ListsTwice(Log):
    def read(self, raw: Path) -> RawTables:
        tables = super().read(raw)
        return replace(tables, items=tables.items.vstack(tables.items))


class LeavesACache(Log):
    def read(self, raw: Path) -> RawTables:
        (raw / "cache").write_text("cached")
        return super().read(raw)


class Shuffles(Log):
    def read(self, raw: Path) -> RawTables:
        tables = super().read(raw)
        shuffled = tables.interactions.sample(fraction=1, shuffle=True)
        return replace(tables, interactions=shuffled)


class OpensBlindly(Log):
    def read(self, raw: Path) -> RawTables:
        (raw / "log.csv").read_bytes()
        return super().read(raw)


class InventsData(Log):
    def read(self, raw: Path) -> RawTables:
        self.generate(raw, 10, 0)
        return super().read(raw)


class TenSessions(Log):
    def rows(self, sessions: int, seed: int) -> list[tuple[str, str, int]]:
        return super().rows(10, seed)


class TellsTheTime(Log):
    def rows(self, sessions: int, seed: int) -> list[tuple[str, str, int]]:
        return [(s, i, time.time_ns()) for s, i, _ in super().rows(sessions, seed)]


class IgnoresTheSeed(Log):
    def rows(self, sessions: int, seed: int) -> list[tuple[str, str, int]]:
        return super().rows(sessions, 0)


class WritesNothing(Log):
    def generate(self, raw: Path, sessions: int, seed: int) -> None:
        pass


class WithoutSample(Log):
    """A log that nobody can make up."""

    generate = Dataset.generate


READS = "test_reads_the_columns_of_the_contract"
WRONG: list[tuple[type[Dataset], str, str]] = [
    (OddConfig, "test_configuration_says_how_sessions_are_made", "must derive from"),
    (PublishesAMapping, "test_published_figures_can_be_read", "must be a benchkit.Published"),
    (TimeIsText, READS, r"interactions.time must be Int64, is String"),
    (NoClass, READS, "items lacks the column 'class'"),
    (TitleHasGaps, READS, "items.title has gaps"),
    (WithoutSample, READS, "set raw to a folder"),
    (ListsTwice, "test_items_are_listed_once", "lists an item twice"),
    (LeavesACache, "test_reading_leaves_the_files_alone", "changes the raw folder"),
    (Shuffles, "test_reading_twice_gives_the_same", "other interactions"),
    (OpensBlindly, "test_missing_files_are_a_clear_error", "not FileNotFoundError"),
    (InventsData, "test_missing_files_are_a_clear_error", "must raise benchkit.DataError"),
    (TenSessions, "test_sample_is_as_large_as_asked", "of 200 sessions asked for, 10"),
    (TellsTheTime, "test_sample_is_deterministic", "another process generates other bytes"),
    (IgnoresTheSeed, "test_sample_is_deterministic", "another seed generates the same"),
    (WritesNothing, "test_sample_is_deterministic", "writes no file"),
]


@pytest.mark.parametrize("check", checks(DatasetConformance))
def test_the_right_one_passes(check: str) -> None:
    try_check(DatasetConformance, Log, check)


@pytest.mark.parametrize(("wrong", "check", "message"), WRONG)
def test_a_wrong_one_fails(wrong: type[Dataset], check: str, message: str) -> None:
    must_fail(DatasetConformance, wrong, check, message)


def test_every_check_has_a_wrong_one() -> None:
    assert {check for _, check, _ in WRONG} == own_checks(DatasetConformance)


@pytest.mark.parametrize("check", checks(DatasetConformance))
def test_raw_files_serve_where_there_is_no_sample(check: str, tmp_path: Path) -> None:
    Log().generate(tmp_path, 20, seed=0)
    try:
        try_check(DatasetConformance, WithoutSample, check, raw=tmp_path)
    except pytest.skip.Exception:
        assert check.startswith("test_sample_is")
