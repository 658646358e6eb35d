"""Prompts cut at each position and asked again, the truth unchanged (paper, Figure 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchkit.analysis.groups import Group
from benchkit.analysis.questions import CUT
from benchkit.analysis.rates import Breakdown, proportions
from benchkit.contracts.arrays import Bool, Float64, Int64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.sessions import Sessions
from benchkit.data.split import Split
from benchkit.evaluation.measure import hits_of
from benchkit.evaluation.pipeline import refit
from benchkit.evaluation.recommend import recommend
from benchkit.evaluation.settings import Progress
from benchkit.leaderboards.record import Record

POSITIONS = 10  # at most; the last ones that enough prompts have


@dataclass(frozen=True, eq=False)
class CutHits:
    """What a run hits where its prompts are cut.

    Attributes:
        prompts: prompts that have each position, ``float64[positions]``.
        hits: those hit with that position as the last, ``float64[positions]``.
        uncut: those hit whole, ``float64[positions]``.
    """

    prompts: Float64
    hits: Float64
    uncut: Float64


def cut(prompts: Sessions, position: int) -> tuple[Sessions, Int64]:
    """Return prompts that end with a position, and the rows of those long enough.

    Args:
        prompts: whole prompts.
        position: the last one that is left, from the end: 1 leaves all.
    """
    rows = np.flatnonzero(prompts.lengths >= position)
    long = prompts.take(rows)
    return long.where(long.distances >= position), rows


def ask_again(
    out: Path,
    run: Record,
    prepared: PreparedDataset,
    split: Split,
    k: int,
    positions: int,
    report: Progress,
) -> list[tuple[Bool, Int64]]:
    """Return for each position whether the prompts that have it are hit, and their rows.

    Args:
        out: folder of the leaderboards.
        run: whose recommender to ask, from its kept weights or fitted again.
        prepared: the data that it is of.
        split: their split.
        k: where to cut lists.
        positions: how many, from the end.
        report: told a line at a time how it is going.

    Raises:
        BenchkitError: the recommender cannot run here, or would have to pay.
    """
    recommender, bench = refit(out, run, prepared, split, report)
    answers = []
    for position in range(1, positions + 1):
        prompts, rows = cut(split.test.prompts, position)
        report(f"asking with position {position} as the last: {len(prompts):,} prompts")
        lists, _ = recommend(recommender, prompts, run.identity.depth, bench)
        answers.append((hits_of(lists.items, split.test.truth[rows], prepared, k), rows))
    return answers


def positions_of(splits: Sequence[Split], least: int) -> int:
    """Return how many positions, from the end, enough prompts have in every split."""
    lengths = [split.test.prompts.lengths for split in splits]
    enough = (
        position
        for position in range(POSITIONS, 1, -1)
        if all((each >= position).sum() >= least for each in lengths)
    )
    return next(enough, 1)


def counted(answers: Sequence[tuple[Bool, Int64]]) -> CutHits:
    """Count the answers of one run; the first are those to whole prompts."""
    whole, _ = answers[0]
    return CutHits(
        np.array([len(rows) for _, rows in answers], dtype=np.float64),
        np.array([hit.sum() for hit, _ in answers], dtype=np.float64),
        np.array([whole[rows].sum() for _, rows in answers], dtype=np.float64),
    )


def break_down(k: int, rows: Mapping[str, Sequence[CutHits]]) -> Breakdown:
    """Return hit rates by position, several runs of a row averaged.

    Args:
        k: where lists were cut.
        rows: the runs of each row, by label; at least one each.
    """
    means = {
        label: CutHits(*(np.mean([getattr(run, name) for run in runs], axis=0) for name in _COUNTS))
        for label, runs in rows.items()
    }
    prompts = np.mean([mean.prompts for mean in means.values()], axis=0)
    rates = {label: proportions(mean.hits, mean.prompts) for label, mean in means.items()}
    return Breakdown(
        question=CUT.name,
        k=k,
        groups=[Group(str(place), place, place) for place in range(1, len(prompts) + 1)],
        prompts=prompts.tolist(),
        total=float(prompts[0]),
        rates=rates,
        overall={label: first for label, (first, *_) in rates.items()},
        uncut={label: proportions(mean.uncut, mean.prompts) for label, mean in means.items()},
    )


_COUNTS = ("prompts", "hits", "uncut")
