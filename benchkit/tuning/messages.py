"""What a worker and whoever started it tell each other: plain data, through a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchkit.tuning.search import Search


@dataclass(frozen=True)
class Order:
    """Work on a search.

    Attributes:
        search: what to search.
        seconds: how long, from when it has rehearsed.
        failures_from: number of the first trial whose failure counts in a row.
    """

    search: Search
    seconds: float
    failures_from: int


@dataclass(frozen=True)
class Probe:
    """Tell what the first trial of a search would take."""

    search: Search


@dataclass(frozen=True)
class News:
    """What a worker tells.

    Attributes:
        kind: ``ready`` for orders; ``begin``, it has rehearsed; ``trial``, one begins; ``fold``,
            one is computed; ``end`` of a trial; ``report``, a line about a long fit; ``warning``,
            a component's, in `text`; ``estimate``, the answer to a `Probe`, in `seconds`; ``over``,
            no further trial may begin, for the reason in `text`; ``broken``, it cannot go on, for
            the reason in `text`; ``lost``, nor can anybody else, for the database does not answer.
        trial: number of the trial.
        text: the line or reason.
        source: of a warning: the line of code that says it, whatever numbers it holds.
        seconds: that the first trial would take.
    """

    kind: Literal[
        "ready",
        "begin",
        "trial",
        "fold",
        "end",
        "report",
        "warning",
        "estimate",
        "over",
        "broken",
        "lost",
    ]
    trial: int = -1
    text: str = ""
    source: str = ""
    seconds: float = 0.0
