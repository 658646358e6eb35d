"""Records, failures, metrics and a dataset made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchkit import DISTRIBUTION
from benchkit.components.registry import Registered, Registry
from benchkit.contracts.arrays import Float64
from benchkit.contracts.component import Component
from benchkit.contracts.dataset import Dataset, RawTables
from benchkit.contracts.metric import Metric, RankedLists
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.published import Published, PublishedAnswers, PublishedRow
from benchkit.contracts.recommender import Recommendations
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Failure, Identity, Record
from benchkit.toolkit.files import write_atomically

_clock = count()
COUNTS = {"sessions": 1000, "items": 100, "interactions": 9000, "prompts": 200}


def now() -> str:
    """Return a time later than all before."""
    minutes, seconds = divmod(next(_clock), 60)
    return f"2026-01-01T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000+00:00"


def identity(
    name: str = "sknn",
    *,
    ties: int | str = 0,
    seed: int = 0,
    protocol: str = "paper",
    dataset: str = "beauty",
    data: str = "d" * 16,
    p_core: int = 5,
    config: Mapping[str, Any] | None = None,
    distribution: str = DISTRIBUTION,
    version: str = "0.1.0",
    depth: int = 20,
    max_prompts: int | None = None,
    builds_on: Mapping[str, Any] | None = None,
    file_order: str = "f",
) -> Identity:
    rules = Protocol(name=protocol, ties=ties, max_prompts=max_prompts)  # type: ignore[arg-type]
    return Identity(
        dataset={
            "name": dataset,
            "family": dataset.removesuffix("-sample"),
            "synthetic": dataset.endswith("-sample"),
            "config": {"p_core": p_core, "min_session": 1},
            "fingerprint": data,
        },
        protocol=rules.as_record(file_order),
        recommender={
            "name": name,
            "distribution": distribution,
            "version": version,
            "source": f"source of {version}",
        },
        config={"k": 50, **(config or {})},
        seed=seed,
        depth=depth,
        builds_on=builds_on or {},
    )


def record(
    name: str = "sknn",
    metrics: Mapping[str, float] | float = 0.5,
    *,
    preset: str = "paper",
    overrides: Mapping[str, Any] | None = None,
    failed: Mapping[str, str] | None = None,
    prompts: int = 200,
    created: str | None = None,
    diagnostics: Mapping[str, float] | None = None,
    search: Mapping[str, Any] | None = None,
    split: Mapping[str, Any] = COUNTS,
    **about: Any,
) -> Record:
    """Return a record; a single figure is its ``ndcg@20``."""
    return Record(
        identity=identity(name, **{"config": overrides, **about}),
        preset=preset,
        overrides=overrides or {},
        metrics=metrics if isinstance(metrics, Mapping) else {"ndcg@20": metrics},
        failed_metrics=failed or {},
        prompts=prompts,
        seconds={"fit": 1.0, "recommend": 2.0},
        peak_memory=512 * 2**20,
        split=split,
        environment={"commit": "c0ffee"},
        created=created or now(),
        diagnostics=diagnostics or {},
        search=search or {},
    )


def failure(name: str = "sknn", reason: str = "out of memory", **about: Any) -> Failure:
    overrides = about.pop("overrides", {})
    preset = about.pop("preset", "paper")
    values = {key: int(value) for key, value in overrides.items()}
    return Failure(
        identity(name, config=values, **about), preset, overrides, reason, "a traceback", now()
    )


def keep(out: Path, runs: Iterable[Record | Failure]) -> None:
    """Write records and failures as a run does, the lists left out."""
    for run in runs:
        if isinstance(run, Failure):
            store.write_failure(out, run)
        else:
            write_atomically(run.identity.folder(out) / "record.json", run.to_json())


def keep_whole(out: Path, run: Record) -> Path:
    """Write one record with everything that belongs to it."""
    lists = Recommendations.empty(1, 2)
    one = np.zeros(1, dtype=np.int32)
    return store.write(out, run, lists, one, one, {"ndcg@20": np.zeros(1)})


class _Made(Metric):
    column: ClassVar[int]
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "made"

    def values(self, lists: RankedLists, k: int) -> Float64 | None:
        raise NotImplementedError


def metric(name: str, column: int, **facts: Any) -> type[Metric]:
    return type(name, (_Made,), {"name": name, "column": column, **facts})


METRICS: list[type[Component]] = [
    metric("ndcg", 1),
    metric("hr", 2),
    metric("mrr", 3),
    metric("coverage", 4),
    metric("serendipity", 5),
    metric("novelty", 6, bounds=(0.0, float("inf"))),
    metric("gini", 7, higher_is_better=False, ours=True),
    metric("average-popularity", 8, higher_is_better=None, ours=True),
]


class Beauty(Dataset):
    """A dataset of which the paper prints something."""

    name = "beauty"
    published = Published(
        source="Table 4 of the paper",
        statistics={"sessions": 1001, "items": 100, "interactions": 9010},
        results={
            "sknn": PublishedRow("SKNN", {"ndcg@20": 0.04, "hr@20": 0.1}),
            "llm2sasrec": PublishedRow("LLM2SASRec", {"ndcg@20": 0.054}),
            "s3rec": PublishedRow("S3-Rec", {"ndcg@20": 0.02, "mrr@20": None}, "", "leave-one-out"),
        },
        trials={"sknn": 553, "gru4rec": None},
        answers=[PublishedAnswers("gen-item", "GPT base", {"hr@20": 0.029, "texts": 6553})],
    )

    def read(self, raw: Path) -> RawTables:
        raise NotImplementedError


class Plain(Beauty):
    """A dataset of which the paper prints nothing."""

    name = "plain"
    published = Published()


def registry() -> Registry:
    found = Registry()
    components: list[type[Component]] = [*METRICS, Beauty, Plain]
    for component in components:
        found.add(Registered(component, DISTRIBUTION, "0.1.0"))
    return found


def full(scale: float) -> dict[str, float]:
    """Return all metrics of the paper at 10 and 20, and those of ours."""
    return {
        f"{name}@{k}": value * scale * (1 + k / 40)
        for k in (10, 20)
        for name, value in {
            "average-popularity": 31.0,
            "coverage": 0.21,
            "gini": 0.2,
            "hr": 0.0712,
            "mrr": 0.0291,
            "ndcg": 0.0365,
            "novelty": 9.187,
            "serendipity": 0.0688,
        }.items()
    }
