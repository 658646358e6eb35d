"""Where a row comes from: how to repeat it, its configuration, code, versions and machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchkit.contracts.config import show_value
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.rows import Row

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Repeat:
    """How to run a row again.

    Attributes:
        command: for a shell.
        file: name of the experiment's file, "" where the command needs none.
        experiment: its content.
        note: a sentence about what they leave out, "" for nothing.
    """

    command: str
    file: str = ""
    experiment: str = ""
    note: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a row comes from.

    Attributes:
        label: of the row.
        repeat: how to run it again.
        configuration: every parameter, its own and those of what it builds on, under headings.
        code: what made it.
        runs: a line of facts for each run.
    """

    label: str
    repeat: Repeat
    configuration: Sequence[tuple[str, Facts]]
    code: Facts
    runs: Sequence[Facts]


def origin(row: Row, repeat: Callable[[Row], Repeat]) -> Origin:
    """Return where a row comes from.

    Args:
        row: of a table.
        repeat: says how to run it again.
    """
    newest = row.newest
    return Origin(
        row.label,
        repeat(row),
        list(_configuration(newest)),
        list(_code(newest)),
        [list(_run(run)) for run in row.runs],
    )


def _configuration(run: Record) -> Iterator[tuple[str, Facts]]:
    yield f"{run.identity.recommender['name']}, preset {run.preset}", _shown(run.identity.config)
    for name, about in run.identity.builds_on.items():
        if isinstance(about, Mapping):
            heading = f"{name} {about.get('version', '')} ({about.get('source', '')})"
            config = about.get("config")
            yield heading, _shown(config) if isinstance(config, Mapping) else []


def _shown(values: Mapping[str, Any]) -> Facts:
    return [(str(name), show_value(value)) for name, value in values.items()]


def _code(run: Record) -> Iterator[tuple[str, str]]:
    identity, environment = run.identity, run.environment
    recommender = identity.recommender
    yield "distribution", f"{recommender['distribution']} {recommender['version']}"
    yield "source", recommender["source"]
    yield "code", run.code
    yield "commit", str(environment.get("commit", "not noted"))
    yield "data", str(identity.dataset["fingerprint"])
    yield "protocol", f"{identity.protocol['name']} ({identity.protocol['rules']})"
    packages = environment.get("packages")
    if isinstance(packages, Mapping):
        yield "versions", ", ".join(f"{name} {version}" for name, version in packages.items())
    for name in ("python", "system", "processor", "cores", "threads", "gpu"):
        if environment.get(name) is not None:
            yield name, str(environment[name])


def _run(run: Record) -> Iterator[tuple[str, str]]:
    yield "record", run.identity.key
    yield "ties", str(run.identity.ties)
    yield "seed", str(run.identity.seed)
    yield "made", run.created[:19].replace("T", " ")
    yield "fit s", f"{run.seconds['fit']:,.1f}"
    yield "recommend s", f"{run.seconds['recommend']:,.1f}"
    yield "memory MiB", f"{run.peak_memory / 2**20:,.0f}"
    yield "US$", "unknown" if run.api.get("unknown") else f"{run.api.get('cost', 0.0):,.4f}"
