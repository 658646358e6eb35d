"""Fine-tuning at a service: a job is found or begun, then waited for.

A job carries its fine-tuning's key, and is looked for before it is begun: a killed run finds it
again, and a call whose answer was lost begins nothing twice.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from benchkit.contracts.errors import FinalError, UnavailableError
from benchkit.contracts.prompted import Pairs
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Allow,
    FineTune,
    Report,
    Status,
    Trained,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.service import Service

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

    service: Service

    def __init__(self, service: Service) -> None:
        self.service = service

    @abstractmethod
    def find(self, fine_tune: FineTune) -> Job | None:
        """Return the job of a fine-tuning, one that has not failed before others."""

    @abstractmethod
    def begin(self, fine_tune: FineTune) -> Job:
        """Begin a job, with the files that are there already and those that are not."""

    @abstractmethod
    def look(self, name: str) -> Job | None:
        """Return how a job stands, None where it has vanished."""

    @abstractmethod
    def files(self, pairs: Pairs) -> dict[str, str]:
        """Return the contents of ``train`` and ``validation``, as the service takes them.

        Raises:
            DataError: the service would refuse them; the message says which pair and why.
        """

    def events(self, name: str, reported: set[str]) -> list[str]:  # noqa: ARG002
        """Return a job's new events, oldest first, and add their ids to `reported`."""
        return []

    def train(
        self, fine_tune: FineTune, dollars: Callable[[], float], allow: Allow, report: Report
    ) -> Trained:
        """Return the model of a fine-tuning's job, begun unless there is one.

        Args:
            fine_tune: what to train.
            dollars: estimates what a job costs.
            allow: as of `Provider.train`.
            report: as of `Provider.train`.

        Raises:
            FinalError: it failed.
            UnavailableError: the service cannot be asked.
        """
        reserved: list[float] = []

        def found_or_begun() -> Job:
            job = self.find(fine_tune)
            if job is not None and job.status.state in ("running", "succeeded"):
                return job
            if not reserved:
                reserved.append(dollars())
                allow(reserved[0])
            return self.begin(fine_tune)

        job = self._end(self.service.call(found_or_begun), report)
        trained = job.status.trained
        if trained is None:
            # a job cancelled at the service is not to be begun again by a search's next trial
            raise FinalError(
                f"the fine-tuning {job.name} at {self.service.name} came to nothing: "
                f"{job.status.detail}; the same command begins another"
            )
        earlier = 0.0 if reserved else trained.dollars
        return replace(trained, reserved=sum(reserved), earlier=earlier)

    def _end(self, job: Job, report: Report) -> Job:
        """Return a job at its end, having reported how it goes."""
        reported: set[str] = set()
        detail = ""
        for pause in pauses():
            lines = self.service.call(partial(self.events, job.name, reported))
            if not lines and job.status.detail != detail:
                lines = [job.status.detail]
            detail = job.status.detail
            for line in lines:
                report(f"{self.service.name} {job.name}: {line}")
            if job.status.state != "running":
                break
            time.sleep(pause)
            present = self.service.call(partial(self.look, job.name))
            job = present or Job(job.name, Status("none", "it has vanished"))
        return job


class NoFineTuning(Jobs):
    """Of a service that only samples: training is refused."""

    REASON = "does not fine-tune: set state=base"

    def find(self, fine_tune: FineTune) -> Job | None:  # noqa: ARG002
        raise self._refusal()

    def begin(self, fine_tune: FineTune) -> Job:  # noqa: ARG002
        raise self._refusal()

    def look(self, name: str) -> Job | None:  # noqa: ARG002
        raise self._refusal()

    def files(self, pairs: Pairs) -> dict[str, str]:  # noqa: ARG002
        return {}

    def _refusal(self) -> UnavailableError:
        return UnavailableError(f"{self.service.name} {self.REASON}")
