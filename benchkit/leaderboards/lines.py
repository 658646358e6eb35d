"""``<dataset>.jsonl``: a leaderboard as its records, one a line, whichever machine made them.

A copy of ``leaderboards/`` (by git, say) has these lines, not the folders of the records. Two such
files are merged by having the lines of both, in any order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchkit.leaderboards.record import UNREADABLE, NewerRecordError, Record

# Lines may be strangers', and files are named after their datasets.
_UNSAFE = re.compile(r"[/\\:\x00-\x1f\x7f]|^$")
_CONFLICT = (b"<<<<<<< ", b"||||||| ", b"=======", b">>>>>>> ")


@dataclass
class Lines:
    """What a leaderboard's file holds.

    Attributes:
        records: by key; where two lines are of one record, what was asked for last or has more
            metrics.
        duplicates: other lines of these records.
        newer: lines that a later version has written, as they are.
        left_out: one sentence for each line that cannot be used.
        damaged: one sentence where that is the whole file, else "".
    """

    records: dict[str, Record] = field(default_factory=dict)
    duplicates: list[Record] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    damaged: str = ""


def read(path: Path, dataset: str | None) -> Lines:
    """Return the lines of a leaderboard's file; one that is not there holds none.

    Args:
        path: the file.
        dataset: which it must be of; None for any.
    """
    lines = Lines()
    try:
        content = path.read_bytes().splitlines()
    except FileNotFoundError:
        return lines
    except OSError as error:
        content, problem = [], error.strerror or str(error)
        return Lines(damaged=_damaged(path, problem.lower()))
    problems = {}
    for number, line in enumerate(content, 1):
        try:
            _add(lines, line, dataset)
        except UNREADABLE as error:
            problems[number] = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    if problems and len(problems) == len(content):
        return Lines(damaged=_damaged(path, next(iter(problems.values()))))
    lines.left_out = [f"{path}: line {n} is left out ({why})" for n, why in problems.items()]
    if any(line.startswith(_CONFLICT) for line in content):
        lines.left_out.append(f"{path} holds a merge conflict; the records of both sides count")
    return lines


def _damaged(path: Path, problem: str) -> str:
    return f"cannot use {path} ({problem}); restore the file, or remove it to begin a new one"


def _add(lines: Lines, line: bytes, dataset: str | None) -> None:
    if not line.strip() or line.startswith(_CONFLICT):
        return
    text = line.decode("utf-8")
    try:
        record = Record.from_json(text)
    except NewerRecordError:
        if text not in lines.newer:
            lines.newer.append(text)
        return
    name = record.identity.dataset["name"]
    if name != dataset if dataset is not None else not _is_name(name):
        raise ValueError(f"it is of dataset {name!r}")
    before = lines.records.setdefault(record.identity.key, record)
    if before != record:
        low, high = sorted((before, record), key=rank)
        lines.records[record.identity.key] = high
        lines.duplicates.append(low)


def rank(record: Record) -> tuple[str, int, str]:
    """Return which of several records of one key counts: the last one, by this order."""
    return record.latest, len(record.metrics), record.to_line()


def dataset_of(line: str) -> str:
    """Return the name of the dataset that a later version's line is of, "" where it has none."""
    try:
        name = json.loads(line)["identity"]["dataset"]["name"]
    except UNREADABLE:
        return ""
    return name if isinstance(name, str) and _is_name(name) else ""


def _is_name(dataset: str) -> bool:
    """Return whether a dataset's name can be that of a file in a folder of ours."""
    return not dataset.startswith(".") and not _UNSAFE.search(dataset)


def text_of(records: Iterable[Record], newer: Iterable[str]) -> str:
    """Return the content of a leaderboard's file: oldest record first, so that git merges well.

    Args:
        records: the records.
        newer: lines to keep as they are.
    """
    ordered = sorted(records, key=lambda record: (record.created, record.identity.key))
    return "".join(
        f"{line}\n" for line in (*(record.to_line() for record in ordered), *sorted(newer))
    )
