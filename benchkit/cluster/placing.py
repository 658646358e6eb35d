"""Placing jobs on a Dask cluster, from where `benchkit run` was started."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

from benchkit.cluster.connecting import connect, look
from benchkit.cluster.machine import do
from benchkit.cluster.orders import Conduct, Data, Evaluate, Order, Reply
from benchkit.cluster.parcel import unpack
from benchkit.components.configure import configure, foundations
from benchkit.contracts.errors import UnavailableError
from benchkit.evaluation.jobs import Event
from benchkit.evaluation.pipeline import Task
from benchkit.tuning.search import Search
from benchkit.tuning.storage import is_database

if TYPE_CHECKING:
    from distributed import Future

_GO_ON = "what is finished is kept, and the same command goes on"


class Cluster:
    """A Dask cluster, and what it is told of the data; to be used in a ``with`` statement.

    Args:
        address: of the scheduler, ``tcp://host:port``.
        data: what all jobs are on.

    Raises:
        UnavailableError: Dask is not installed, nobody answers, or versions differ.
    """

    def __init__(self, address: str, data: Data) -> None:
        self.address, self.data = address, data
        self.client = connect(address)
        try:
            self.gpus = look(self.client, address)
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

    def conduct(
        self, searches: Sequence[Search], placed: Callable[[Search, str], None]
    ) -> Iterator[Search]:
        """Conduct searches that have begun, and yield each when it has ended.

        Args:
            searches: in a storage that the machines reach.
            placed: told on which machine one begins.

        Raises:
            UnavailableError: one cannot be the same on a machine, or its machines died.
        """
        orders = [(search.task, _conduct(search, self.data)) for search in searches]
        with closing(self._place(orders)) as replies:
            for number, reply in replies:
                if reply.kind == "start":
                    placed(searches[number], reply.text)
                elif reply.kind == "done":
                    yield searches[number]
                elif reply.kind == "failed":
                    name = searches[number].recommender
                    raise UnavailableError(f"the search for {name}: {reply.text}; {_GO_ON}")

    def run(self, tasks: Sequence[Task]) -> Generator[Event, None, None]:
        """Run tasks and yield what happens, as `jobs.run` does; records come back whole.

        Raises:
            UnavailableError: one cannot be the same on a machine.
            StorageError: a record cannot be written here.
        """
        with closing(self._place([(task, Evaluate(task, self.data)) for task in tasks])) as replies:
            for number, reply in replies:
                task, record = tasks[number], None
                if reply.parcel is not None:
                    record = reply.parcel.record
                    unpack(task.settings.out, reply.parcel)
                assert reply.kind != "refused"
                yield Event(task, reply.kind, reply.text, reply.details, record)

    def _place(
        self, orders: Sequence[tuple[Task, Order]]
    ) -> Generator[tuple[int, Reply], None, None]:
        """Yield what jobs tell, by number; closing the generator cancels those that are not over.

        Dask calls us in threads of its own, so all that they say goes through one queue.
        """
        told = SimpleQueue[tuple[int, "Reply | Future[Reply]"]]()
        topic = f"benchkit-{secrets.token_hex(8)}"
        self.client.subscribe_topic(topic, lambda event: told.put(_news(*event[1])))
        futures = [
            self._submit(task, order, topic, number) for number, (task, order) in enumerate(orders)
        ]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda future, number=number: told.put((number, future)))
        left = len(futures)
        try:
            while left:
                number, said = told.get()
                left -= not isinstance(said, Reply)
                yield number, said if isinstance(said, Reply) else self._end(said)
        finally:
            self.client.unsubscribe_topic(topic)
            self.client.cancel(futures)

    def _submit(self, task: Task, order: Order, topic: str, number: int) -> Future[Reply]:
        return self.client.submit(
            do,
            order,
            topic,
            number,
            key=f"{task.recommender}-{secrets.token_hex(4)}",
            pure=False,
            resources={"GPU": 1} if self.gpus and uses_gpu(task) else None,
        )

    def _end(self, future: Future[Reply]) -> Reply:
        """Return how a job ended.

        Raises:
            UnavailableError: it was refused, or the scheduler is gone.
        """
        if future.status == "cancelled":
            raise UnavailableError(f"the scheduler at {self.address} is gone; {_GO_ON}")
        if (error := future.exception()) is not None:
            return Reply("failed", _how_it_failed(error))
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
    below = foundations(recommender, settings.values(task.recommender), **how)
    every = (recommender, *(each.component for each in below))
    return any(each.uses_gpu() for each in every if each.kind == "recommender")


def _conduct(search: Search, data: Data) -> Conduct:
    storage = search.options.storage
    if not is_database(storage):
        storage = str(Path(storage).resolve())
    return Conduct(search.name, storage, search.options.jobs, data)


def _news(number: int, kind: Any, text: str) -> tuple[int, Reply]:
    return number, Reply(kind, text)


def _how_it_failed(error: BaseException) -> str:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        return f"{times} Dask workers died while they were at it; was memory short?"
    return " ".join(f"{type(error).__name__}: {error}".split())
