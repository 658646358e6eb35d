"""Placing jobs on a Dask cluster, from where `benchkit run` was started."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

from benchkit.cluster.connecting import check_workers, connect
from benchkit.cluster.job import Data, EvaluationJob, Job, Reply, SearchJob, unpack
from benchkit.cluster.machine import do
from benchkit.components.configure import configure, dependencies
from benchkit.contracts.errors import UnavailableError
from benchkit.evaluation.jobs import Event
from benchkit.evaluation.pipeline import Task
from benchkit.tuning.search import Search
from benchkit.tuning.storage import is_database

if TYPE_CHECKING:
    from distributed import Future

_RESUME = "finished results are kept; run the same command to resume"


class Cluster:
    """A Dask cluster that does jobs on some data; to be used in a ``with`` statement.

    Args:
        address: of the scheduler, ``tcp://host:port``.
        data: what all jobs are on.

    Raises:
        UnavailableError: Dask is not installed, no scheduler answers, or versions differ.
    """

    def __init__(self, address: str, data: Data) -> None:
        self.address, self.data = address, data
        self.client = connect(address)
        try:
            self.gpus = check_workers(self.client, address)
        except BaseException:
            self.client.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def search(
        self, searches: Sequence[Search], placed: Callable[[Search, str], None]
    ) -> Iterator[Search]:
        """Run searches that have begun, and yield each when it has ended.

        Args:
            searches: in a storage that the machines reach.
            placed: called with the machine on which one begins.

        Raises:
            UnavailableError: one cannot be the same on a machine, or its machines died.
        """
        jobs = [(search.task, _search_job(search, self.data)) for search in searches]
        with closing(self._place(jobs)) as replies:
            for number, reply in replies:
                if reply.kind == "start":
                    placed(searches[number], reply.text)
                elif reply.kind == "done":
                    yield searches[number]
                elif reply.kind == "failed":
                    name = searches[number].recommender
                    raise UnavailableError(f"the search for {name}: {reply.text}; {_RESUME}")

    def run(self, tasks: Sequence[Task]) -> Generator[Event, None, None]:
        """Run tasks and yield what happens, as `jobs.run` does; records come back whole.

        Raises:
            UnavailableError: one cannot be the same on a machine.
            StorageError: a record cannot be written here.
        """
        jobs = [(task, EvaluationJob(task, self.data)) for task in tasks]
        with closing(self._place(jobs)) as replies:
            for number, reply in replies:
                task, record = tasks[number], None
                if reply.parcel is not None:
                    record = reply.parcel.record
                    unpack(task.settings.out, reply.parcel)
                assert reply.kind != "refused"
                yield Event(task, reply.kind, reply.text, reply.details, record)

    def _place(self, jobs: Sequence[tuple[Task, Job]]) -> Generator[tuple[int, Reply], None, None]:
        """Yield what happens to jobs, by number; closing the generator cancels unfinished ones.

        Dask calls us in threads of its own, so everything goes through one queue.
        """
        queue = SimpleQueue[tuple[int, "Reply | Future[Reply]"]]()
        topic = f"benchkit-{secrets.token_hex(8)}"
        self.client.subscribe_topic(topic, lambda event: queue.put(_reply(*event[1])))
        futures = [
            self._submit(task, job, topic, number) for number, (task, job) in enumerate(jobs)
        ]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda future, number=number: queue.put((number, future)))
        left = len(futures)
        try:
            while left:
                number, reply = queue.get()
                if not isinstance(reply, Reply):
                    left, reply = left - 1, self._result(reply)
                yield number, reply
        finally:
            self.client.unsubscribe_topic(topic)
            self.client.cancel(futures)

    def _submit(self, task: Task, job: Job, topic: str, number: int) -> Future[Reply]:
        return self.client.submit(
            do,
            job,
            topic,
            number,
            key=f"{task.recommender}-{secrets.token_hex(4)}",
            pure=False,
            resources={"GPU": 1} if self.gpus and uses_gpu(task) else None,
        )

    def _result(self, future: Future[Reply]) -> Reply:
        """Return how a job ended.

        Raises:
            UnavailableError: it was refused, or the scheduler is gone.
        """
        if future.status == "cancelled":
            raise UnavailableError(f"the scheduler at {self.address} is gone; {_RESUME}")
        if (error := future.exception()) is not None:
            return Reply("failed", _failure(error))
        reply: Reply = future.result()
        if reply.kind == "refused":
            raise UnavailableError(reply.text)
        return reply


def uses_gpu(task: Task) -> bool:
    """Tell whether a task computes on a GPU where there is one.

    Embedders do not count: what they have embedded is kept.
    """
    settings, identity = task.settings, task.identity
    how: dict[str, Any] = {"family": identity.dataset["family"], "preset": settings.preset}
    recommender = configure(task.recommender, task.config, **how)
    parts = dependencies(recommender, settings.values(task.recommender), **how)
    components = (recommender, *(dependency.component for dependency in parts))
    return any(c.uses_gpu() for c in components if c.kind == "recommender")


def _search_job(search: Search, data: Data) -> SearchJob:
    storage = search.options.storage
    if not is_database(storage):
        storage = str(Path(storage).resolve())
    return SearchJob(search.name, storage, search.options.jobs, data)


def _reply(number: int, kind: Any, text: str) -> tuple[int, Reply]:
    return number, Reply(kind, text)


def _failure(error: BaseException) -> str:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        return f"{times} Dask workers died while they did it (probably out of memory)"
    return " ".join(f"{type(error).__name__}: {error}".split())
