"""When recommenders hit: hit rates by question, for every row of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchkit.analysis.cuts import CutHits, ask_again, break_down, counted, positions_of
from benchkit.analysis.groups import Group, members
from benchkit.analysis.questions import CUT, GROUPINGS, Grouping
from benchkit.analysis.rates import Analysis, Breakdown, rates, sizes
from benchkit.components.registry import registry
from benchkit.contracts.arrays import Bool, Int64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.contracts.prompted import PromptedRecommender
from benchkit.data.split import Split
from benchkit.evaluation.measure import hits_of
from benchkit.evaluation.remeasure import split_of
from benchkit.evaluation.settings import Progress
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.rows import FailedRow
from benchkit.leaderboards.store import DamagedRecordError
from benchkit.leaderboards.tables import Table

_LEAST_SHARE, _LEAST = 0.02, 30  # of the prompts, and prompts, that a group has at least


@dataclass(frozen=True, eq=False)
class _Asked:
    """What the runs of one order of equal timestamps were asked.

    Attributes:
        prepared: the data.
        split: their split.
        values: by grouping, ``int64[prompts]``.
    """

    prepared: PreparedDataset
    split: Split
    values: Mapping[str, Int64]


def analyse(
    out: Path,
    table: Table,
    k: int,
    questions: Sequence[str],
    *,
    models: bool = False,
    report: Progress = lambda _line: None,
) -> Analysis:
    """Return hit rates by groups of prompts; several runs of a row are averaged.

    All rows share the groups, which are cut over the prompts of all orders of equal timestamps.

    Args:
        out: folder of the leaderboards.
        table: whose rows to analyse.
        k: where to cut lists; rows with shorter ones are left out.
        questions: names of questions; `CUT` fits recommenders again where no weights are kept.
        models: whether that asks language models, too; never those that have to be paid.
        report: told a line at a time how that is going.

    Raises:
        BenchkitError: no row is left, or the data are not in the workspace.
    """
    chosen = [GROUPINGS[name] for name in questions if name in GROUPINGS]
    asked = _asked([run for row in table.rows for run in row.runs], chosen)
    hits: dict[str, list[Bool]] = {}
    cuts: dict[str, list[CutHits]] = {}
    lost: list[FailedRow] = []
    least = least_prompts(sum(len(each.split.test.truth) for each in asked.values()), len(asked))
    positions = positions_of([each.split for each in asked.values()], least)
    for row in table.rows:
        try:
            found = [_hits(out, run, asked[_order(run)], k) for run in row.runs]
            if CUT.name in questions:
                again = [
                    _asked_again(
                        out, run, asked[_order(run)], kept_hits, k, positions, models, report
                    )
                    for run, kept_hits in zip(row.runs, found, strict=True)
                ]
                cuts[row.label] = again
            hits[row.label] = found
        except BenchkitError as error:
            lost.append(FailedRow(row.label, row.runs, str(error)))
    if not hits:
        reason = lost[0].reason if lost else "there are no lists; `benchkit run` makes some"
        raise BenchkitError(f"nothing of {table.dataset} can be analysed: {reason}")
    rows = [row for row in table.rows if row.label in hits]
    orders = {row.label: [_order(run) for run in row.runs] for row in rows}
    return Analysis(
        replace(table, rows=rows, failures=[*table.failures, *lost]),
        k,
        [
            break_down(k, cuts)
            if name == CUT.name
            else _break_down(GROUPINGS[name], k, asked, orders, hits)
            for name in questions
        ],
    )


def _asked_again(
    out: Path,
    run: Record,
    asked: _Asked,
    before: Bool,
    k: int,
    positions: int,
    models: bool,
    report: Progress,
) -> CutHits:
    """Return what a run hits where prompts are cut; `before` is what it hit of whole ones."""
    name = run.identity.recommender["name"]
    if issubclass(registry().recommender(name), PromptedRecommender) and not models:
        raise BenchkitError(f"language models are asked again only by name: -r {name}")

    def tell(line: str) -> None:
        report(f"{name}, ties {run.identity.ties}, seed {run.identity.seed}: {line}")

    answers = ask_again(out, run, asked.prepared, asked.split, k, positions, tell)
    if changed := int((answers[0][0] != before).sum()):
        tell(f"its kept lists differ in {changed:,} hits: other code or another machine made them")
    return counted(answers)


def _asked(runs: Sequence[Record], questions: Sequence[Grouping]) -> dict[str, _Asked]:
    """Return what was asked, by order of equal timestamps."""
    found: dict[str, _Asked] = {}
    for run in runs:
        if _order(run) not in found:
            prepared, split = split_of(run)
            values = {question.name: question.values(prepared, split) for question in questions}
            found[_order(run)] = _Asked(prepared, split, values)
    return found


def _order(run: Record) -> str:
    return str(run.identity.ties)


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
    if not np.array_equal(truth, asked.split.test.truth):
        raise DamagedRecordError(folder, f"{folder} holds the lists of other prompts")
    return hits_of(lists.items, truth, asked.prepared, k)


def _break_down(
    question: Grouping,
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
        prompts=(prompts := sizes(list(values.values()), groups)),
        total=sum(prompts),
        rates={label: row for label, (row, _) in found.items()},
        overall={label: whole for label, (_, whole) in found.items()},
    )


def _groups(question: Grouping, values: Sequence[Int64]) -> list[Group]:
    pooled = np.concatenate(values)
    return question.group(pooled, least_prompts(len(pooled), len(values)))


def least_prompts(prompts: int, orders: int) -> int:
    """Return how many prompts of all orders of equal timestamps a group has at least."""
    return max(_LEAST * orders, int(_LEAST_SHARE * prompts))
