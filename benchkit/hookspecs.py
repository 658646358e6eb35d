"""Every hook of benchkit. A plugin implements those it needs, marked with `benchkit.hookimpl`.

The loader calls each hook once a process, when components are first listed or looked up. A hook
returns classes and does nothing else: no file is read, nothing heavy is imported. One that raises,
or returns something else than a list of such classes, is reported, and its plugin left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchkit.contracts.dataset import Dataset
    from benchkit.contracts.embedder import Embedder
    from benchkit.contracts.metric import Metric
    from benchkit.contracts.recommender import Recommender
    from benchkit.contracts.reducer import Reducer

hookspec = pluggy.HookspecMarker("benchkit")
hookimpl = pluggy.HookimplMarker("benchkit")


@hookspec
def benchkit_datasets() -> Sequence[type[Dataset]]:  # type: ignore[empty-body]
    """Return datasets: classes that read raw files into interactions and items."""


@hookspec
def benchkit_embedders() -> Sequence[type[Embedder]]:  # type: ignore[empty-body]
    """Return embedders: classes that turn the catalog's texts into vectors."""


@hookspec
def benchkit_reducers() -> Sequence[type[Reducer]]:  # type: ignore[empty-body]
    """Return reducers: classes that bring vectors to fewer dimensions."""


@hookspec
def benchkit_recommenders() -> Sequence[type[Recommender]]:  # type: ignore[empty-body]
    """Return recommenders: classes that learn from sessions and continue prompts."""


@hookspec
def benchkit_metrics() -> Sequence[type[Metric]]:  # type: ignore[empty-body]
    """Return metrics: classes that turn ranked lists into values."""
