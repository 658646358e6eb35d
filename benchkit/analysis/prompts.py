"""What recommenders that prompt a language model would be fine-tuned on, without asking anyone."""

from __future__ import annotations

from benchkit.components.registry import registry
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import PluginError, unknown_name
from benchkit.contracts.prompted import Pairs, PromptedRecommender
from benchkit.data.split import split_sessions
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import plan


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
    kind: type[PromptedRecommender], prepared: PreparedDataset, settings: Settings
) -> tuple[PromptedRecommender, Pairs]:
    """Return a configured recommender, and what a run would fine-tune it on.

    Raises:
        BenchkitError: whatever the user can mend.
    """
    task = plan(prepared, kind.name, settings)
    recommender = task.configured()
    assert isinstance(recommender, PromptedRecommender)
    split = split_sessions(prepared, task.settings.protocol)
    counts = split.item_counts(prepared), split.session_counts(prepared)
    bench = task.bench(prepared, split.train, counts, settings.spending())
    return recommender, recommender.pairs(split.train, bench)
