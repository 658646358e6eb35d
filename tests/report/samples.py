"""A leaderboard of names that try to act, with ranks, hit rates, a search and data made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchkit.analysis.groups import Group
from benchkit.analysis.profile import Portrait
from benchkit.analysis.rates import Analysis, Breakdown, Rate
from benchkit.leaderboards import lines, ranks
from benchkit.leaderboards.files import ranks_file
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.significance import rank_metrics, values_of
from benchkit.leaderboards.tables import Table
from benchkit.report import evidence, searches
from benchkit.report.evidence import Profile
from benchkit.toolkit.files import write_atomically
from benchkit.tuning.review import FinishedTrial, Review
from tests.leaderboards.samples import record

SESSIONS = 400
METRICS = ("ndcg@10", "ndcg@20", "hr@10", "hr@20", "mrr@10", "mrr@20")
SCRIPT = "</script><script>document.title='broken'</script>"
IMAGE = "<img src=x onerror=\"document.title='broken'\">"
HIDDEN = "a\u202eb\x1b[31m\n`${1}` {{ 7 * 7 }}"
DATASET = "<b>shop & 'co'"
SEARCH = {
    "study": "s1",
    "space": {"k": "1 to 100"},
    "trials": {"done": 2, "failed": 0},
    "seconds": 3.5,
    "best": {"value": 0.5, "trial": 1, "folds": [0.2, 0.3]},
}


def ranked(
    name: str, share: float, seconds: float, seed: int = 0, search: bool = False
) -> tuple[Record, Ranks]:
    """Return a record and its ranks, whose truths are in a share of the lists."""
    drawn = np.random.default_rng([seed, len(name)])
    places = np.where(drawn.random(SESSIONS) < share, drawn.integers(1, 21, SESSIONS), 0)
    kept = Ranks(np.arange(SESSIONS, dtype=np.int32), places.astype(np.int32))
    unique = np.arange(SESSIONS, dtype=np.int32)
    metrics = {
        key: float(values_of(kept, gains, unique).mean())
        for key, gains in rank_metrics(METRICS).items()
    }
    metrics |= {f"coverage@{k}": 1 - share for k in (10, 20)}
    made = record(
        name,
        metrics,
        dataset=DATASET,
        seed=seed,
        prompts=SESSIONS,
        search=SEARCH if search else None,
        preset="tuned" if search else "paper",
    )
    about = {"dataset": DATASET, "recommenders": [name, "other"], "set": {name: {"k": IMAGE}}}
    return replace(made, seconds={"fit": seconds, "recommend": 1.0}, experiment=about), kept


def write_board(out: Path, runs: Iterable[tuple[Record, Ranks]]) -> None:
    """Write records and their ranks as they come from other machines."""
    pairs = list(runs)
    write_atomically(out / f"{DATASET}.jsonl", lines.text_of([run for run, _ in pairs], []))
    content = ranks._parquet({run.identity.key: kept for run, kept in pairs})
    write_atomically(ranks_file(out, DATASET), content)


def board(out: Path, seeds: int = 1) -> None:
    """Write a leaderboard of four rows: two alike, one of some seeds, one worse."""
    write_board(
        out,
        [
            ranked(SCRIPT, 0.7, 300.0, search=True),
            ranked(IMAGE, 0.7, 20.0),
            *(ranked(HIDDEN, 0.65, 5.0, seed=seed) for seed in range(seeds)),
            ranked("worse", 0.1, 0.5),
        ],
    )


def with_evidence(patch: pytest.MonkeyPatch) -> None:
    """Put hit rates, data and a study by hand where lists, data and a journal are not."""
    rate = Rate(0.3, 0.2, 0.4)
    groups = [Group("1", 1, 1), Group("2+", 2, 9), Group("none", 0, 0)]

    def hit_rates(_out: Path, table: Table) -> tuple[Analysis, str]:
        labels = [row.label for row in table.rows]
        rows = dict.fromkeys(labels, [rate] * len(groups))
        one = Breakdown(
            "position", 20, groups, [200, 150, 50], 400, rows, dict.fromkeys(labels, rate)
        )
        return Analysis(table, 20, [one]), ""

    counts = np.array([9, 3, 1], dtype=np.int64)
    profile = Profile(
        "d" * 16, [("Statistics", [(SCRIPT, "3")])], [IMAGE], Portrait(counts, counts)
    )
    trials = [
        FinishedTrial(1, 0.5, [0.2, 0.3], {"k": 7}),
        FinishedTrial(0, 0.4, [0.2, 0.2], {"k": 9}),
    ]
    about = {"space": ["k"], "objective": IMAGE}
    review = Review("s1", DATASET, SCRIPT, about, {}, {}, 2, 3.5, trials, {"k": 1.0})
    patch.setattr(evidence, "hit_rates", hit_rates)
    patch.setattr(evidence, "profiles", lambda _tables: [profile])
    patch.setattr(searches, "_review", lambda *_about: (review, ""))
