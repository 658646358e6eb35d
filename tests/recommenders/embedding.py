"""Recommenders on given embeddings: no embedder, no reducer, no registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchkit import Recommender, Sessions
from benchkit.contracts.config import Value
from benchkit.evaluation.bench import Workbench
from benchkit_plugins.recommenders.llm_seq_sim import LLMSeqSim
from tests.making import catalog


@dataclass(frozen=True, eq=False)
class GivenBench(Workbench):
    """A bench whose embeddings are given by the embedder's name, reduced by cutting them off.

    Attributes:
        given: embeddings by name.
        asked: what was asked for.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def embeddings(
        self, name: str, reducer: Any = None, dim: Any = None, fit_on: Any = "catalog"
    ) -> Any:
        self.asked.append((name, reducer, dim, fit_on))
        return self.given[name] if reducer is None else self.given[name][:, :dim]

    def recommender(self, name: str, values: Mapping[str, Value] | None = None) -> Recommender:
        assert name == "llm-seq-sim"
        merged = {**self.values.get(name, {}), **(values or {})}
        model = LLMSeqSim(LLMSeqSim.Config.create(merged, name))
        model.fit(self.train, self)
        return model


def bench(
    vectors: Sequence[Sequence[float]],
    train: Sequence[Sequence[int]] = ((0,),),
    **others: Sequence[Sequence[float]],
) -> GivenBench:
    """Return a bench with embeddings called `minilm` and more by other names."""
    sessions = Sessions.from_lists(train, [[row] * len(items) for row, items in enumerate(train)])
    given = {"minilm": vectors, **others}
    return GivenBench(
        catalog(len(vectors)),
        sessions,
        np.bincount(sessions.items, minlength=len(vectors)),
        given={name: np.array(rows, dtype=np.float32) for name, rows in given.items()},
    )


def fitted(component: type[Any], given: GivenBench, **values: Any) -> Any:
    """Return a component that is fitted on a bench's training sessions."""
    model = component(component.Config.create(values, component.name))
    model.fit(given.train, given)
    return model


def listed(model: Any, prompt: Sequence[int], k: int = 10) -> list[int]:
    """Return the items of one prompt's list."""
    items = model.recommend(Sessions.from_lists([prompt]), k).items[0]
    return [int(item) for item in items[items >= 0]]
