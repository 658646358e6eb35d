"""The words around a table: what was measured, on what, under which rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchkit.contracts.protocol import REVISION
from benchkit.leaderboards.inference import LEVEL
from benchkit.leaderboards.published import Comparison
from benchkit.leaderboards.render.columns import Column
from benchkit.leaderboards.rows import FailedRow
from benchkit.leaderboards.significance import Significance
from benchkit.leaderboards.tables import Table

GENERATED = (
    "GENERATED SAMPLE: {name} is made up, in the shape of {family}. "
    "Its figures say nothing about the real data."
)


NO_RANKS = "No test of significance: fewer than two rows have ranks that can be compared."
OUTDATED = (
    "Evaluated by revision {} of the protocol; this benchkit evaluates by revision {}: "
    "their figures are not comparable."
)


INTERVALS = (
    "In brackets 95 % intervals by bootstrap over sessions and runs; metrics that take more than "
    "the truth's rank have none."
)
NO_INTERVALS = (
    "No intervals: they need two rows with ranks, and a metric that the truth's rank alone decides."
)


def tested(significance: Significance, columns: Sequence[Column]) -> list[str]:
    """Return the sentences about the test behind the marks, if any could be made."""
    names = dict.fromkeys(c.heading for c in columns if c.key in significance.tests)
    if not names:
        metrics = any(column.is_metric for column in columns)
        return [NO_RANKS] if metrics and significance.untested else []
    best = "best of the rows that could be tested" if significance.untested else "best row"
    sentences = [
        f"{_listed(names)}: paired permutation test over sessions against the {best}, Holm's "
        f"correction over all pairs of rows, level {LEVEL}."
    ]
    if significance.single:
        sentences.append("Of rows with one run the variance over seeds is not known to the test.")
    return sentences


def alarm(table: Table) -> str:
    """Return what must not be overlooked: that the data are generated."""
    if not table.data["synthetic"]:
        return ""
    return GENERATED.format(name=table.dataset, family=table.data["family"])


def caption(
    table: Table,
    columns: Sequence[Column],
    comparison: Comparison | None = None,
    *,
    intervals: str = "",
) -> list[str]:
    """Return the sentences below a table; the marks are for each format to explain.

    Args:
        table: the table.
        columns: those shown.
        comparison: the published figures beside it.
        intervals: the sentence about what stands beside figures, where that is no deviation.
    """
    sentences = [
        f"Protocol {table.protocol['name']}, revision {table.revision} "
        f"({table.protocol['rules'][:8]}), "
        f"ties {_ties(table)}, {_seeds(table)}{_prompts(table)}.",
        f"Data {table.data['fingerprint'][:12]}{_size(table)}.",
    ]
    if table.revision < REVISION:
        sentences.append(OUTDATED.format(table.revision, REVISION))
    if intervals:
        sentences.append(intervals)
    elif any(column.spread(row) is not None for row in table.rows for column in columns):
        sentences.append("Mean ± sample standard deviation over the runs of each row.")
    sentences += _tuned(table)
    if comparison is not None:
        sentences += comparison.sentences()
    return sentences


def _tuned(table: Table) -> list[str]:
    """Say what marks the rows whose configuration was searched."""
    searched = [row for row in table.rows if row.search]
    without = [row for row in searched if row.search_failed]
    sentences = []
    if len(without) < len(searched):
        sentences.append("[tuned]: the best configuration of a search on the training data.")
    if without:
        sentences.append("[preset]: no trial of the search finished; the preset was evaluated.")
    return sentences


def headings(tables: Sequence[Table]) -> list[str]:
    """Return what tells a dataset's tables apart; of its parameters, those that differ."""
    configs = [table.data["config"] for table in tables]
    names = sorted({name for config in configs for name in config})
    differing = [
        name for name in names if any(c.get(name) != configs[0].get(name) for c in configs)
    ]
    return [_heading(table, differing) for table in tables]


def _heading(table: Table, differing: Iterable[str]) -> str:
    config, drawn = table.data["config"], table.protocol.get("max_prompts")
    parts = [
        f"{table.protocol['name'].capitalize()} protocol",
        *([f"revision {table.revision}"] if table.revision < REVISION else []),
        f"ties {_ties(table)}",
        *(f"{name}={config[name]}" for name in differing if name in config),
    ]
    if drawn is not None:
        parts.append(f"a subset of {drawn:,} prompts")
    return _listed(parts)


def _ties(table: Table) -> str:
    if list(table.ties) == ["file"]:
        return "in the file's order"
    return _listed(map(str, table.ties))


def _seeds(table: Table) -> str:
    if not table.rows:
        return "no runs"
    sets = {tuple(row.seeds) for row in table.rows}
    every = sorted({seed for seeds in sets for seed in seeds})
    differing = " (not all in every row: --columns +seeds)" if len(sets) > 1 else ""
    return f"{_named_seeds(every)}{differing}"


def _named_seeds(seeds: Sequence[int]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {_listed(map(str, seeds))}"


def _prompts(table: Table) -> str:
    numbers = sorted({number for row in table.rows for number in row.prompts})
    if not numbers:
        return ""
    span = f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"
    if table.protocol.get("max_prompts") is None or not isinstance(table.split.get("prompts"), int):
        return f", {span} prompts"
    return f", a SUBSET of {span} of {table.split['prompts']:,} prompts"


def _size(table: Table) -> str:
    parts = [
        f"{table.split[name]:,} {name}"
        for name in ("sessions", "items", "interactions")
        if isinstance(table.split.get(name), int)
    ]
    return f": {', '.join(parts)}" if parts else ""


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def failures(table: Table) -> list[str]:
    """Return a line for each recommender that failed, with the runs that its row lacks."""
    shown = {row.label for row in table.rows}
    return [
        f"{row.label}{_runs(row, table) if row.label in shown else ''}: {row.reason}"
        for row in table.failures
    ]


def _runs(row: FailedRow, table: Table) -> str:
    ties = f" ties {_listed(map(str, row.ties))}," if len(table.ties) > 1 else ""
    return f" with{ties} {_named_seeds(row.seeds)}"
