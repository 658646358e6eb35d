"""Conformance of datasets.

class TestMyDataset(DatasetConformance):
    component = MyDataset
    raw = Path(__file__).parent / "raw"   # only where it cannot generate a sample
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchkit.contracts.config import Value
from benchkit.contracts.dataset import Dataset, DatasetConfig, RawTables
from benchkit.contracts.errors import DataError
from benchkit.contracts.published import Published, PublishedRow
from benchkit.testing.checks import require, skip
from benchkit.testing.component import ComponentConformance, build
from benchkit.testing.processes import Results, elsewhere

SESSIONS = 200


class DatasetConformance(ComponentConformance):
    """Subclass it, name your class `component`, and pytest checks the contract.

    Attributes:
        component: the dataset.
        config: parameters for these checks.
        raw: folder of small raw files, for a dataset that cannot generate a sample.
    """

    raw: ClassVar[Path | None] = None

    def test_configuration_says_how_sessions_are_made(self) -> None:
        """Preparation reads p-core and the like from the configuration."""
        require(
            issubclass(self.component.Config, DatasetConfig),
            f"{self.component.Config.__name__} must derive from benchkit.DatasetConfig",
        )

    def test_published_figures_can_be_read(self) -> None:
        """What others have published is a `Published`; its rows are `PublishedRow`."""
        published = self.component.published
        require(
            isinstance(published, Published)
            and all(isinstance(row, PublishedRow) for row in published.results.values()),
            "published must be a benchkit.Published whose results are benchkit.PublishedRow",
        )

    def test_reads_the_columns_of_the_contract(self) -> None:
        """Both tables have the columns and types of `RawTables`, and no gaps."""
        with self._folder() as raw:
            tables = self.build().read(raw)
        require_tables(tables)

    def test_items_are_listed_once(self) -> None:
        """The item table has one row an item."""
        with self._folder() as raw:
            items = self.build().read(raw).items
        require(items["item"].is_unique().all(), "items lists an item twice")

    def test_reading_twice_gives_the_same(self) -> None:
        """Reading is deterministic."""
        with self._folder() as raw:
            one, other = self.build().read(raw), self.build().read(raw)
        for table in ("interactions", "items"):
            first, again = getattr(one, table), getattr(other, table)
            require(first.equals(again), f"reading twice gives other {table}")

    def test_reading_leaves_the_files_alone(self) -> None:
        """The raw folder is the user's: nothing is written there."""
        with self._folder() as raw:
            before = digests(raw)
            self.build().read(raw)
            require(digests(raw) == before, "reading changes the raw folder")

    def test_missing_files_are_a_clear_error(self) -> None:
        """An empty folder gives a DataError, not a traceback."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.build().read(Path(folder))
            except DataError as error:
                require(str(error), "the DataError must say which file is missing")
            except Exception as error:
                raise AssertionError(
                    f"a missing file must raise benchkit.DataError, not {type(error).__name__}"
                ) from error
            else:
                raise AssertionError("a missing file must raise benchkit.DataError")

    def test_sample_is_as_large_as_asked(self) -> None:
        """A generated sample has about as many sessions as were asked for."""
        self._must_generate()
        with self._folder() as raw:
            count = self.build().read(raw).interactions["session"].n_unique()
        require(
            0.5 * SESSIONS <= count <= 1.5 * SESSIONS,
            f"of {SESSIONS} sessions asked for, {count} can be read",
        )

    def test_sample_is_deterministic(self) -> None:
        """Same seed, same bytes, in every process; another seed, other bytes."""
        self._must_generate()
        here = sample(self.component, self.config)
        there = elsewhere(sample, self.component, self.config)
        require(
            np.array_equal(here["files"], there["files"]),
            "another process generates other bytes from the same seed "
            "(gzip writes the time into its header: pass mtime=0)",
        )
        require(len(here["files"]), "generate writes no file")
        other = _generated_digests(self.build(), seed=2)
        require(other != here["files"].tolist(), "another seed generates the same bytes")

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        if self.raw is not None:
            yield self.raw
            return
        require(
            generates(self.component),
            "set raw to a folder of small raw files, or implement generate",
        )
        with tempfile.TemporaryDirectory() as folder:
            self.build().generate(Path(folder), SESSIONS, seed=1)
            yield Path(folder)

    def _must_generate(self) -> None:
        if self.raw is not None or not generates(self.component):
            skip("it has no generated sample")


def generates(component: type[Any]) -> bool:
    """Return whether a dataset generates samples."""
    return issubclass(component, Dataset) and component.generates()


def sample(component: type[Any], config: Mapping[str, Value]) -> Results:
    """Return names and digests of generated files (an experiment)."""
    return {"files": np.array(_generated_digests(build(component, config), seed=1))}


def _generated_digests(dataset: Any, seed: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        dataset.generate(Path(folder), SESSIONS, seed=seed)
        return digests(Path(folder))


def digests(folder: Path) -> list[str]:
    """Return name and digest of each file in a folder."""
    return [
        f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def require_tables(tables: RawTables) -> None:
    """Fail unless both tables are as `RawTables` says."""
    import polars as pl

    text = (pl.String, pl.Categorical)
    _require_columns(
        "interactions", tables.interactions, {"session": text, "item": text, "time": (pl.Int64,)}
    )
    words = dict.fromkeys(("item", "title", "text", "class"), text)
    _require_columns("items", tables.items, {**words, "attributes": (pl.List(pl.String),)})
    require(len(tables.interactions), "interactions is empty")


def _require_columns(table: str, frame: Any, columns: Mapping[str, tuple[Any, ...]]) -> None:
    for name, types in columns.items():
        require(name in frame.columns, f"{table} lacks the column {name!r}")
        kind = frame.schema[name]
        expected = " or ".join(map(str, types))
        require(
            any(kind == wanted for wanted in types), f"{table}.{name} must be {expected}, is {kind}"
        )
        require(not frame[name].null_count(), f'{table}.{name} has gaps; "" is no text')
