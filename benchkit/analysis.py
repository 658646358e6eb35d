"""When recommenders hit: hit rates by question, for every row of a table, from kept lists alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.sessions import Bool, Int32, Int64
from benchkit.errors import BenchkitError, StorageError
from benchkit.evaluation import split_of
from benchkit.stages import record as store
from benchkit.stages.breakdown import Analysis, Breakdown, rates, sizes
from benchkit.stages.failed import FailedRow
from benchkit.stages.groups import Group, members
from benchkit.stages.measure import ranked_lists
from benchkit.stages.questions import QUESTIONS, Question
from benchkit.stages.record import DamagedRecordError, Record
from benchkit.stages.rows import Row, ties_of
from benchkit.stages.tables import Table

_LEAST_SHARE, _LEAST = 0.02, 30  # of the prompts, and prompts, that a group has at least


@dataclass(frozen=True, eq=False)
class _Asked:
    """What the runs of one order of equal timestamps were asked.

    Attributes:
        prepared: the data.
        truth: withheld items, ``int32[prompts]``.
        values: by question, ``int64[prompts]``.
    """

    prepared: PreparedDataset
    truth: Int32
    values: Mapping[str, Int64]


def analyse(
    out: Path, table: Table, records: Iterable[Record], k: int, questions: Sequence[str]
) -> Analysis:
    """Return hit rates by groups of prompts; several runs of a row are averaged.

    All rows share the groups, which are cut over the prompts of all orders of equal timestamps.

    Args:
        out: folder of the leaderboards.
        table: whose rows to analyse.
        records: records, those of the rows among them.
        k: where to cut lists; rows with shorter ones are left out.
        questions: names of questions.

    Raises:
        BenchkitError: no row is left, or the data are not in the workspace.
    """
    kept = {record.identity.key: record for record in records}
    runs = {row.label: [kept[key] for key in row.records] for row in table.rows}
    chosen = [QUESTIONS[name] for name in questions]
    asked = _asked([run for found in runs.values() for run in found], chosen)
    hits: dict[str, list[Bool]] = {}
    lost: list[FailedRow] = []
    for row in table.rows:
        try:
            hits[row.label] = [_hits(out, run, asked[_order(run)], k) for run in runs[row.label]]
        except BenchkitError as error:
            lost.append(_failed(row, str(error)))
    if not hits:
        reason = lost[0].reason if lost else "there are no lists; `benchkit run` makes some"
        raise BenchkitError(f"nothing of {table.dataset} can be analysed: {reason}")
    rows = [row for row in table.rows if row.label in hits]
    orders = {label: [_order(run) for run in found] for label, found in runs.items()}
    return Analysis(
        replace(table, rows=rows, failures=[*table.failures, *lost]),
        k,
        [_break_down(question, k, asked, orders, hits) for question in chosen],
    )


def _asked(runs: Sequence[Record], questions: Sequence[Question]) -> dict[str, _Asked]:
    """Return what was asked, by order of equal timestamps."""
    found: dict[str, _Asked] = {}
    for run in runs:
        if _order(run) not in found:
            prepared, split = split_of(run)
            values = {question.name: question.values(prepared, split) for question in questions}
            found[_order(run)] = _Asked(prepared, split.test.truth, values)
    return found


def _order(run: Record) -> str:
    return str(ties_of(run))


def _hits(out: Path, run: Record, asked: _Asked, k: int) -> Bool:
    """Return whether each prompt's list holds the truth, ``bool[prompts]``.

    Raises:
        StorageError: the lists are too short, of other prompts, or cannot be read.
        DataError: they hold what is not in the catalog.
    """
    if run.identity.depth < k:
        raise StorageError(f"its lists hold {run.identity.depth} items; run again with --k {k}")
    folder = run.identity.folder(out)
    lists, _, truth = store.read_lists(folder, run)
    if not np.array_equal(truth, asked.truth):
        raise DamagedRecordError(folder, f"{folder} holds the lists of other prompts")
    counts = asked.prepared.item_counts()  # which ranks do not depend on
    ranks = ranked_lists(lists.items, truth, counts, asked.prepared.catalog).ranks
    return (ranks > 0) & (ranks <= k)


def _failed(row: Row, reason: str) -> FailedRow:
    about: dict[str, Any] = {
        field.name: getattr(row, field.name, None) for field in fields(FailedRow)
    }
    return FailedRow(**{**about, "reason": reason})


def _break_down(
    question: Question,
    k: int,
    asked: Mapping[str, _Asked],
    orders: Mapping[str, Sequence[str]],
    hits: Mapping[str, Sequence[Bool]],
) -> Breakdown:
    values = {order: each.values[question.name] for order, each in asked.items()}
    groups = _groups(question, list(values.values()))
    places = {order: members(groups, each) for order, each in values.items()}
    found = {
        label: rates(
            [(hit, places[order]) for hit, order in zip(each, orders[label], strict=True)],
            len(groups),
        )
        for label, each in hits.items()
    }
    return Breakdown(
        question=question.name,
        k=k,
        groups=groups,
        prompts=sizes(list(values.values()), groups),
        rates={label: row for label, (row, _) in found.items()},
        overall={label: whole for label, (_, whole) in found.items()},
    )


def _groups(question: Question, values: Sequence[Int64]) -> list[Group]:
    pooled = np.concatenate(values)
    least = max(_LEAST * len(values), int(_LEAST_SHARE * len(pooled)))
    return question.group(pooled, least)
