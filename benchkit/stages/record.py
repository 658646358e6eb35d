"""Records: everything known about one evaluated model, written whole or not at all.

A record is a folder: ``record.json``, ``lists.parquet`` (per prompt: session, truth, items and
scores, all codes of the prepared data that the fingerprint names) and ``values.parquet`` (one
column a metric and cutoff, one row a prompt, for tests of significance).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy.typing as npt

from benchkit.contracts.metric import Float64
from benchkit.contracts.recommender import Recommendations
from benchkit.contracts.sessions import Int32
from benchkit.errors import StorageError
from benchkit.files import folder_atomically, locked, write_atomically

RECORDS = "records"
_WEIGHTS = "weights"
FORMAT = 1
# The preset of a record whose configuration a search has found.
TUNED = "tuned"


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
        api: ``tokens`` and ``cost`` (US dollars) of paid calls.
        split: what the split did.
        environment: commit, package versions, machine.
        created: when, ISO 8601 in UTC.
        weights: names of the files that hold the fitted weights, in ``weights/<dataset>``.
        search: how the configuration was found (`benchkit.tuning.frozen`); {} without a search.
        diagnostics: what the answers of a prompted model were like; {} for other recommenders.
        asked: when a later run asked for it again, where it was no longer the newest; "" never.
        metric_sources: digests of the metrics' sources, by name; {} where nobody noted them.
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

    @property
    def latest(self) -> str:
        """When a run last asked for it: what is shown is newest by this."""
        return self.asked or self.created

    def to_json(self) -> str:
        """Return the record as a JSON document."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a JSON document; unknown or missing fields raise ValueError, KeyError, TypeError."""
        content = json.loads(text)
        if not isinstance(content, dict):
            raise TypeError("it is no JSON object")
        if content.pop("format") != FORMAT:
            raise ValueError("written by another version of benchkit")
        return cls(**{**content, "identity": Identity(**content["identity"])})


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


def weights_folder(out: Path, dataset: str) -> Path:
    """Return where recommenders keep fitted weights of a dataset."""
    return out / _WEIGHTS / dataset


def lock(out: Path, identity: Identity) -> AbstractContextManager[None]:
    """Keep other processes from making or changing the record of that identity.

    Raises:
        StorageError: the output folder cannot be written.
    """
    return locked(out / RECORDS / ".locks" / f"{identity.key}.lock")


def write(
    out: Path,
    record: Record,
    recommendations: Recommendations,
    sessions: Int32,
    truth: Int32,
    values: Mapping[str, Float64],
) -> Path:
    """Write a record's folder in one step and return it.

    Args:
        out: output folder.
        record: the record.
        recommendations: the lists, ``int32[prompts, depth]``.
        sessions: session code of each prompt, ``int32[prompts]``.
        truth: withheld items, ``int32[prompts]``.
        values: per-prompt values of each metric and cutoff, ``float64[prompts]``.

    Raises:
        StorageError: no permission, a full disk.
    """
    folder = record.identity.folder(out)
    lists = {
        "session": sessions,
        "truth": truth,
        "items": recommendations.items,
        "scores": recommendations.scores,
    }
    with folder_atomically(folder) as scratch:
        (scratch / "lists.parquet").write_bytes(_parquet(lists))
        (scratch / "values.parquet").write_bytes(_parquet(values))
        (scratch / "record.json").write_text(record.to_json(), encoding="utf-8")
    forget_failure(out, record.identity)
    return folder


def _parquet(columns: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return a parquet file in memory; a matrix becomes a column of fixed-length arrays."""
    import polars as pl

    buffer = BytesIO()
    pl.DataFrame({name: pl.Series(name, column) for name, column in columns.items()}).write_parquet(
        buffer
    )
    return buffer.getvalue()


def write_failure(out: Path, failure: Failure) -> None:
    """Remember why a run has no record; the next success removes it."""
    path = _failure_path(out, failure.identity)
    write_atomically(path, json.dumps(asdict(failure), indent=1) + "\n")


def forget_failure(out: Path, identity: Identity) -> None:
    """Remove what `write_failure` has written: there is a record now."""
    _failure_path(out, identity).unlink(missing_ok=True)


def rewrite_metrics(folder: Path, record: Record, values: Mapping[str, Float64]) -> None:
    """Replace a record's metrics and per-prompt values, from the kept lists."""
    write_atomically(folder / "values.parquet", _parquet(values))
    rewrite(folder, record)


def rewrite(folder: Path, record: Record) -> None:
    """Replace a record, and leave what lies beside it."""
    write_atomically(folder / "record.json", record.to_json())


def find(out: Path, identity: Identity) -> Record | None:
    """Return the finished record of that identity, or None."""
    path = identity.folder(out) / "record.json"
    return read(path) if path.exists() else None


def read(path: Path) -> Record:
    """Read one ``record.json``.

    Raises:
        StorageError: it is damaged; the message says how to go on.
    """
    try:
        return Record.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"cannot read the record {path} ({error}); remove the folder {path.parent} "
            "and run again"
        ) from error


def read_lists(folder: Path) -> tuple[Recommendations, Int32, Int32]:
    """Return the lists, session codes and truths of a record.

    Raises:
        StorageError: the file is missing or damaged.
    """
    import polars as pl

    path = folder / "lists.parquet"
    try:
        frame = pl.read_parquet(path, glob=False)  # names and folders may hold [ and *
        items, scores = frame["items"].to_numpy(), frame["scores"].to_numpy()
        sessions, truth = frame["session"].to_numpy(), frame["truth"].to_numpy()
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise StorageError(
            f"cannot read the lists {path} ({error}); remove the folder {folder} and run again"
        ) from error
    return Recommendations(items, scores), sessions, truth


def _failure_path(out: Path, identity: Identity) -> Path:
    folder = identity.folder(out)
    return folder.with_name(f"{folder.name}.failed.json")
