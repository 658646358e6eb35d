"""The files of a leaderboard, made anew from all records whenever a result arrives."""

from __future__ import annotations

import json
from pathlib import Path

from filelock import FileLock

from benchkit.files import storage_error, write_atomically
from benchkit.stages.collect import collect
from benchkit.stages.render import sorted_tables
from benchkit.stages.render.markdown import document
from benchkit.stages.tables import tables


def write_leaderboard(out: Path, dataset: str) -> list[str]:
    """Rebuild ``<dataset>.json`` and ``<dataset>.md`` under `out` from all records there.

    The lock makes whoever writes last see every record written before. Nothing is written while
    there is neither a record nor a failure.

    Returns:
        One sentence for each record or failure that could not be read.

    Raises:
        StorageError: the files cannot be written; the old ones stay.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / f".{dataset}.lock"):
            found = collect(out, dataset)
            ranked = sorted_tables(tables(found.records, found.failures))
            if ranked:
                first, *others = (table.as_dict() for table in ranked)
                content = {**first, "other_tables": others}
                write_atomically(out / f"{dataset}.json", json.dumps(content, indent=1) + "\n")
                write_atomically(out / f"{dataset}.md", document(dataset, ranked))
    except OSError as error:
        raise storage_error(out / f"{dataset}.json", error) from error
    return found.warnings
