"""Leaderboards of several machines as one: read, verified and joined, record by record.

What a key stands for is a record with its ranks, or without where none were kept. Of several, the
greatest by `_Entry.order` counts, wherever they come from; so the order of merging does not matter,
and merging again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.leaderboards import files, lines, ranks, verify
from benchkit.leaderboards.lines import Lines
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.record import Record


@dataclass(frozen=True, eq=False)
class _Entry:
    """A record with its ranks, and the file or folder that it comes from."""

    record: Record
    ranks: Ranks | None
    source: Path

    @property
    def order(self) -> tuple[bool, tuple[str, int, str], bytes]:
        """What can be tested goes before what cannot, then the last that was asked for."""
        kept = self.ranks
        content = b"" if kept is None else kept.ranks.tobytes() + kept.sessions.tobytes()
        return kept is not None, lines.rank(self.record), content

    @property
    def label(self) -> str:
        return f"{self.record.identity.recommender['name']} {self.record.identity.key}"


@dataclass
class Verified:
    """What leaderboards hold, and what is wrong with it.

    Attributes:
        findings: one sentence for each thing that does not fit. It is left out, unless the
            sentence says otherwise.
        notes: one sentence for each component that made records and is another one here.
        records: number of records by dataset, those that fit.
        tested: number of those whose metrics were computed again from ranks, by dataset.
    """

    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    tested: dict[str, int] = field(default_factory=dict)


@dataclass
class _Pool:
    """Entries that fit by dataset and key, and the lines of later versions with their ranks."""

    entries: dict[str, dict[str, _Entry]] = field(default_factory=dict)
    newer: dict[str, set[str]] = field(default_factory=dict)
    later_ranks: dict[str, Ranks] = field(default_factory=dict)
    findings: dict[str, None] = field(default_factory=dict)  # a set that keeps its order

    def find(self, *sentences: str) -> None:
        self.findings.update(dict.fromkeys(sentences))

    def add(self, entry: _Entry) -> None:
        """Add what can be true, in place of what counts less."""
        if problem := verify.problem_of(entry.record, entry.ranks):
            self.find(f"{entry.source}: {entry.label} is left out ({problem})")
            return
        record = entry.record
        entries = self.entries.setdefault(record.identity.dataset["name"], {})
        other = entries.setdefault(record.identity.key, entry)
        if other is not entry and (other.record != record or not _same(other.ranks, entry.ranks)):
            less, more = sorted((other, entry), key=lambda entry: entry.order)
            entries[record.identity.key] = more
            if problem := _difference(more, less):
                self.find(problem)

    def result(self) -> Verified:
        """Return what is to be said of all entries."""
        records, tested = dict[str, int](), dict[str, int]()
        for dataset, entries in sorted(self.entries.items()):
            records[dataset] = len(entries)
            tested[dataset] = sum(entry.ranks is not None for entry in entries.values())
            pairs = {key: (entry.record, entry.ranks) for key, entry in entries.items()}
            self.find(*(f"{dataset}: {text}" for text in verify.other_prompts(pairs)))
        every = (entry.record for part in self.entries.values() for entry in part.values())
        return Verified(list(self.findings), verify.other_code(every), records, tested)


def _same(one: Ranks | None, other: Ranks | None) -> bool:
    if one is None or other is None:
        return one is other
    parts = ((r.lists, r.ranks.tobytes(), r.sessions.tobytes()) for r in (one, other))
    return len(set(parts)) == 1


def _difference(more: _Entry, less: _Entry) -> str:
    """Return one sentence where two records of one key have different figures, "" else."""
    counts = f"that of {more.source} counts, the other one is left out"
    for metric, value in less.record.metrics.items():
        kept = more.record.metrics.get(metric)
        if kept is None:
            return f"{more.label}: only {less.source} has its {metric}; {counts}"
        if verify.differs(kept, value):
            return (
                f"{more.label}: its {metric} is {kept:.6g} in {more.source} and {value:.6g} in "
                f"{less.source}; {counts}"
            )
    return ""


def check(sources: Sequence[Path]) -> Verified:
    """Return what leaderboards hold, and whether it can be true.

    Args:
        sources: their files ``<dataset>.jsonl``, or folders of leaderboards.

    Raises:
        BenchkitError: a source is neither.
    """
    return _read(sources).result()


def merge(sources: Sequence[Path], out: Path) -> Verified:
    """Join leaderboards with those of a folder, and write its files.

    Args:
        sources: as `check` takes them.
        out: folder of the leaderboards.

    Raises:
        BenchkitError: a source is neither; nothing is written.
        StorageError: the files cannot be written.
    """
    pool = _read(sources)
    for dataset in sorted(pool.entries.keys() | pool.newer.keys()):
        with files.lock(out, dataset):
            _write(pool, out, dataset)
    return pool.result()


def _write(pool: _Pool, out: Path, dataset: str) -> None:
    """Add what `out` has of a dataset to the pool, and write all of it there."""
    collected = files.collect(out, dataset)
    file, path = collected.file, out / f"{dataset}.jsonl"
    own = [*collected.records, *file.duplicates]
    _add_records(pool, path, files.ranks_file(out, dataset), own)
    entries = pool.entries.setdefault(dataset, {})
    if lost := sum(_is_lost(line, entries) for line in (*file.records.values(), *file.duplicates)):
        file.left_out.append(f"{path}: {lost} of its lines are replaced or left out")
    records = (entry.record for entry in entries.values())
    collected.records = sorted(records, key=lambda record: record.created)
    file.newer = sorted({*file.newer, *pool.newer.get(dataset, ())})
    kept = {key: entry.ranks for key, entry in entries.items() if entry.ranks is not None}
    pool.find(*files.write_files(out, dataset, collected, {**pool.later_ranks, **kept}))


def _is_lost(record: Record, entries: Mapping[str, _Entry]) -> bool:
    """Return whether nothing will say what a record says, but for when it was made and where."""
    entry = entries.get(record.identity.key)
    return entry is None or bool(_difference(entry, _Entry(record, None, entry.source)))


def _read(sources: Iterable[Path]) -> _Pool:
    pool = _Pool()
    for source in sources:
        if source.is_dir():
            _read_folder(pool, source)
        elif source.suffix == ".jsonl":
            _read_file(pool, source)
        else:
            raise BenchkitError(
                f"{source} is neither a folder of leaderboards nor a file <dataset>.jsonl; ranks "
                "are read with the records that they lie beside"
            )
    return pool


def _read_file(pool: _Pool, path: Path) -> None:
    content = lines.read(path, None)
    records = [*content.records.values(), *content.duplicates]
    if not records and not content.newer and not content.damaged:
        pool.find(f"{path} holds no record")
    _add_lines(pool, path, content)
    _add_records(pool, path, files.ranks_file(path.parent, path.stem), records)


def _read_folder(pool: _Pool, folder: Path) -> None:
    datasets = files.datasets(folder)
    if not datasets:
        inside = folder / "leaderboards"
        hint = f"; did you mean {inside}?" if files.datasets(inside) else ""
        raise BenchkitError(f"there is no leaderboard in {folder}{hint}")
    for dataset in datasets:
        collected, path = files.collect(folder, dataset), folder / f"{dataset}.jsonl"
        pool.find(*collected.unreadable)
        _add_lines(pool, path, collected.file)
        records = [*collected.records, *collected.file.duplicates]
        if not records and not collected.warnings and not collected.file.newer:
            pool.find(f"{folder} holds no record of {dataset}")
        _add_records(pool, path, files.ranks_file(folder, dataset), records)


def _add_lines(pool: _Pool, path: Path, content: Lines) -> None:
    """Add what a leaderboard's file holds besides records."""
    pool.find(*filter(None, [content.damaged]), *content.left_out)
    for line in content.newer:
        pool.newer.setdefault(lines.dataset_of(line) or path.stem, set()).add(line)
    if content.newer:
        beside = _ranks_beside(pool, files.ranks_file(path.parent, path.stem))
        pool.later_ranks |= ranks.of_lines(content.newer, beside)
        pool.find(
            f"{path}: {len(content.newer)} line(s) of a later version of benchkit cannot be "
            "verified; they are kept as they are"
        )


def _add_records(pool: _Pool, source: Path, path: Path, records: Sequence[Record]) -> None:
    """Add records with their ranks, which lie in a file beside them."""
    kept, fitting = _ranks_beside(pool, path), set[str]()
    for record in records:
        own = ranks.of_record(record, path.parent, kept)
        fitting |= {record.identity.key} if own is not None else set()
        pool.add(_Entry(record, own, source))
    keys = {record.identity.key for record in records}
    for key in sorted(kept.keys() - fitting - pool.later_ranks.keys()):
        why = "are of other lists than its record" if key in keys else "have no record beside them"
        pool.find(f"{path}: the ranks of {key} are left out: they {why}")


def _ranks_beside(pool: _Pool, path: Path) -> dict[str, Ranks]:
    try:
        return ranks.read(path)
    except StorageError as error:
        pool.find(f"{error}; its records are taken without ranks")
        return {}
