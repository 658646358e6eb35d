"""Records as runs of MLflow: parameters, metrics, tags, and the record and its lists as artifacts.

A run is known by its record's key. What is there already is left; a record that has changed since
(measured again, say) replaces its run, and so does one whose export was interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchkit.contracts.errors import BenchkitError, UnavailableError, extra_missing
from benchkit.leaderboards import store
from benchkit.leaderboards.record import Record
from benchkit.toolkit.digests import digest_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEY, _CONTENT = "benchkit.key", "benchkit.content"
_LONGEST_VALUE, _LONGEST_TAG, _LONGEST_NAME = 6000, 5000, 250  # characters, MLflow's limits
_BATCH = 100  # parameters a request


@dataclass(frozen=True)
class Exported:
    """How many runs there are for records now.

    Attributes:
        experiment: name of MLflow's experiment.
        new: runs that were made.
        replaced: runs that were made in place of others.
        kept: runs that were there already.
    """

    experiment: str
    new: int
    replaced: int
    kept: int


def export(records: Iterable[Record], out: Path, experiment: str, uri: str | None) -> Exported:
    """Make a run of each record that has none.

    Args:
        records: the records.
        out: folder of the leaderboards, where the lists are.
        experiment: name of MLflow's experiment, made where it is missing.
        uri: of the tracking server or store; None for MLflow's own setting.

    Raises:
        UnavailableError: MLflow is not installed.
        BenchkitError: the server cannot be reached or refuses.
    """
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise UnavailableError(f"cannot export to MLflow: {extra_missing('mlflow')}") from error
    counts = {"new": 0, "replaced": 0, "kept": 0}
    with _one_sentence():
        client = MlflowClient(uri)
        place = client.get_experiment_by_name(experiment)
        number = place.experiment_id if place else client.create_experiment(experiment)
        runs = dict(_runs(client, number))
        for record in records:
            digest = digest_of([record.to_line(), _lists(record, out) is not None])
            run, content = runs.get(record.identity.key, ("", ""))
            counts["kept" if content == digest else "replaced" if run else "new"] += 1
            if content != digest:
                _add(client, number, record, out, digest)
                if run:
                    client.delete_run(run)
    return Exported(experiment, **counts)


def _runs(client: MlflowClient, experiment: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield key, run and digest of what it was made of, "" where it is not whole."""
    page = None
    while page != "":
        runs = client.search_runs([experiment], max_results=1000, page_token=page)
        for run in runs:
            if _KEY in run.data.tags:
                yield run.data.tags[_KEY], (run.info.run_id, run.data.tags.get(_CONTENT, ""))
        page = runs.token or ""


def _add(client: MlflowClient, experiment: str, record: Record, out: Path, digest: str) -> None:
    from mlflow.entities import Metric, Param

    ended = _milliseconds(record.created)
    started = ended - int(1000 * (record.seconds["fit"] + record.seconds["recommend"]))
    tags = {name: value[:_LONGEST_TAG] for name, value in _tags(record).items()}
    run = client.create_run(experiment, start_time=started, tags=tags).info.run_id
    metrics = [Metric(_name(n), v, ended, 0) for n, v in _metrics(record).items()]
    client.log_batch(run, metrics=metrics)
    for part in _parts(_parameters(record)):
        client.log_batch(run, params=[Param(_name(n), v[:_LONGEST_VALUE]) for n, v in part])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        path.write_text(record.to_json(), encoding="utf-8")
        client.log_artifact(run, str(path))
    if (lists := _lists(record, out)) is not None:
        client.log_artifact(run, str(lists))
    with redirect_stdout(StringIO()):  # it prints where to look
        client.set_terminated(run, "FINISHED", ended)
    client.set_tag(run, _CONTENT, digest)  # last: now it is whole


def _lists(record: Record, out: Path) -> Path | None:
    """Return the file of a record's lists, None where they are not here."""
    folder = record.identity.folder(out)
    try:
        store.check_lists(folder, record)
    except store.DamagedRecordError:
        return None
    return folder / store.LISTS


def _metrics(record: Record) -> dict[str, float]:
    parts = {"seconds": record.seconds, "api": record.api, "diagnostics": record.diagnostics}
    others = {f"{part}.{n}": v for part, values in parts.items() for n, v in values.items()}
    return {**record.metrics, **others, "peak_memory": record.peak_memory}


def _parameters(record: Record) -> dict[str, str]:
    about = record.identity
    values: dict[str, Any] = {
        "recommender": about.recommender["name"],
        "seed": about.seed,
        "depth": about.depth,
        **{f"protocol.{name}": value for name, value in about.protocol.items()},
        **{f"dataset.{name}": value for name, value in about.dataset["config"].items()},
        **{f"config.{name}": value for name, value in about.config.items()},
    }
    for part, below in about.builds_on.items():
        config = below.get("config") if isinstance(below, Mapping) else {"digest": below}
        values |= {f"{part}.{name}": value for name, value in dict(config or {}).items()}
    return {name: str(value) for name, value in values.items()}


def _tags(record: Record) -> dict[str, str]:
    about = record.identity
    run = f"{about.recommender['name']} seed {about.seed} ties {about.ties}"
    return {
        "mlflow.runName": run,
        _KEY: about.key,
        "benchkit.dataset": about.dataset["name"],
        "benchkit.data": about.dataset["fingerprint"],
        "benchkit.protocol": about.protocol["name"],
        "benchkit.protocol.fingerprint": about.protocol["fingerprint"],
        "benchkit.rules": about.protocol["rules"],
        "benchkit.preset": record.preset,
        "benchkit.code": record.code,
        "benchkit.distribution": about.recommender["distribution"],
        "benchkit.version": about.recommender["version"],
        "benchkit.source": about.recommender["source"],
        "benchkit.prompts": str(record.prompts),
        "benchkit.study": about.search,
        "mlflow.source.git.commit": str(record.environment.get("commit") or ""),
    }


def _name(text: str) -> str:
    """Return a name that MLflow takes: it has no place for the @ of ndcg@20."""
    return re.sub(r"[^\w.\- :/]", "_", text.replace("@", "_at_"))[:_LONGEST_NAME]


def _parts(values: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    pairs = list(values.items())
    yield from (pairs[start : start + _BATCH] for start in range(0, len(pairs), _BATCH))


def _milliseconds(time: str) -> int:
    try:
        return int(1000 * datetime.fromisoformat(time).timestamp())
    except ValueError:  # a record from elsewhere
        return 0


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn MLflow's errors into one sentence, without the password that an address may have."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError, ImportError) as error:
        text = re.sub(r"//[^/\s@]*@", "//", " ".join(str(error).split()))
        raise BenchkitError(f"cannot export to MLflow: {text[:500]}") from error
