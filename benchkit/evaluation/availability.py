"""What can run here: extras, keys, and vectors that the store already holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from benchkit.components.registry import registry
from benchkit.contracts.component import Component
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import BenchkitError
from benchkit.contracts.prompted import PromptedRecommender, Work
from benchkit.contracts.recommender import Recommender
from benchkit.embeddings.embed import embedder, missing, to_embed
from benchkit.evaluation.pipeline import forecast
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import plan
from benchkit.toolkit.times import show_time

_NO_TEXTS = "the items have no texts ([items] of a dataset's TOML file names them)"
_FETCH = "`benchkit embed` asks for them, or copy the folder `embeddings` of a machine that did"


def why_left_out(
    name: str,
    prepared: PreparedDataset,
    settings: Settings,
    *,
    named: bool,
    paying: bool = True,
) -> str | None:
    """Return why a recommender cannot run on a dataset here, or None.

    An embedder that cannot run is no hindrance where the store holds all its vectors.

    Args:
        name: the recommender.
        prepared: the dataset.
        settings: of the run.
        named: whether the user named the recommender; if not, nothing is downloaded for it.
        paying: whether paid calls may be made.

    Raises:
        PluginError: something that it stands on is not installed.
        ConfigError: a value does not fit.
    """
    recommender = _configured(name, prepared, settings)
    below = _below(recommender, prepared, settings)
    if not any(prepared.catalog.texts) and any(map(_reads_texts, (recommender, *below))):
        return _NO_TEXTS
    set_by_user = {*settings.overrides, *map(str, settings.overrides.get(name, {}).values())}
    reason = recommender.unsuitable(prepared.catalog) or recommender.why_unavailable()
    if isinstance(recommender, PromptedRecommender) and not named:
        lacking = reason or _download(recommender, name)
        advice = lacking or f"`-r {name}` in place of `--all` runs it"
        return f"it prompts a language model ({_request(name, prepared, settings)}); {advice}"
    if reason is not None:
        return reason
    if isinstance(recommender, PromptedRecommender) and not paying and recommender.pays():
        return "it asks a model that costs money, which only the machine of the run does"
    for part in (*below, *_candidates(below, settings)):
        download = None if named or part.name in set_by_user else _download(part, name)
        if (reason := _why_not(part, prepared, settings, download, paying=paying)) is not None:
            return f"its {part.kind} {part.name}: {reason}"
    return None


def why_not(kind: str, name: str, prepared: PreparedDataset, settings: Settings) -> str | None:
    """Return why an embedder or reducer cannot work on a dataset here, or None.

    Nor can an embedder that is paid for, where its missing vectors cost more than the cap.
    """
    component = registry().get(kind, name).component
    made = component(component.Config.create(settings.overrides.get(name, {}), name))
    reason = _why_not(made, prepared, settings, None, paying=True)
    if reason is None and kind == "embedder" and settings.max_cost is not None:
        texts = to_embed(prepared.catalog)
        try:
            _, work = missing(name, settings.overrides, texts, settings.workspace)
        except BenchkitError as error:
            return str(error)
        if work.dollars > settings.max_cost:
            return f"its vectors cost about ${work.dollars:.4f}, more than --max-cost"
    return reason


def _why_not(
    component: Component,
    prepared: PreparedDataset,
    settings: Settings,
    download: str | None,
    *,
    paying: bool,
) -> str | None:
    if (reason := component.unsuitable(prepared.catalog)) is not None:
        return reason
    reason = component.why_unavailable() or download
    if reason is None and not paying and getattr(component, "paid", False):
        reason = f"it costs money, and its vectors are not all here; {_FETCH}"
    return None if reason is None or _stored(component, prepared, settings) else reason


def _candidates(below: Iterable[Component], settings: Settings) -> list[Component]:
    """Return the embedders that a search may draw, where the recommender has one."""
    if not any(component.kind == "embedder" for component in below):
        return []
    return [embedder(name, settings.overrides.get(name, {})) for name in settings.embedders]


def _configured(name: str, prepared: PreparedDataset, settings: Settings) -> Recommender:
    values = settings.values(name).get(name, {})
    return settings.presets(prepared.family).configure(name, values)


def _below(component: Component, prepared: PreparedDataset, settings: Settings) -> list[Component]:
    presets = settings.presets(prepared.family)
    below = presets.dependencies(component, settings.values(component.name))
    return [dependency.component for dependency in below]


def _reads_texts(component: Component) -> bool:
    return component.kind == "embedder" or isinstance(component, PromptedRecommender)


def _request(name: str, prepared: PreparedDataset, settings: Settings) -> str:
    try:
        return in_words(forecast(plan(prepared, name, settings), prepared) or Work())
    except BenchkitError as error:
        return str(error)


def in_words(work: Work) -> str:
    """Return what is still to be asked for, in words; dollars are rounded up."""
    if not work.calls:
        return "nothing more to ask, all answers are kept"
    price = f"${math.ceil(work.dollars * 100) / 100:,.2f}" if work.dollars else "no cost"
    seconds = f", about {show_time(work.seconds)}" if work.seconds else ""
    return f"{work.calls:,} calls, about {work.tokens:,} tokens, {price}{seconds}"


def _download(component: Component, recommender: str) -> str | None:
    wanted = component.downloads()
    if wanted is None:
        return None
    return f"{wanted} must be downloaded first; `-r {recommender}` does that"


def _stored(component: Component, prepared: PreparedDataset, settings: Settings) -> bool:
    if component.kind != "embedder":
        return False
    texts = to_embed(prepared.catalog)
    lacking, _ = missing(component.name, settings.overrides, texts, settings.workspace)
    return not lacking


def unused(
    values: Mapping[str, object],
    names: Iterable[str],
    prepared: PreparedDataset,
    settings: Settings,
) -> list[str]:
    """Return the components whose values the user set, and that no recommender of a run uses."""
    seen, searched = set[str](), set[str]()
    for name in names:
        recommender = _configured(name, prepared, settings)
        for component in (recommender, *_below(recommender, prepared, settings)):
            seen.add(component.name)
            searched |= {
                field.param.names
                for field in component.config.fields()
                if field.param.names and field.param.search
            }
    for kind in searched:  # a search may choose any of them
        seen |= set(registry().components[kind])
    seen |= set(settings.embedders)
    return [name for name in values if name not in seen]
