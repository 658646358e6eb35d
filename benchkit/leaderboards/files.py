"""The files of a leaderboard, written again from all records whenever a result arrives.

``<dataset>.jsonl`` holds the records, those that newer code has superseded in the tables, too;
``<dataset>.ranks.parquet`` the ranks of their truths, ``<dataset>.md`` the tables. A record lies in
its folder where it was made; elsewhere the file's line is all there is of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.leaderboards import lines, ranks, store
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.record import RECORDS, Failure, Record
from benchkit.leaderboards.render import sorted_tables
from benchkit.leaderboards.render.markdown import document
from benchkit.leaderboards.tables import Table, tables
from benchkit.toolkit.files import locked, put_aside, write_atomically

_Run = TypeVar("_Run", Record, Failure)


@dataclass
class Collected:
    """All results of one dataset, oldest first.

    Attributes:
        records: finished runs.
        failures: runs that ended without a record and have none since.
        file: what the leaderboard's file holds.
        unreadable: one sentence for each record or failure here that could not be read.
    """

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    file: lines.Lines = field(default_factory=lines.Lines)
    unreadable: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """One sentence for all that could not be read, the leaderboard's own file first."""
        return [*filter(None, [self.file.damaged]), *self.file.left_out, *self.unreadable]


def datasets(out: Path, *, here: bool = False) -> list[str]:
    """Return the names of the datasets that have results.

    Args:
        out: folder of the leaderboards.
        here: only those with records or failures of this machine.
    """
    folders = (path.parent for path in (out / RECORDS).glob("*/*") if not _hidden(path))
    names = {folder.name for folder in folders if not _hidden(folder)}
    files = () if here else (*out.glob("*.jsonl"), *out.glob("*.json"))
    return sorted(names.union(path.stem for path in files if not _hidden(path)))


def ranks_file(out: Path, dataset: str) -> Path:
    """Return where the ranks of a dataset's records are kept."""
    return out / f"{dataset}.ranks.parquet"


def collect(out: Path, dataset: str, *, here: bool = False) -> Collected:
    """Return all records and failures of one dataset.

    Args:
        out: folder of the leaderboards.
        dataset: its name.
        here: only those of this machine, which have lists.
    """
    collected = Collected() if here else Collected(file=_file(out, dataset))
    runs = list(_runs(out, dataset, collected.unreadable))
    records = {run.identity.key: run for run in runs if isinstance(run, Record)}
    for key, line in collected.file.records.items():
        here_too = records.setdefault(key, line)
        if here_too.latest < line.latest:
            records[key] = line
    collected.records = sorted(records.values(), key=lambda record: record.created)
    failures = (run for run in runs if isinstance(run, Failure))
    collected.failures = sorted(failures, key=lambda failure: failure.created)
    return collected


def _file(out: Path, dataset: str) -> lines.Lines:
    path, old = out / f"{dataset}.jsonl", out / f"{dataset}.json"
    content = lines.read(path, dataset)
    if old.exists() and not path.exists():
        content.left_out.append(
            f"{old} is of an earlier version of benchkit and not read; rows in it that other "
            f"machines made have to be run again, or their folders copied to "
            f"{out / RECORDS / dataset}"
        )
    return content


def _runs(out: Path, dataset: str, unreadable: list[str]) -> Iterator[Record | Failure]:
    """Yield the results of this machine, and note one sentence for each that cannot be used."""
    folder = out / RECORDS / dataset
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _hidden(path) or ".damaged" in path.name:
            continue
        try:
            if path.name.endswith(".failed.json"):
                yield _of(dataset, path, store.read_failure(path))
            elif path.is_dir():
                yield _of(dataset, path, store.read(path / "record.json"))
        except FileNotFoundError:  # removed, or being replaced by another run this moment
            continue
        except StorageError as error:
            unreadable.append(str(error))


def _of(dataset: str, path: Path, run: _Run) -> _Run:
    if (name := run.identity.dataset["name"]) != dataset:
        raise StorageError(f"cannot use {path}: it is of dataset {name!r}; move it to where it was")
    return run


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")  # not yet finished, or on its way out


def tables_of(
    results: Collected, out: Path, dataset: str, problems: Sequence[str] = ()
) -> list[Table]:
    """Return a dataset's tables, newest first.

    Args:
        results: its records and failures.
        out: folder of the leaderboards, for the message.
        dataset: its name, for the message.
        problems: sentences for the message that have not been shown.

    Raises:
        BenchkitError: there is none.
    """
    every = tables(results.records, results.failures)
    if not every:
        why = f" ({'; '.join(problems)})" if problems else ""
        raise BenchkitError(
            f"no result for {dataset} in {out} can be used{why}; "
            f"`benchkit run --all --dataset {dataset}` makes new ones"
        )
    return every


def touch(out: Path, kept: Sequence[Record], requested: Collection[str], now: str) -> None:
    """Make kept records the newest again, as if they had been computed now.

    They are rewritten only where others have come since: else a later one, of an edited plugin or
    of other data, would be shown in their place.

    Args:
        out: folder of the leaderboards.
        kept: records of one dataset that a run needs not make.
        requested: keys of all that the run asks for.
        now: the time, as records keep it.
    """
    collected = collect(out, kept[0].identity.dataset["name"])
    runs: list[Record | Failure] = [*collected.records, *collected.failures]
    newest = max((run.latest for run in runs if run.identity.key not in requested), default="")
    for record in kept:
        if record.latest < newest:
            store.rewrite(record.identity.folder(out), replace(record, asked=now))


def lock(out: Path, dataset: str) -> AbstractContextManager[None]:
    """Keep other processes from writing the files of a leaderboard.

    Raises:
        StorageError: the folder cannot be written.
    """
    return locked(out / f".{dataset}.lock")


def write_leaderboard(out: Path, dataset: str) -> list[str]:
    """Write the files of a leaderboard from all its records, here and of other machines.

    A file that cannot be read, all of it or a part, is kept beside the new one, for nothing else
    holds what it held. The lock makes whoever writes last see every record written before. Nothing
    is written while there is neither a record nor a failure.

    Returns:
        One sentence for each file that could not be read, the leaderboard's own first.

    Raises:
        StorageError: the files cannot be written; the old ones stay.
    """
    with lock(out, dataset):
        return write_files(out, dataset, collect(out, dataset))


def write_files(
    out: Path, dataset: str, collected: Collected, more: Mapping[str, Ranks] = MappingProxyType({})
) -> list[str]:
    """Write the files of a leaderboard, whose lock is held, and return as `write_leaderboard` does.

    Args:
        out: folder of the leaderboards.
        dataset: its name.
        collected: what they are to hold.
        more: ranks by the key of their record, besides those that the file has.
    """
    path = out / f"{dataset}.jsonl"
    made = tables(collected.records, collected.failures)
    if not made and not collected.file.newer:
        return collected.warnings
    _keep_what_is_left_out(path, collected.file)
    write_atomically(path, lines.text_of(collected.records, collected.file.newer))
    kept, problem = ranks.update(
        ranks_file(out, dataset), out, collected.records, collected.file.newer, more
    )
    write_atomically(out / f"{dataset}.md", document(dataset, sorted_tables(made), kept))
    return [*collected.warnings, *filter(None, [problem])]


def _keep_what_is_left_out(path: Path, file: lines.Lines) -> None:
    """Put a leaderboard's file aside that holds what the new one will not, and say so."""
    if file.damaged:
        file.damaged += f"; what it held is in {put_aside(path)}"
    elif file.left_out and path.exists():
        file.left_out[-1] += f"; the file as it was is {put_aside(path, 'before')}"
