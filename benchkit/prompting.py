"""What recommenders that prompt a language model would be fine-tuned on, without asking anyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchkit.bench import Bench
from benchkit.configure import configure
from benchkit.contracts.config import Value
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.prompted import Pairs, PromptedRecommender
from benchkit.errors import PluginError, unknown_name
from benchkit.protocol import Protocol
from benchkit.registry import registry
from benchkit.stages.spending import Spending
from benchkit.stages.split import split_sessions


def prompted(task: str) -> type[PromptedRecommender]:
    """Return the recommender of that name, else one with that task: that of the shortest name.

    Raises:
        PluginError: there is none; the nearest tasks and names are in the message.
    """
    found = {
        name: entry.component
        for name, entry in registry().components["recommender"].items()
        if issubclass(entry.component, PromptedRecommender)
    }
    if task in found:
        return found[task]
    named = sorted((len(name), name) for name, kind in found.items() if kind.task == task)
    if not named:
        known = {*found, *(kind.task for kind in found.values())}
        raise PluginError(unknown_name("task", task, known))
    return found[named[0][1]]


def training_pairs(
    kind: type[PromptedRecommender],
    prepared: PreparedDataset,
    protocol: Protocol,
    values: Mapping[str, Mapping[str, Value]],
    *,
    seed: int,
    max_cost: float,
    workspace: Path,
) -> tuple[PromptedRecommender, Pairs]:
    """Return a configured recommender, and what a run would fine-tune it on.

    Args:
        kind: the recommender.
        prepared: the dataset.
        protocol: name and ties.
        values: the user's values, by component.
        seed: of everything random.
        max_cost: US dollars that embeddings must not exceed.
        workspace: folder that holds the embedding store.

    Raises:
        BenchkitError: whatever the user can mend.
    """
    protocol = protocol if kind.protocol is None else replace(protocol, name=kind.protocol)
    preset = "sample" if prepared.synthetic else "paper"
    recommender = configure(
        kind.name,
        values.get(kind.name, {}),
        family=prepared.family,
        preset=preset,
        exclude_prompt=protocol.strict,
    )
    assert isinstance(recommender, PromptedRecommender)
    split = split_sessions(prepared, protocol)
    bench = Bench(
        catalog=prepared.catalog,
        train=split.train,
        item_counts=split.item_counts(prepared),
        seed=seed,
        family=prepared.family,
        preset=preset,
        exclude_prompt=protocol.strict,
        only_trained=protocol.strict,
        values=values,
        workspace=workspace,
        spending=Spending(cap=max_cost),
        session_counts=split.session_counts(prepared),
    )
    return recommender, recommender.pairs(split.train, bench)
