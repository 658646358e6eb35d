"""One row of a leaderboard: the runs of one recommender and configuration, averaged."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from statistics import fmean, stdev
from typing import Any

from benchkit.contracts.config import show_value
from benchkit.contracts.protocol import Ties
from benchkit.leaderboards.record import TUNED, Failure, Record

# Recommender, distribution, preset, overrides: what a reader takes for one thing.
Key = tuple[str, str, str, str]
USUAL_PRESET = "paper"


@dataclass(frozen=True)
class Run:
    """What a row keeps of one of its runs: enough to average it with others, wherever they ran.

    Attributes:
        record: key of its record.
        ties: order of equal timestamps.
        seed: of the recommender.
        code: as `code_of` gives it.
        created: when it ended.
        prompts: how many there were.
        metrics: figure of each metric.
        failed_metrics: metrics that it lacks, with the reason.
        seconds: wall time of ``fit`` and ``recommend``.
        peak_memory: bytes.
        api: ``tokens`` and ``cost`` (US dollars), ``unknown`` as a record has it.
        diagnostics: what a prompted model's answers were like, {} for other recommenders.
        environment: where it ran, as `environment` says; {} in files of earlier versions.
    """

    record: str
    ties: Ties
    seed: int
    code: str
    created: str
    prompts: int
    metrics: Mapping[str, float]
    failed_metrics: Mapping[str, str]
    seconds: Mapping[str, float]
    peak_memory: int
    api: Mapping[str, float]
    diagnostics: Mapping[str, float]
    environment: Mapping[str, object] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, int]:
        """Which run of its row it is: the order of equal timestamps, and the seed."""
        return str(self.ties), self.seed


@dataclass(frozen=True)
class Row:
    """The mean over one recommender's runs.

    Attributes:
        recommender: its name.
        label: the name, with what tells the row from others in its table.
        metrics: mean of each metric, those that every run has.
        spread: sample standard deviation of each; None over a single run.
        failed_metrics: metrics that a run lacks, with the reason.
        runs: how many were averaged.
        ties: orders of equal timestamps among them.
        seeds: seeds among them.
        seconds: mean wall time of ``fit`` and ``recommend``.
        peak_memory: bytes, the largest of them.
        api: mean ``tokens`` and ``cost`` (US dollars), and ``unknown`` ones, a run.
        prompts: numbers of prompts among them, ascending.
        records: keys of their records.
        created: when the newest of them ended.
        search: how the configuration was found, {} without a search.
        diagnostics: means of what prompted models' answers were like, {} for other recommenders.
        each: the runs, one by one; none in a file of a version that kept means alone.
    """

    recommender: str
    label: str
    metrics: Mapping[str, float]
    spread: Mapping[str, float | None]
    failed_metrics: Mapping[str, str]
    runs: int
    ties: Sequence[Ties]
    seeds: Sequence[int]
    distribution: str
    version: str
    source: str
    config: Mapping[str, Any]
    preset: str
    overrides: Mapping[str, Any]
    seconds: Mapping[str, float]
    peak_memory: int
    api: Mapping[str, float]
    prompts: Sequence[int]
    records: Sequence[str]
    created: str
    search: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    each: Sequence[Run] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def key_of(run: Record | Failure) -> Key:
    """Return the identity of the row that a run belongs to.

    A failure keeps overrides as the user typed them, a record as values; the configuration has
    the values of both.
    """
    recommender = run.identity.recommender
    overrides = json.dumps(overrides_of(run), sort_keys=True)
    return recommender["name"], recommender["distribution"], run.preset, overrides


def key_of_row(row: Row) -> Key:
    """Return the identity of a row."""
    overrides = json.dumps(row.overrides, sort_keys=True)
    return row.recommender, row.distribution, row.preset, overrides


def overrides_of(run: Record | Failure) -> dict[str, Any]:
    """Return the values that the user set, as values."""
    return {name: run.identity.config.get(name, value) for name, value in run.overrides.items()}


def code_of(run: Record | Failure) -> str:
    """Return a digest of what decides a result besides data, protocol and seed.

    That is version, source and values, of the recommender and of all that it builds on. The values
    that a search has found do not count, nor what they name: two searches of one recommender are
    two runs of one row.
    """
    about = run.identity
    config, below = about.config, about.builds_on
    if run.preset == TUNED:
        below = {
            part: _without_found(part, known, run)
            for part, known in below.items()
            if not _was_found(part, run)
        }
        config = {}
    own = about.recommender["version"], about.recommender["source"], config
    text = json.dumps([*own, below], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def _was_found(part: str, run: Record | Failure) -> bool:
    """Return whether a search decided that something is built on, as ``kind:name``."""
    kind, _, name = part.partition(":")
    searched = run.search.get("space", ()) if isinstance(run, Record) else ()
    named = [run.identity.config.get(parameter) for parameter in searched]
    named += [value for values in _found_of_parts(run).values() for value in values.values()]
    return kind == "reducer" or name in named  # a hybrid's search says whether there is a reducer


def _found_of_parts(run: Record | Failure) -> dict[str, Mapping[str, Any]]:
    """Return the values that searches have found for recommenders that a run builds on."""
    parts = run.search.get("parts", {}) if isinstance(run, Record) else {}
    return {f"recommender:{name}": about["values"] for name, about in parts.items()}


def _without_found(part: str, about: Any, run: Record | Failure) -> Any:
    """Return what is known of a part without the values that its own search has found."""
    found = _found_of_parts(run).get(part)
    if found is None:
        return about
    config = {name: value for name, value in about["config"].items() if name not in found}
    return {**about, "config": config}


def ties_of(run: Record | Failure) -> Ties:
    """Return the order of equal timestamps that a run was made with."""
    ties: Ties = run.identity.protocol["ties"]
    return ties


def place_of(run: Record | Failure) -> tuple[str, int]:
    """Return which run of its row it is: the order of equal timestamps, and the seed."""
    return str(ties_of(run)), run.identity.seed


def ties_order(ties: Ties) -> tuple[bool, int, str]:
    """Return what sorts tie orders: seeds by number, then words."""
    return (False, ties, "") if isinstance(ties, int) else (True, 0, ties)


def current(records: Iterable[Record]) -> dict[Key, list[Record]]:
    """Return the runs that count, by row: of the newest code, one for each ties and seed.

    Runs of older versions are superseded as soon as one of a newer is there: a mean over two
    versions is a figure of neither. Among runs of the same code the newest wins, unless an older
    one only keeps longer lists and so has more cutoffs.
    """
    rows: dict[Key, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.latest):
        rows.setdefault(key_of(record), []).append(record)
    return {key: _of_newest_code(found) for key, found in rows.items()}


def _of_newest_code(records: Sequence[Record]) -> list[Record]:
    code = code_of(records[-1])
    kept: dict[tuple[str, int], Record] = {}
    for record in records:
        if code_of(record) != code:
            continue
        known = kept.get(place_of(record))
        if known is None or record.identity.depth >= known.identity.depth:
            kept[place_of(record)] = record
    return list(kept.values())


def run_of(record: Record) -> Run:
    """Return what a row keeps of a record."""
    return Run(
        record=record.identity.key,
        ties=ties_of(record),
        seed=record.identity.seed,
        code=code_of(record),
        created=record.created,
        prompts=record.prompts,
        metrics=record.metrics,
        failed_metrics=record.failed_metrics,
        seconds=record.seconds,
        peak_memory=record.peak_memory,
        api=record.api,
        diagnostics=record.diagnostics,
        environment=record.environment,
    )


def average(records: Sequence[Record], elsewhere: Iterable[Run] = ()) -> Row:
    """Return the row of runs that share key and code; its label is the recommender's name.

    Args:
        records: the runs here, one at least.
        elsewhere: runs of the same row on other machines. Those of the same code are averaged
            with the others, but for those that were repeated here.

    Where there are several orders of equal timestamps, seeds that some of them lack are left out:
    each order counts alike.
    """
    newest = max(records, key=lambda record: record.created)
    about, code = newest.identity.recommender, code_of(newest)
    here = {run.place: run for run in map(run_of, records)}
    joined = {run.place: run for run in elsewhere if run.code == code} | here
    runs = sorted(_balanced(joined.values()), key=lambda run: (ties_order(run.ties), run.created))
    metrics, failed = _metrics(runs)
    return Row(
        recommender=about["name"],
        label=about["name"],
        metrics={name: fmean(values) for name, values in metrics.items()},
        spread={name: _spread(values) for name, values in metrics.items()},
        failed_metrics=failed,
        runs=len(runs),
        ties=list(dict.fromkeys(run.ties for run in runs)),
        seeds=sorted({run.seed for run in runs}),
        distribution=about["distribution"],
        version=about["version"],
        source=about["source"],
        config=newest.identity.config,
        preset=newest.preset,
        overrides=overrides_of(newest),
        seconds=_means([run.seconds for run in runs]),
        peak_memory=max(run.peak_memory for run in runs),
        api=_means([run.api for run in runs]),
        prompts=sorted({run.prompts for run in runs}),
        records=[run.record for run in runs],
        created=max(run.created for run in runs),
        search=newest.search,
        diagnostics=_means_of_some([run.diagnostics for run in runs]),
        each=runs,
    )


def _balanced(runs: Collection[Run]) -> list[Run]:
    """Return the runs of the seeds that every order has, or all if there is no such seed."""
    seeds: dict[Ties, set[int]] = {}
    for run in runs:
        seeds.setdefault(run.ties, set()).add(run.seed)
    common = set.intersection(*seeds.values())
    return [run for run in runs if not common or run.seed in common]


def _metrics(runs: Sequence[Run]) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return the values of each metric that every run has, and why the others are missing."""
    values, failed = {}, {}
    for name in dict.fromkeys(n for run in runs for n in (*run.metrics, *run.failed_metrics)):
        found = [run.metrics[name] for run in runs if name in run.metrics]
        if len(found) == len(runs):
            values[name] = found
        else:
            reasons = (run.failed_metrics[name] for run in runs if name in run.failed_metrics)
            failed[name] = next(
                reasons,
                f"measured in {len(found)} of {len(runs)} runs; `benchkit evaluate` or, where "
                "lists are too short, `benchkit run`, with the same --k for all, adds the others",
            )
    return values, failed


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _means(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: fmean(part.get(name, 0.0) for part in parts) for name in names}


def _means_of_some(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return means over those that have a value: without hallucinations, none is similar."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: fmean(part[name] for part in parts if name in part) for name in names}


def in_vain(row: Row) -> bool:
    """Tell whether no trial of a search has finished, and the preset was evaluated."""
    alone = bool(row.search) and "parts" not in row.search
    return alone and row.search.get("best") is None


def labels(known: Mapping[Key, Mapping[str, Any]]) -> dict[Key, str]:
    """Return a label a row: the name, and what tells it from the other rows of its table.

    The user's values always show, and that a search found the others; a preset other than the usual
    where the same row stands there with another one, a distribution where rows would be called
    alike.

    Args:
        known: overrides of each row, by key.
    """
    named = {key: _label(key, overrides, known) for key, overrides in known.items()}
    twice = [label for label in named.values() if list(named.values()).count(label) > 1]
    return {k: f"{v} from {k[1]}" if v in twice else v for k, v in named.items()}


def _label(key: Key, overrides: Mapping[str, Any], known: Iterable[Key]) -> str:
    name, distribution, preset, values = key
    shown = ", ".join(f"{k}={show_value(v)}" for k, v in sorted(overrides.items()))
    label = f"{name} ({shown})" if shown else name
    presets = {key[2] for key in known if key == (name, distribution, key[2], values)}
    if preset == TUNED:
        return f"{label} [{TUNED}]"
    return f"{label} [{preset}]" if preset != USUAL_PRESET and len(presets) > 1 else label
