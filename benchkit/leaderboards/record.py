"""Records: everything known about one evaluated model, and whether it can be."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from benchkit.components.registry import registry
from benchkit.contracts.errors import StorageError
from benchkit.contracts.metric import Metric, outside

RECORDS = "records"
FORMAT = 1
# The preset of a record whose configuration a search has found.
TUNED = "tuned"
# What reading JSON of any content may raise.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)

_PARTS = {
    "dataset": ("name", "family", "synthetic", "config", "fingerprint"),
    "protocol": ("name", "ties", "test_share", "fingerprint", "rules"),
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

    @property
    def key(self) -> str:
        """Digest of the identity, 16 hex digits."""
        known = asdict(self)
        if not self.search:  # as keys were before there were searches
            del known["search"]
        content = json.dumps(known, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def folder(self, out: Path) -> Path:
        """Return where the record lies under the output folder."""
        name = f"{self.recommender['name']}-{self.key}"
        return out / RECORDS / str(self.dataset["name"]) / name


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
        search: how the configuration was found (`benchkit.tuning.frozen`); {} without a search.
        diagnostics: what the answers of a prompted model were like; {} for other recommenders.
        asked: when a later run asked for it again, where it was no longer the newest; "" never.
        metric_sources: digests of the metrics' sources, by name; {} where nobody noted them.
        experiment: what the run was told, as the file of an experiment says it, less folders and
            addresses; {} in records of earlier versions.
        lists: digest of ``lists.parquet``; "" in records of earlier versions.
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

    @property
    def latest(self) -> str:
        """When a run last asked for it: what is shown is newest by this."""
        return self.asked or self.created

    def to_json(self) -> str:
        """Return the record as a JSON document."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a JSON document; what is missing or wrong raises one of `UNREADABLE`.

        Unknown fields are passed over: a later version may have added them.

        Raises:
            NewerRecordError: a later version has changed the meaning of the others.
        """
        content = json.loads(text)
        if not isinstance(content, dict):
            raise TypeError("it is not a JSON object")
        version = content["format"]
        if isinstance(version, int) and version > FORMAT:
            raise NewerRecordError(f"format {version}, while this version reads {FORMAT}")
        if version != FORMAT:
            raise ValueError(f"its format is {version!r}")
        if unknown := content["identity"].keys() - Identity.__dataclass_fields__.keys():
            raise NewerRecordError(f"its identity has the unknown field {min(unknown)!r}")
        identity = Identity(**content["identity"])
        record = cls(**{**known_fields(cls, content), "identity": identity})
        if problem := problem_of_identity(asdict(identity)) or _problem_of(record):
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


def known_fields(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a JSON object that a dataclass has fields for."""
    return {name: content[name] for name in (f.name for f in fields(kind)) if name in content}


def problem_of_identity(identity: Mapping[str, Any]) -> str:
    """Return what is wrong with an identity's content, "" if nothing."""
    for part, names in _PARTS.items():
        content = identity[part]
        if not isinstance(content, Mapping) or any(name not in content for name in names):
            return f"its {part} is incomplete"
    whole = isinstance(identity["seed"], int) and isinstance(identity["depth"], int)
    if not isinstance(identity["config"], Mapping) or not whole:
        return "config must be an object, seed and depth integers"
    if not isinstance(identity["builds_on"], Mapping) or not isinstance(identity["search"], str):
        return "builds_on must be an object, search a text"
    if not isinstance(identity["protocol"]["ties"], (int, str)):
        return "its ties are neither a seed nor a word"
    return ""


def _problem_of(record: Record) -> str:
    """Return what is wrong with a record's content, "" if nothing."""
    for name in (*_FIGURES, *_OTHERS):
        if not isinstance(getattr(record, name), Mapping):
            return f"{name} must be an object"
    numbers = [value for part in _FIGURES for value in getattr(record, part).values()]
    if not all(is_finite(value) for value in (record.prompts, record.peak_memory, *numbers)):
        return "a figure is not a finite number"
    texts = (record.preset, record.created, record.asked, record.lists, *record.weights)
    if not all(isinstance(text, str) for text in texts):
        return "preset, times and names of files must be texts"
    return impossible(record.metrics)


def is_finite(value: object) -> bool:
    """Return whether a value is a number, and a finite one."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def impossible(metrics: Mapping[str, float]) -> str:
    """Return which figure lies outside the bounds of its metric, "" if none does.

    Only benchkit's own metrics are looked at: a stranger's may have been another one then.

    Args:
        metrics: figures by metric and cutoff, ``{"ndcg@20": 0.04}``.
    """
    installed = registry().components["metric"]
    for key, value in metrics.items():
        entry = installed.get(key.rpartition("@")[0])
        if entry is not None and entry.built_in:
            low, high = cast(type[Metric], entry.component).bounds
            if outside(value, (low, high)):
                return f"{key} is {value:g}, and cannot be below {low:g} or above {high:g}"
    return ""
