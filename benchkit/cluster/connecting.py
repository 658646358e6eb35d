"""Connecting to a Dask cluster, and refusing one of other versions."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from benchkit.cluster.machine import about, versions
from benchkit.contracts.errors import UnavailableError, extra_missing

if TYPE_CHECKING:
    from distributed import Client

# Seconds in which a scheduler has to answer.
_PATIENCE = 10


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
