"""Datasets: from raw files to interactions and items; and the prepared data the core works on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from benchkit.contracts.arrays import Int64, UInt64
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.component import Component
from benchkit.contracts.config import Config, Value, param
from benchkit.contracts.published import Published
from benchkit.contracts.sessions import Sessions

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, kw_only=True)
class DatasetConfig(Config):
    """How raw interactions become sessions (paper 7.1.1)."""

    p_core: int = param(
        1,
        "drop sessions, then items, with fewer interactions, alternately, until none is left",
        at_least=1,
    )
    min_session: int = param(1, "drop sessions with fewer interactions, once", at_least=1)
    repeats: Literal["keep", "earliest"] = param(
        "keep", "what to do with repeated (session, item) pairs"
    )


@dataclass(frozen=True)
class RawFile:
    """One original file.

    Attributes:
        name: file name in the raw folder.
        urls: where it can be downloaded, best first; empty where it cannot.
        size: bytes, when the publisher's figure is known.
        sha256: hex digest, when known.
    """

    name: str
    urls: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class RawTables:
    """What a dataset plugin reads from its raw files.

    Attributes:
        interactions: columns ``session`` and ``item`` (String or Categorical) and ``time``
            (Int64, seconds since 1970), in the order of the file.
        items: columns ``item``, ``title``, ``text``, ``class`` (String) and ``attributes``
            (List of String), one row an item. Interactions with other items are dropped when
            `only_listed` is set; else such items have no text.
        only_listed: whether items must stand in `items`.
        dropped: what reading left out and why, for the split card, ``{"games without tags": 16}``.
        warnings: what is likely to be a mistake in the raw files, a sentence each.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    only_listed: bool = False
    dropped: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()


class Dataset(Component):
    """Base of every dataset.

    Attributes:
        files: the original raw files.
        advice: what to put where when the files cannot be downloaded.
        published: what others have published about it; figures that a source is known for.
    """

    kind: ClassVar[str] = "dataset"
    Config: ClassVar[type[Config]] = DatasetConfig
    files: ClassVar[Sequence[RawFile]] = ()
    advice: ClassVar[str] = ""
    published: ClassVar[Published] = Published()

    @abstractmethod
    def read(self, raw: Path) -> RawTables:
        """Read the raw files in folder `raw`.

        Raises:
            DataError: a file is missing or damaged, naming file and line.
        """

    def generate(self, raw: Path, sessions: int, seed: int) -> None:
        """Write a generated sample in the raw format into folder `raw`; same seed, same bytes.

        Args:
            raw: existing, empty folder.
            sessions: how many sessions to write, before any p-core.
            seed: of everything random.
        """
        raise NotImplementedError(f"{self.name} has no generated sample")

    @classmethod
    def generates(cls) -> bool:
        """Return whether it can generate a sample."""
        return cls.generate is not Dataset.generate


@dataclass(frozen=True, eq=False)
class PreparedDataset:
    """Sessions and catalog after preparation: what everything downstream works on.

    Attributes:
        name: as shown everywhere: ``steam``, or ``steam-sample`` for the generated one.
        family: the plugin whose presets and published results apply, ``steam``.
        synthetic: whether the data are generated.
        sessions: all sessions, by ascending original id; interactions by time, ties in the
            order of the file.
        catalog: all items that remain, by ascending original id.
        session_ids: original session ids.
        session_keys: 64-bit hash of each session id, ``uint64[sessions]``.
        item_keys: 64-bit hash of each item id, ``uint64[items]``.
        config: the dataset plugin's configuration.
        dropped: what reading and preparing left out, by reason.
        fingerprint: digest of the content; the order among ties does not enter.
        file_order: digest of the order among ties.
        checks: what is odd about the data, by a word for it, ``{"items without text": 7}``.
        warnings: what of it is likely to be a mistake, or decides results, a sentence each.
    """

    name: str
    family: str
    synthetic: bool
    sessions: Sessions
    catalog: Catalog
    session_ids: Sequence[str]
    session_keys: UInt64
    item_keys: UInt64
    config: Mapping[str, Value]
    dropped: Mapping[str, int]
    fingerprint: str
    file_order: str
    checks: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def item_counts(self) -> Int64:
        """Return how often each item occurs in all sessions, ``int64[items]``."""
        return np.bincount(self.sessions.items, minlength=len(self.catalog))
