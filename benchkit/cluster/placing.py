"""Placing jobs on a Dask cluster, from where `benchkit run` was started."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from benchkit.cluster.job import Data, EvaluationJob, Job, Parcel, SearchJob, unpack
from benchkit.cluster.machine import about, do, versions
from benchkit.contracts.errors import UnavailableError, extra_missing
from benchkit.evaluation.processes import Event
from benchkit.evaluation.runs import Events
from benchkit.evaluation.tasks import Task
from benchkit.tuning.search import Search
from benchkit.tuning.storage import is_database

if TYPE_CHECKING:
    from distributed import Client, Future

# Seconds in which a scheduler has to answer.
_PATIENCE = 10
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

    def __exit__(self, *_: object) -> None:
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
        with closing(self._place(jobs)) as events:
            for number, event in events:
                if event.kind == "start":
                    placed(searches[number], event.text)
                elif event.kind == "done":
                    yield searches[number]
                elif event.kind == "failed":
                    name = searches[number].recommender
                    raise UnavailableError(f"the search for {name}: {event.text}; {_RESUME}")

    def run(self, tasks: Sequence[Task]) -> Events:
        """Run tasks and yield what happens, as `runs.run_here` does; records come back whole.

        Raises:
            UnavailableError: one cannot be the same on a machine.
            StorageError: a record cannot be written here.
        """
        jobs = [(task, EvaluationJob(task, self.data)) for task in tasks]
        with closing(self._place(jobs)) as events:
            for number, event in events:
                if isinstance(event, Parcel):
                    unpack(tasks[number].settings.out, event)
                yield tasks[number], event

    def _place(self, jobs: Sequence[tuple[Task, Job]]) -> Generator[tuple[int, Event], None, None]:
        """Yield what happens to jobs, by number; closing the generator cancels unfinished ones.

        Dask calls us in threads of its own, so everything goes through one queue.
        """
        queue = SimpleQueue[tuple[int, "Event | Future[Event]"]]()
        topic = f"benchkit-{secrets.token_hex(8)}"
        self.client.subscribe_topic(topic, lambda event: queue.put(_event(*event[1])))
        futures = [
            self._submit(task, job, topic, number) for number, (task, job) in enumerate(jobs)
        ]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda future, number=number: queue.put((number, future)))
        left = len(futures)
        try:
            while left:
                number, event = queue.get()
                if not isinstance(event, Event):
                    left, event = left - 1, self._result(event)
                yield number, event
        finally:
            self.client.unsubscribe_topic(topic)
            self.client.cancel(futures)

    def _submit(self, task: Task, job: Job, topic: str, number: int) -> Future[Event]:
        return self.client.submit(
            do,
            job,
            topic,
            number,
            key=f"{task.recommender}-{secrets.token_hex(4)}",
            pure=False,
            resources={"GPU": 1} if self.gpus and uses_gpu(task) else None,
        )

    def _result(self, future: Future[Event]) -> Event:
        """Return how a job ended.

        Raises:
            UnavailableError: it was refused, or the scheduler is gone.
        """
        if future.status == "cancelled":
            raise UnavailableError(f"the scheduler at {self.address} is gone; {_RESUME}")
        if (error := future.exception()) is not None:
            return Event("failed", _failure(error))
        event: Event = future.result()
        if event.kind == "refused":
            raise UnavailableError(event.text)
        return event


def uses_gpu(task: Task) -> bool:
    """Tell whether a task computes on a GPU where there is one.

    Embedders do not count: what they have embedded is kept.
    """
    recommender = task.configured()
    parts = task.presets.dependencies(recommender, task.settings.values(task.recommender))
    components = (recommender, *(dependency.component for dependency in parts))
    return any(c.uses_gpu() for c in components if c.kind == "recommender")


def _search_job(search: Search, data: Data) -> SearchJob:
    storage = search.options.storage
    if not is_database(storage):
        storage = str(Path(storage).resolve())
    return SearchJob(search.name, storage, search.options.jobs, data)


def _event(number: int, kind: str, text: str) -> tuple[int, Event]:
    return number, Event(kind, text)


def _failure(error: BaseException) -> str:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        return f"{times} Dask workers died while they did it (probably out of memory)"
    return " ".join(f"{type(error).__name__}: {error}".split())


def connect(address: str) -> Client:
    """Return a client of a scheduler.

    Raises:
        UnavailableError: Dask is not installed, no scheduler answers, or it is another version.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UnavailableError(f"--cluster: {extra_missing('cluster')}") from None
    for name in ("distributed", "distributed.client"):  # our error says it, once
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        _check_version("the scheduler", "distributed", asyncio.run(_version_at(address)))
        return Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, RuntimeError, asyncio.TimeoutError) as error:
        reason = str(error).partition("\n")[0] or "no answer"
        raise UnavailableError(
            f"no Dask scheduler answers at {address} ({reason}); `dask scheduler` starts one and "
            "says its address, tcp://host:port"
        ) from None


async def _version_at(address: str) -> str:
    """Return a scheduler's version of Dask: a client of another one fails in many ways."""
    from distributed import Security
    from distributed.core import rpc

    how = Security().get_connection_args("client")
    async with rpc(address, timeout=_PATIENCE, connection_args=how) as scheduler:
        about = await asyncio.wait_for(scheduler.versions(), _PATIENCE)
    return str(about["packages"]["distributed"])


def _check_version(where: str, name: str, installed: str) -> None:
    if installed != versions()[name]:
        raise UnavailableError(
            f"{where} has {name} {installed}, here it is {versions()[name]}; install the same "
            "version there"
        )


def check_workers(client: Client, address: str) -> bool:
    """Check the versions of all workers, and tell whether any of them declares GPUs.

    Raises:
        UnavailableError: there are no workers, or other versions than here.
    """
    workers: dict[str, Any] = client.run(about, on_error="return")
    if not workers:
        raise UnavailableError(
            f"the cluster at {address} has no workers; `dask worker {address}` starts one"
        )
    for worker, description in workers.items():
        if isinstance(description, BaseException):
            raise UnavailableError(
                f"benchkit does not run on {worker} ({description}); install the same version there"
            )
        for name, installed in description["versions"].items():
            _check_version(worker, name, installed)
    return any(description["gpus"] for description in workers.values())
