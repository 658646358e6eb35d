"""Records: everything known about one evaluated model, written whole or not at all.

A record is a folder: ``record.json``, ``lists.parquet`` (per prompt: session, truth, items and
scores, all codes of the prepared data that the fingerprint names) and ``values.parquet`` (one
column a metric and cutoff, one row a prompt, for tests of significance).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchkit.contracts.metric import Float64
from benchkit.contracts.recommender import Recommendations
from benchkit.contracts.sessions import Int32
from benchkit.errors import BenchkitError, StorageError
from benchkit.files import (
    folder_atomically,
    locked,
    put_aside,
    storage_error,
    write_atomically,
)
from benchkit.stages import validity

RECORDS = "records"
_WEIGHTS = "weights"
_LISTS = "lists.parquet"
FORMAT = 1
# The preset of a record whose configuration a search has found.
TUNED = "tuned"
# What reading JSON of any content may raise.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


class DamagedRecordError(StorageError):
    """A record that nobody can use any more, and that a run makes anew.

    Attributes:
        folder: of the record.
        problem: a clause that says what is wrong.
    """

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(folder, problem)
        self.folder, self.problem = folder, problem

    def __str__(self) -> str:
        return f"{self.problem}; `benchkit run` makes the record anew"


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
        if problem := validity.of_identity(asdict(identity)) or validity.of_record(record):
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
    content = _parquet(lists)
    record = replace(record, lists=_digest(content))
    with folder_atomically(folder) as scratch:
        (scratch / _LISTS).write_bytes(content)
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
    """Replace a record, and leave what lies beside it and what only a later version can read."""
    path = folder / "record.json"
    content = json.loads(record.to_json())
    with suppress(*UNREADABLE):
        content = {**json.loads(path.read_text(encoding="utf-8")), **content}
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def find(out: Path, identity: Identity) -> Record | None:
    """Return the finished record of that identity, or None.

    Raises:
        DamagedRecordError: it cannot be used.
        NewerRecordError: another version's.
    """
    try:
        return read(identity.folder(out) / "record.json")
    except FileNotFoundError:
        return None


def read(path: Path) -> Record:
    """Read one ``record.json``.

    Raises:
        DamagedRecordError: it cannot be used.
        NewerRecordError: another version's.
        FileNotFoundError: there is none, and nothing else in its folder.
        StorageError: no permission.
    """
    folder = path.parent
    try:
        record = Record.from_json(path.read_text(encoding="utf-8"))
    except NewerRecordError as error:
        raise NewerRecordError(
            f"cannot read the record {path}: a later version of benchkit has written it ({error}); "
            "use that version, or another --out"
        ) from error
    except PermissionError as error:
        raise storage_error(path, error, "read") from error
    except UNREADABLE as error:
        if isinstance(error, FileNotFoundError) and not _holds_anything(folder):
            raise
        raise DamagedRecordError(folder, f"cannot read the record {path} ({error})") from error
    if record.identity.folder(Path()).name != folder.name:
        right = record.identity.folder(Path())
        raise DamagedRecordError(folder, f"cannot use the record {path} (it is that of {right})")
    return record


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def set_aside(error: DamagedRecordError) -> str:
    """Rename the folder of a damaged record, and return one sentence that says so.

    Raises:
        StorageError: it cannot be renamed.
    """
    aside = put_aside(error.folder)
    return f"{error.problem}; the record is made anew, and what is left of it is in {aside}"


def check_lists(folder: Path, record: Record) -> None:
    """Refuse lists that are not those that were written with a record.

    Of records of earlier versions, which have no digest, only the end of the file is looked at.

    Raises:
        DamagedRecordError: the lists are missing, cut, or of another record.
    """
    path = folder / _LISTS
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DamagedRecordError(folder, f"cannot read the lists {path} ({reason})") from error
    whole = _digest(content) == record.lists if record.lists else content.endswith(b"PAR1")
    if not whole:
        raise DamagedRecordError(
            folder, f"cannot use the lists {path} (they are not as they were written)"
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def read_lists(folder: Path, record: Record) -> tuple[Recommendations, Int32, Int32]:
    """Return the lists, session codes and truths of a record.

    Raises:
        DamagedRecordError: the file is missing, damaged, or of another record.
    """
    import polars as pl

    check_lists(folder, record)
    path = folder / _LISTS
    try:
        frame = pl.read_parquet(path, glob=False)  # names and folders may hold [ and *
        items, scores = frame["items"].to_numpy(), frame["scores"].to_numpy()
        sessions, truth = frame["session"].to_numpy(), frame["truth"].to_numpy()
        if (items.dtype, items.shape) != (np.int32, (len(truth), record.identity.depth)):
            raise ValueError(f"it holds {items.dtype} of shape {items.shape}")
        return Recommendations(items, scores), sessions, truth
    except (OSError, ValueError, TypeError, BenchkitError, pl.exceptions.PolarsError) as error:
        raise DamagedRecordError(folder, f"cannot read the lists {path} ({error})") from error


def _failure_path(out: Path, identity: Identity) -> Path:
    folder = identity.folder(out)
    return folder.with_name(f"{folder.name}.failed.json")
