"""``<dataset>.ranks.parquet``: where the truth of each prompt stood in a record's list.

One row a record: ``record`` (its key), ``lists`` (digest of the lists), ``sessions`` (code of each
prompt's session, of the data that the record's fingerprint names) and ``ranks`` (from 1; 0 where
the list lacks the truth). That is what tests of significance take, and a few kB a record: rows of
the same prompts repeat their sessions, which compression sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchkit.contracts.arrays import Int32
from benchkit.contracts.errors import StorageError
from benchkit.contracts.metric import truth_ranks
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from benchkit.toolkit.arrays import distinct
from benchkit.toolkit.files import put_aside, write_atomically

if TYPE_CHECKING:
    import polars as pl


_LISTS = re.compile(r'"lists": ?"([0-9a-f]+)"')


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where the truths of one record stood.

    Attributes:
        sessions: code of each prompt's session, ``int32[prompts]``.
        ranks: of its truth, from 1; 0 where the list lacks it, ``int32[prompts]``.
        lists: digest of the lists, "" where the record has none.
    """

    sessions: Int32
    ranks: Int32
    lists: str = ""


def read(path: Path) -> dict[str, Ranks]:
    """Return ranks by the key of their record; a file that is not there holds none.

    Raises:
        StorageError: the file cannot be used.
    """
    if not path.exists():  # before polars is imported
        return {}
    import polars as pl

    try:
        frame = pl.read_parquet(path, glob=False)  # names and folders may hold [ and *
        columns = (frame.get_column(name) for name in ("record", "lists", "sessions", "ranks"))
        shared = dict[bytes, Int32]()  # most records have the same sessions
        return {
            str(key): Ranks(_shared(_codes(sessions), shared), _codes(ranks), str(lists))
            for key, lists, sessions, ranks in zip(*columns, strict=True)
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        raise StorageError(f"cannot use the ranks {path} ({error})") from error


def read_or_say(path: Path) -> tuple[dict[str, Ranks], str]:
    """Return ranks by the key of their record, and one sentence where they cannot be read."""
    try:
        return read(path), ""
    except StorageError as error:
        return {}, f"{error}; the next run writes those of its lists again"


def _codes(column: pl.Series) -> Int32:
    return column.to_numpy().astype(np.int32)


def _shared(codes: Int32, shared: dict[bytes, Int32]) -> Int32:
    return shared.setdefault(codes.tobytes(), codes)


def update(
    path: Path,
    out: Path,
    records: Iterable[Record],
    newer: Iterable[str],
    more: Mapping[str, Ranks],
) -> tuple[dict[str, Ranks], str]:
    """Write the ranks of some records: those of lists here, and those that the file has.

    Args:
        path: the file.
        out: folder of the leaderboards.
        records: all that the leaderboard holds.
        newer: lines of later versions, whose ranks stay.
        more: ranks by the key of their record that count before those of the file.

    Returns:
        The ranks by the key of their record; one sentence where the file could not be read and was
        put aside, else "".

    Raises:
        StorageError: the file cannot be written.
    """
    problem, before = "", dict[str, Ranks]()
    try:
        before = read(path)
    except StorageError as error:
        problem = f"{error}; what it held is in {put_aside(path)}"
    combined = {**before, **more}
    after = {record.identity.key: of_record(record, out, combined) for record in records}
    after |= of_lines(newer, combined)
    ranks = {key: ranks for key, ranks in sorted(after.items()) if ranks is not None}
    if ranks.keys() != before.keys() or any(ranks[key] is not before[key] for key in ranks):
        write_atomically(path, _parquet(ranks))
    return ranks, problem


def of_lines(lines: Iterable[str], ranks: Mapping[str, Ranks]) -> dict[str, Ranks]:
    """Return the ranks of lists that lines name; keys are for the version that wrote them."""
    digests = {digest for line in lines for digest in _LISTS.findall(line)}
    return {key: kept for key, kept in ranks.items() if kept.lists in digests}


def of_record(record: Record, out: Path, ranks: Mapping[str, Ranks]) -> Ranks | None:
    """Return the ranks of a record: those that a file has, or of its lists; None without either.

    Args:
        record: the record.
        out: folder of the leaderboards, for the lists.
        ranks: what the file has, by the key of their record.
    """
    kept = ranks.get(record.identity.key)
    if kept is not None and kept.lists == record.lists:
        return kept
    try:
        lists, sessions, truth = store.read_lists(record.identity.folder(out), record)
    except store.DamagedRecordError:  # another machine's, or for a run to mend
        return None
    return Ranks(sessions, truth_ranks(distinct(lists.items), truth), record.lists)


def _parquet(ranks: Mapping[str, Ranks]) -> bytes:
    import polars as pl

    codes, buffer = pl.List(pl.Int32), BytesIO()
    pl.DataFrame(
        {
            "record": list(ranks),
            "lists": [kept.lists for kept in ranks.values()],
            "sessions": pl.Series([kept.sessions for kept in ranks.values()], dtype=codes),
            "ranks": pl.Series([kept.ranks for kept in ranks.values()], dtype=codes),
        }
    ).write_parquet(buffer)
    return buffer.getvalue()
