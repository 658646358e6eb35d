"""The files of a leaderboard, made anew from all records whenever a result arrives."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from benchkit.leaderboards.collect import Collected, collect
from benchkit.leaderboards.record import Failure, Record
from benchkit.leaderboards.render import sorted_tables
from benchkit.leaderboards.render.markdown import document
from benchkit.leaderboards.store import rewrite
from benchkit.leaderboards.tables import tables
from benchkit.toolkit.files import put_aside, storage_error, write_atomically


def ask_again(out: Path, kept: Sequence[Record], asked: Collection[str], now: str) -> None:
    """Make kept records the newest again, as if they had been computed now.

    They are rewritten only where others have come since: else a later one, of an edited plugin or
    of other data, would be shown in their place.

    Args:
        out: folder of the leaderboards.
        kept: records of one dataset that a run found.
        asked: keys of all that the run asks for.
        now: the time, as records keep it.
    """
    found = collect(out, kept[0].identity.dataset["name"])
    runs: list[Record | Failure] = [*found.records, *found.failures]
    newest = max((run.latest for run in runs if run.identity.key not in asked), default="")
    for record in kept:
        if record.latest < newest:
            rewrite(record.identity.folder(out), replace(record, asked=now))


def write_leaderboard(out: Path, dataset: str) -> list[str]:
    """Rebuild ``<dataset>.json`` and ``<dataset>.md`` under `out` from all records there.

    Rows of the file whose records are elsewhere stay; a file that cannot be read, all of it or a
    part, is kept beside the new one, for nothing else holds them. The lock makes whoever writes
    last see every record written before. Nothing is written while there is neither a record nor a
    failure.

    Returns:
        One sentence for each file that could not be read, the leaderboard's own first.

    Raises:
        StorageError: the files cannot be written; the old ones stay.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / f".{dataset}.lock"):
            found = collect(out, dataset)
            ranked = sorted_tables(tables(found.records, found.failures, found.elsewhere))
            if ranked:
                _keep_what_is_left_out(out / f"{dataset}.json", found)
                first, *others = (table.as_dict() for table in ranked)
                content = {**first, "other_tables": others}
                write_atomically(out / f"{dataset}.json", json.dumps(content, indent=1) + "\n")
                write_atomically(out / f"{dataset}.md", document(dataset, ranked))
    except OSError as error:
        raise storage_error(out / f"{dataset}.json", error) from error
    return found.warnings


def _keep_what_is_left_out(path: Path, found: Collected) -> None:
    """Put a leaderboard's file aside that holds what the new one will not, and say so."""
    if found.damaged:
        found.damaged += f"; what it held is in {put_aside(path)}"
    elif found.incomplete:
        found.incomplete[-1] += f"; the file as it was is {put_aside(path, 'before')}"
