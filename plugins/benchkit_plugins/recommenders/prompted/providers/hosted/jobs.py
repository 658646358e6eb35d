"""Fine-tuning at a service: a job is found or begun, then waited for.

A job carries its course's key, and is looked for before it is begun: a killed run finds it again,
and a call whose answer was lost begins nothing twice.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from benchkit.contracts.errors import FinalError
from benchkit_plugins.recommenders.prompted.providers.contract import Course, Status, Trained

if TYPE_CHECKING:
    from benchkit_plugins.recommenders.prompted.providers.hosted.service import Hosted

LABEL = "benchkit"  # what a service shows our keys under
# Seconds between two looks at what is under way: a server of one's own may be quick.
FIRST_LOOK, POLL = 0.5, 10.0


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further look."""
    pause = min(FIRST_LOOK, POLL)
    while True:
        yield pause
        pause = min(2 * pause, POLL)


@dataclass(frozen=True)
class Job:
    """A fine-tuning at a service: what the service calls it, and how it stands."""

    name: str
    status: Status


class Jobs(ABC):
    """Base of what a service does to fine-tune; errors of its client are the caller's to read."""

    @abstractmethod
    def find(self, course: Course) -> Job | None:
        """Return the job of a course, one that has not failed before others."""

    @abstractmethod
    def begin(self, course: Course) -> Job:
        """Begin a job, with the files that are there already and those that are not."""

    @abstractmethod
    def look(self, name: str) -> Job | None:
        """Return how a job stands, None where it has vanished."""

    def news(self, name: str, known: set[str]) -> list[str]:
        """Return what a job says of itself, oldest first, and add it to what is known."""
        del name, known
        return []


def trained(
    provider: Hosted,
    course: Course,
    allow: Callable[[float], None],
    report: Callable[[str], None],
) -> Trained:
    """Return what a course's job gives, begun unless it is there.

    Raises:
        FinalError: it failed.
        UnavailableError: the service cannot be asked.
    """
    promised: list[float] = []

    def found_or_begun() -> Job:
        job = provider.jobs.find(course)
        if job is not None and job.status.state in ("running", "succeeded"):
            return job
        if not promised:
            promised.append(provider.work(course.pairs).dollars)
            allow(promised[0])
        return provider.jobs.begin(course)

    job = _end(provider, provider.asked(found_or_begun), report)
    if job.status.trained is None:
        # whoever cancels a job at the service does not want a search's next trial to begin another
        raise FinalError(
            f"the fine-tuning {job.name} at {provider.name} came to nothing: {job.status.detail}; "
            "the same command begins another"
        )
    done = job.status.trained
    return replace(done, promised=sum(promised), earlier=0.0 if promised else done.dollars)


def _end(provider: Hosted, job: Job, report: Callable[[str], None]) -> Job:
    """Return a job at its end, having told how it goes."""
    known: set[str] = set()
    said = ""
    for pause in pauses():
        news = provider.asked(partial(provider.jobs.news, job.name, known))
        if not news and job.status.detail != said:
            news = [job.status.detail]
        said = job.status.detail
        for line in news:
            report(f"{provider.name} {job.name}: {line}")
        if job.status.state != "running":
            break
        time.sleep(pause)
        found = provider.asked(partial(provider.jobs.look, job.name))
        job = found or Job(job.name, Status("none", "it has vanished"))
    return job
