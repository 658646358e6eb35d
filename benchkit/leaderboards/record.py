"""Records: one evaluated model each, and whether what a file says of it can be true."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Any, cast

from benchkit.components.registry import registry
from benchkit.contracts.errors import StorageError
from benchkit.contracts.metric import Metric, outside
from benchkit.contracts.protocol import Ties
from benchkit.toolkit.digests import digest_of

RECORDS = "records"
FORMAT = 1
# The preset of a record whose configuration a search has found.
TUNED = "tuned"
# What reading JSON of any content may raise.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)

_TEXTS = {
    "dataset": ("name", "family", "fingerprint"),
    "protocol": ("name", "fingerprint", "rules"),
    "recommender": ("name", "distribution", "version", "source"),
}
_FIGURES = ("metrics", "seconds", "api", "diagnostics")
_OTHERS = (
    "failed_metrics",
    "overrides",
    "metric_sources",
    "split",
    "environment",
    "search",
    "experiment",
)


class NewerRecordError(StorageError):
    """A record that a later version of benchkit has written: not ours to replace."""


@dataclass(frozen=True)
class Identity:
    """What makes two runs the same run: equal identity, equal result, never computed twice.

    Attributes:
        dataset: name, family, whether synthetic, configuration and content fingerprint.
        protocol: name, ties, test share; ``fingerprint``, and ``rules``: the fingerprint less
            the ties, equal for rows that may stand side by side once ties are averaged.
        recommender: name, distribution, version and digest of the source.
        config: the recommender's whole configuration.
        builds_on: everything else that shapes the result (embedder, reducer, other recommenders):
            distribution, version, source and configuration, by ``kind:name``.
        seed: of everything random.
        depth: length of the lists.
        search: name of the study that found the configuration; "" without a search.
    """

    dataset: Mapping[str, Any]
    protocol: Mapping[str, Any]
    recommender: Mapping[str, str]
    config: Mapping[str, Any]
    seed: int
    depth: int
    builds_on: Mapping[str, Any] = field(default_factory=dict)
    search: str = ""

    @cached_property
    def key(self) -> str:
        """Digest of the identity, 16 hex digits."""
        content = _plain(self)
        if not self.search:  # as keys were before there were searches
            del content["search"]
        return digest_of(content)

    @property
    def ties(self) -> Ties:
        """Order of equal timestamps."""
        ties: Ties = self.protocol["ties"]
        return ties

    def folder(self, out: Path) -> Path:
        """Return where the record lies under the output folder."""
        name = f"{self.recommender['name']}-{self.key}"
        return out / RECORDS / str(self.dataset["name"]) / name

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Identity:
        """Read what JSON held; what is missing or wrong raises one of `UNREADABLE`.

        Raises:
            NewerRecordError: a later version tells runs apart that are one to this one.
        """
        if unknown := content.keys() - cls.__dataclass_fields__.keys():
            raise NewerRecordError(f"its identity has the unknown field {min(unknown)!r}")
        identity = cls(**content)
        if problem := _problem_of_identity(identity):
            raise ValueError(problem)
        return identity


@dataclass(frozen=True)
class Record:
    """One evaluated model.

    Attributes:
        identity: what was run.
        preset: ``paper``, ``sample``, ``default`` or ``tuned``: where values came from that nobody
            set.
        overrides: the values that the user set; those of what the recommender builds on by its
            name, as ``lsa.dims``.
        metrics: summaries at full precision, ``{"ndcg@20": 0.0424}``.
        failed_metrics: metrics that could not be computed, with the reason.
        prompts: number of prompts.
        seconds: wall time of ``fit`` and ``recommend``.
        peak_memory: bytes, the largest resident size of the process.
        api: ``tokens`` and ``cost`` (US dollars) of the vectors and answers that the result rests
            on, whichever process paid for them; ``unknown``: how many have a cost nobody noted.
        split: what the split did.
        environment: commit, package versions, machine.
        created: when, ISO 8601 in UTC.
        weights: names of the files that hold the fitted weights, in ``weights/<dataset>``.
        search: how the configuration was found (`benchkit.tuning.search`); {} without a search.
        diagnostics: what the answers of a prompted model were like; {} for other recommenders.
        asked: when a later run asked for it again, where it was no longer the newest; "" never.
        metric_sources: digests of the metrics' sources, by name; {} where nobody noted them.
        experiment: what the run was told, as the file of an experiment says it, less folders and
            addresses; {} in records of earlier versions.
        lists: digest of ``lists.parquet``; "" in records of earlier versions.
        code: digest of what decides the result besides data, protocol and seed; runs of one row
            share it. Computed where it is "", as in records of earlier versions.
        later: fields that a later version has added, written back as they were.
    """

    identity: Identity
    preset: str
    overrides: Mapping[str, Any]
    metrics: Mapping[str, float]
    failed_metrics: Mapping[str, str]
    prompts: int
    seconds: Mapping[str, float]
    peak_memory: int
    split: Mapping[str, Any]
    environment: Mapping[str, Any]
    created: str
    api: Mapping[str, float] = field(default_factory=lambda: {"tokens": 0, "cost": 0.0})
    weights: Sequence[str] = field(default_factory=list)
    search: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    asked: str = ""
    metric_sources: Mapping[str, str] = field(default_factory=dict)
    lists: str = ""
    experiment: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    later: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in the code."""
        if not self.code:
            object.__setattr__(self, "code", _code(self.identity, self.preset, self.search))

    @property
    def latest(self) -> str:
        """When a run last asked for it: what is shown is newest by this."""
        return self.asked or self.created

    def to_json(self) -> str:
        """Return the record as a JSON document."""
        return json.dumps(self._content(), indent=1) + "\n"

    def to_line(self) -> str:
        """Return the record as JSON in one line; fields keep their order, which tables show."""
        return json.dumps(self._content(), separators=(",", ":"))

    def _content(self) -> dict[str, Any]:
        content = _plain(self)
        return {"format": FORMAT, **content.pop("later"), **content}

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a JSON document; what is missing or wrong raises one of `UNREADABLE`.

        Raises:
            NewerRecordError: a later version has changed the meaning of what this one knows.
        """
        content = json.loads(text)
        if not isinstance(content, dict):
            raise TypeError("it is not a JSON object")
        version = content.pop("format")
        if isinstance(version, int) and version > FORMAT:
            raise NewerRecordError(f"format {version}, while this version reads {FORMAT}")
        if version != FORMAT:
            raise ValueError(f"its format is {version!r}")
        content["identity"] = Identity.from_plain(content["identity"])
        names = {field.name for field in fields(cls)} - {"later"}
        later = {name: content.pop(name) for name in content.keys() - names}
        record = cls(**content, later=later)
        if problem := _problem_of(record):
            raise ValueError(problem)
        return record


@dataclass(frozen=True)
class Failure:
    """A run that ended without a record.

    Attributes:
        identity: what was run.
        preset: as a record's.
        overrides: as a record's.
        reason: one line.
        details: traceback, empty where the user can mend the cause.
        created: when, ISO 8601 in UTC.
    """

    identity: Identity
    preset: str
    overrides: Mapping[str, Any]
    reason: str
    details: str
    created: str

    @property
    def latest(self) -> str:
        """When a run last asked for it."""
        return self.created

    @property
    def code(self) -> str:
        """Digest of what decides a result, as a record's."""
        return _code(self.identity, self.preset, {})

    def to_json(self) -> str:
        """Return the failure as a JSON document."""
        return json.dumps(_plain(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Failure:
        """Read a JSON document; what is missing or wrong raises one of `UNREADABLE`."""
        content = json.loads(text)
        identity = Identity.from_plain(content["identity"])
        values = {field.name: content[field.name] for field in fields(cls)}
        failure = cls(**{**values, "identity": identity})
        if not isinstance(failure.reason, str) or not isinstance(failure.created, str):
            raise TypeError("no reason or time")
        if not isinstance(failure.overrides, Mapping) or not isinstance(failure.preset, str):
            raise TypeError("no preset or overrides")
        return failure


def _plain(part: Identity | Record | Failure) -> dict[str, Any]:
    """Return the fields by name; what they hold is plain already, but for an identity."""
    content = {field.name: getattr(part, field.name) for field in fields(part)}
    return content if isinstance(part, Identity) else {**content, "identity": _plain(part.identity)}


def _code(identity: Identity, preset: str, search: Mapping[str, Any]) -> str:
    """Return a digest of version, source and values of a recommender and all that it builds on.

    The values that a search has found do not count, nor what they name: two searches of one
    recommender are two runs of one row.
    """
    config, below = identity.config, identity.builds_on
    if preset == TUNED:
        tuned = {f"recommender:{k}": v["values"] for k, v in search.get("parts", {}).items()}
        named = [config.get(parameter) for parameter in search.get("space", ())]
        named += [value for values in tuned.values() for value in values.values()]
        below = {
            part: _without(tuned[part], about) if part in tuned else about
            for part, about in below.items()
            # a hybrid's search says whether there is a reducer
            if not part.startswith("reducer:") and part.partition(":")[2] not in named
        }
        config = {}
    own = identity.recommender["version"], identity.recommender["source"], config
    return digest_of([*own, below])


def _without(names: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    config = {name: value for name, value in about["config"].items() if name not in names}
    return {**about, "config": config}


def _problem_of_identity(identity: Identity) -> str:
    for part, names in _TEXTS.items():
        content = getattr(identity, part)
        if not isinstance(content, Mapping) or not _all(str, map(content.get, names)):
            return f"its {part} is incomplete"
    dataset, protocol = identity.dataset, identity.protocol
    objects = identity.config, identity.builds_on, dataset.get("config")
    if not _all(Mapping, objects) or not isinstance(identity.search, str):
        return "config and builds_on must be objects, search a text"
    counts = [protocol.get("revision", 1), dataset.get("synthetic"), identity.seed, identity.depth]
    if not _all(int, counts) or not isinstance(protocol.get("max_prompts"), (int, NoneType)):
        return "seed, depth and what the protocol counts must be integers"
    if not _is_finite(protocol.get("test_share")):
        return "its test share is not a number"
    if identity.ties != "file" and (type(identity.ties) is not int or identity.ties < 0):
        return "its ties are neither a seed nor the word file"
    return ""


def _all(kind: type, values: Iterable[object]) -> bool:
    return all(isinstance(value, kind) for value in values)


def _problem_of(record: Record) -> str:
    for name in (*_FIGURES, *_OTHERS):
        if not isinstance(getattr(record, name), Mapping):
            return f"{name} must be an object"
    trials, seconds = record.search.get("trials", {}), record.search.get("seconds", 0)
    if not isinstance(trials, Mapping) or not _is_finite(seconds):
        return "its search is not as searches are"
    numbers = [value for part in _FIGURES for value in getattr(record, part).values()]
    if not {"fit", "recommend"} <= record.seconds.keys():
        return "it lacks seconds"
    if not all(map(_is_finite, (record.prompts, record.peak_memory, *numbers))):
        return "a figure is not a finite number"
    texts = (record.preset, record.created, record.asked, record.lists, record.code)
    if not _all(str, (*texts, *record.weights)):
        return "preset, times, digests and names of files must be texts"
    return _impossible(record.metrics)


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _impossible(metrics: Mapping[str, float]) -> str:
    """Return which figure lies outside the bounds of its metric, "" if none does.

    Only benchkit's own metrics are looked at: a stranger's may have been another one then.
    """
    installed = registry().components["metric"]
    for key, value in metrics.items():
        entry = installed.get(key.rpartition("@")[0])
        if entry is not None and entry.built_in:
            low, high = cast(type[Metric], entry.component).bounds
            if outside(value, (low, high)):
                return f"{key} is {value:g}, and cannot be below {low:g} or above {high:g}"
    return ""
