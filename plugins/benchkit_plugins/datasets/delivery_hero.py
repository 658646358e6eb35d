"""Delivery Hero: orders of groceries (paper 7.1.1), a proprietary log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchkit import hookimpl
from benchkit.contracts.config import Config, param
from benchkit.contracts.dataset import Dataset, DatasetConfig, RawFile, RawTables
from benchkit_plugins.datasets.published import published_in_paper


@dataclass(frozen=True, kw_only=True)
class DeliveryHeroConfig(DatasetConfig):
    """How a session log becomes sessions: no core, but sessions of one interaction go."""

    min_session: int = param(2, "drop sessions with fewer interactions, once", at_least=1)


class DeliveryHero(Dataset):
    """Orders of groceries: a session log that is not public, so bring your own or use the sample.

    Reads any log of that shape, as Parquet or CSV: ``interactions`` with columns ``session``,
    ``item``, ``time``; ``items`` with ``item``, ``text`` and, optionally, ``title`` and ``class``.
    """

    name = "delivery-hero"
    source = "paper 7.1.1"
    Config: ClassVar[type[Config]] = DeliveryHeroConfig
    files = (RawFile("interactions.*"), RawFile("items.*"))
    advice = (
        "The data are proprietary and cannot be downloaded. Whoever has a log of that shape puts "
        "interactions.parquet (columns session, item, time) and items.parquet (item, text and, "
        "optionally, title and class) there, or the same as .csv"
    )
    published = published_in_paper("delivery-hero")

    def read(self, raw: Path) -> RawTables:
        """Read the log and the table of items."""
        from benchkit.toolkit.session_log import InteractionColumns, ItemColumns, read_log

        return read_log(
            next(iter(sorted(raw.glob("interactions.*"))), raw / "interactions.parquet"),
            InteractionColumns("session", "item", "time"),
            next(iter(sorted(raw.glob("items.*"))), raw / "items.parquet"),
            ItemColumns("item"),
        )

    def generate(self, raw: Path, sessions: int, seed: int) -> None:
        """Write a generated sample as CSV."""
        from benchkit_plugins.datasets.generate.delivery_hero import write

        write(raw, sessions, seed)


@hookimpl
def benchkit_datasets() -> Sequence[type[Dataset]]:
    return [DeliveryHero]
