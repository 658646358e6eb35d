"""When recommenders hit: hit rates by question, for every row of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchkit.analysis.cuts import ask_again, break_down, positions_of
from benchkit.analysis.groups import members
from benchkit.analysis.questions import CUT, GROUPINGS, Grouping, Prompts
from benchkit.analysis.rates import Analysis, Breakdown, rates, sizes
from benchkit.components.registry import registry
from benchkit.contracts.arrays import Bool, Float64
from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.contracts.prompted import PromptedRecommender
from benchkit.evaluation.measure import hits_of
from benchkit.evaluation.remeasure import split_of
from benchkit.evaluation.settings import Progress
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.rows import FailedRow
from benchkit.leaderboards.store import DamagedRecordError
from benchkit.leaderboards.tables import Table

_LEAST_SHARE, _LEAST = 0.02, 30  # of the prompts, and prompts, that a group has at least


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
        report: receives a line at a time of how that is going.

    Raises:
        BenchkitError: no row is left, or the data are not in the workspace.
    """
    groupings = [GROUPINGS[name] for name in questions if name in GROUPINGS]
    orders = _by_order([run for row in table.rows for run in row.runs], groupings)
    least = least_prompts([prompts.split.test.truth for prompts in orders.values()])
    positions = positions_of([prompts.split for prompts in orders.values()], least)
    hits: dict[str, list[tuple[Bool, str]]] = {}
    cuts: dict[str, list[Float64]] = {}
    failures: list[FailedRow] = []
    for row in table.rows:
        try:
            kept = [(_hits(out, run, orders[_order(run)], k), _order(run)) for run in row.runs]
            if CUT.name in questions:
                _refuse_models(row.recommender, models)
                cuts[row.label] = [
                    ask_again(out, run, orders[order], whole, k, positions, report)
                    for run, (whole, order) in zip(row.runs, kept, strict=True)
                ]
            hits[row.label] = kept
        except BenchkitError as error:
            failures.append(FailedRow(row.label, row.runs, str(error)))
    if not hits:
        reason = failures[0].reason if failures else "there are no lists; `benchkit run` makes some"
        raise BenchkitError(f"nothing of {table.dataset} can be analysed: {reason}")
    rows = [row for row in table.rows if row.label in hits]
    breakdowns = [
        break_down(k, cuts) if name == CUT.name else _break_down(GROUPINGS[name], k, orders, hits)
        for name in questions
    ]
    table = replace(table, rows=rows, failures=[*table.failures, *failures])
    return Analysis(table, k, breakdowns)


def _refuse_models(name: str, models: bool) -> None:
    if issubclass(registry().recommender(name), PromptedRecommender) and not models:
        raise BenchkitError(f"language models are asked again only by name: -r {name}")


def _by_order(runs: Sequence[Record], groupings: Sequence[Grouping]) -> dict[str, Prompts]:
    orders: dict[str, Prompts] = {}
    for run in runs:
        if _order(run) not in orders:
            prepared, split = split_of(run)
            values = {grouping.name: grouping.values(prepared, split) for grouping in groupings}
            orders[_order(run)] = Prompts(prepared, split, values)
    return orders


def _order(run: Record) -> str:
    return str(run.identity.ties)


def _hits(out: Path, run: Record, prompts: Prompts, k: int) -> Bool:
    """Return whether each prompt's list holds the truth, ``bool[prompts]``.

    Raises:
        StorageError: the lists are too short, of other prompts, or cannot be read.
        DataError: they hold what is not in the catalog.
    """
    if run.identity.depth < k:
        raise StorageError(f"its lists hold {run.identity.depth} items; run again with --k {k}")
    folder = run.identity.folder(out)
    lists, _, truth = store.read_lists(folder, run)
    if not np.array_equal(truth, prompts.split.test.truth):
        raise DamagedRecordError(folder, f"{folder} holds the lists of other prompts")
    return hits_of(lists.items, truth, prompts.prepared, k)


def _break_down(
    grouping: Grouping,
    k: int,
    orders: Mapping[str, Prompts],
    hits: Mapping[str, Sequence[tuple[Bool, str]]],
) -> Breakdown:
    values = {order: prompts.values[grouping.name] for order, prompts in orders.items()}
    pooled = list(values.values())
    groups = grouping.group(np.concatenate(pooled), least_prompts(pooled))
    places = {order: members(groups, numbers) for order, numbers in values.items()}
    answers = {
        label: rates([(hit, places[order]) for hit, order in runs], len(groups))
        for label, runs in hits.items()
    }
    prompts = sizes(list(places.values()), len(groups))
    return Breakdown(
        question=grouping.name,
        k=k,
        groups=groups,
        prompts=prompts,
        total=sum(prompts),
        rates={label: row for label, (row, _) in answers.items()},
        overall={label: whole for label, (_, whole) in answers.items()},
    )


def least_prompts(orders: Sequence[np.ndarray]) -> int:
    """Return how many prompts of all orders of equal timestamps a group has at least."""
    return max(_LEAST * len(orders), int(_LEAST_SHARE * sum(map(len, orders))))
