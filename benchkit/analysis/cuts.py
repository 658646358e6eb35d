"""Prompts cut at each position and asked again, the truth unchanged (paper, Figure 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchkit.analysis.groups import Group
from benchkit.analysis.questions import CUT, Prompts
from benchkit.analysis.rates import Breakdown, proportions
from benchkit.contracts.arrays import Bool, Float64, Int64
from benchkit.contracts.sessions import Sessions
from benchkit.data.split import Split
from benchkit.evaluation.measure import hits_of
from benchkit.evaluation.pipeline import refit
from benchkit.evaluation.recommend import recommend
from benchkit.evaluation.settings import Progress
from benchkit.leaderboards.record import Record

POSITIONS = 10  # at most; the last ones that enough prompts have


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
    whole: Prompts,
    kept: Bool,
    k: int,
    positions: int,
    report: Progress,
) -> Float64:
    """Return what a run hits where its prompts are cut, ``float64[3, positions]``.

    That is how many prompts have each position; how many of these are hit with that position as
    the last; how many whole.

    Args:
        out: folder of the leaderboards.
        run: whose recommender to ask, from its kept weights or fitted again.
        whole: the prompts before they are cut.
        kept: which prompts its kept lists hit, ``bool[prompts]``.
        k: where to cut lists.
        positions: how many, from the end.
        report: receives a line at a time.

    Raises:
        BenchkitError: the recommender cannot run here, or would have to pay.
    """
    about, test = run.identity, whole.split.test

    def tell(line: str) -> None:
        report(f"{about.recommender['name']}, ties {about.ties}, seed {about.seed}: {line}")

    recommender, bench = refit(out, run, whole.prepared, whole.split, tell)
    counts, first = [], kept
    for position in range(1, positions + 1):
        prompts, rows = cut(test.prompts, position)
        tell(f"asking with position {position} as the last: {len(prompts):,} prompts")
        lists, _ = recommend(recommender, prompts, about.depth, bench)
        hits = hits_of(lists.items, test.truth[rows], whole.prepared, k)
        first = hits if position == 1 else first
        counts.append((len(rows), hits.sum(), first[rows].sum()))
    if changed := int((first != kept).sum()):
        tell(f"its kept lists differ in {changed:,} hits: other code or another machine made them")
    return np.array(counts, dtype=np.float64).T


def positions_of(splits: Sequence[Split], least: int) -> int:
    """Return how many positions, from the end, enough prompts have in every split."""
    lengths = [split.test.prompts.lengths for split in splits]
    enough = (
        position
        for position in range(POSITIONS, 1, -1)
        if all((those >= position).sum() >= least for those in lengths)
    )
    return next(enough, 1)


def break_down(k: int, rows: Mapping[str, Sequence[Float64]]) -> Breakdown:
    """Return hit rates by position, several runs of a row averaged.

    Args:
        k: where lists were cut.
        rows: what `ask_again` says of the runs of each row, by label; of one at least.
    """
    means = {label: np.mean(runs, axis=0) for label, runs in rows.items()}
    prompts = np.mean([mean[0] for mean in means.values()], axis=0)
    rates = {label: proportions(hits, among) for label, (among, hits, _) in means.items()}
    return Breakdown(
        question=CUT.name,
        k=k,
        groups=[Group(str(place), place, place) for place in range(1, len(prompts) + 1)],
        prompts=prompts.tolist(),
        total=float(prompts[0]),
        rates=rates,
        overall={label: first for label, (first, *_) in rates.items()},
        uncut={label: proportions(whole, among) for label, (among, _, whole) in means.items()},
    )
