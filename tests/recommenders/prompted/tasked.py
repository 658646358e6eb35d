"""Tasks on a handful of items whose titles and embeddings are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchkit import Sessions
from benchkit.contracts.prompted import Conversation
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from tests.making import catalog
from tests.recommenders.embedding import GivenBench


@dataclass(frozen=True, eq=False)
class TitledBench(GivenBench):
    """A bench that also knows the embeddings of titles that the catalog lacks.

    Attributes:
        said: embeddings by title; zero for any other.
        embedded: the titles that were embedded, call by call.
    """

    said: Mapping[str, Sequence[float]] = field(default_factory=dict)
    embedded: list[list[str]] = field(default_factory=list)

    def embed_texts(
        self,
        texts: Sequence[str],
        name: str,
        reducer: Any = None,
        dim: Any = None,
        fit_on: Any = "catalog",
    ) -> Any:
        self.embedded.append(list(texts))
        assert reducer is None
        nothing = [0.0] * self.given[name].shape[1]
        return np.array([self.said.get(text, nothing) for text in texts], dtype=np.float32)


def bench(
    titles: Sequence[str],
    vectors: Sequence[Sequence[float]] | None = None,
    train: Sequence[Sequence[int]] = ((0,),),
    said: Mapping[str, Sequence[float]] | None = None,
    seed: int = 0,
) -> TitledBench:
    """Return a bench with these titles; without vectors, each item's is another axis."""
    sessions = Sessions.from_lists(train)
    rows = np.eye(len(titles)) if vectors is None else np.array(vectors)
    return TitledBench(
        replace(catalog(len(titles)), titles=list(titles)),
        sessions,
        np.bincount(sessions.items, minlength=len(titles)),
        seed=seed,
        given={"minilm": rows.astype(np.float32)},
        said=said or {},
    )


def config(**values: Any) -> PromptedConfig:
    """Return parameters."""
    return PromptedConfig.create(values, "tested")


def task(kind: type[Any], given: TitledBench, **values: Any) -> Any:
    """Return a task on a bench."""
    return kind(config(**values), given.train, given)


def prompt(*sessions: Sequence[int]) -> Sessions:
    """Return prompts."""
    return Sessions.from_lists(sessions)


def listed(lists: Any) -> list[list[int]]:
    """Return the items of each list, without the gap at its end."""
    return [[int(item) for item in row[row >= 0]] for row in lists.items]


def user(conversation: Conversation | None) -> str:
    """Return what the user says."""
    assert conversation is not None
    return conversation[-1].content
