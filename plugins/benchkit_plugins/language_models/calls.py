"""Calls over a network: several at a time, tried again with growing pauses, free of secrets."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

from benchkit import UnavailableError
from benchkit.contracts.errors import ConfigError

# Seconds before the second try; doubles with each further one. Six tries more take over a minute,
# and so outlast a quota by the minute.
BACKOFF = 1.0
LONGEST_WAIT = 120.0  # seconds; a server that asks for more is given up
Result = TypeVar("Result")


def in_parallel(
    calls: Sequence[Callable[[threading.Event], Result]], workers: int
) -> Iterator[Result]:
    """Yield the results of calls, at most `workers` under way, as they arrive.

    After the first failure no further call begins; what is under way still arrives and is yielded,
    since it is paid for, before the failure is raised. Each call gets an event that tells it to
    give up waiting.
    """
    stop = threading.Event()
    waiting, running = list(reversed(calls)), set[Future[Result]]()
    failure: BaseException | None = None
    pool = ThreadPoolExecutor(workers)
    try:
        while running or (waiting and failure is None):
            while waiting and failure is None and len(running) < workers:
                running.add(pool.submit(waiting.pop(), stop))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                if (error := future.exception()) is None:
                    yield future.result()
                else:
                    failure = failure or error
                    stop.set()
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    if failure is not None:
        raise failure


@dataclass(eq=False)
class CallError(Exception):
    """A call failed.

    Attributes:
        reason: one sentence, free of secrets.
        again: whether trying again may help.
        after: seconds that the server wants us to wait, if it says so.
        billed: whether the call may have been paid for all the same.
    """

    reason: str
    again: bool = False
    after: float | None = None
    billed: bool = False


def persistently(
    call: Callable[[], Result], allow: Callable[[], None], retries: int, stop: threading.Event
) -> Result:
    """Return the result of a call, retried with growing pauses.

    Args:
        call: raises `CallError` where it fails.
        allow: called before a call is sent, again where the one before may have been paid for.
        retries: how often to try again.
        stop: set when the result is not wanted any more.

    Raises:
        UnavailableError: it kept failing, or trying again cannot help.
        BenchkitError: the cap would be exceeded.
    """
    allow()
    for tried in range(retries + 1):
        try:
            return call()
        except CallError as error:
            if not error.again or tried == retries or _too_far(error):
                raise UnavailableError(_final(error, tried)) from None
            if stop.wait(_pause(tried) if error.after is None else error.after):
                raise UnavailableError(f"{error.reason}; others had failed already") from None
            if error.billed:
                allow()
    raise AssertionError("unreachable")


def _pause(tried: int) -> float:
    spread = random.uniform(1.0, 1.5)  # noqa: S311 - of the load
    return min(math.ldexp(BACKOFF, min(tried, 99)) * spread, LONGEST_WAIT)


def _too_far(error: CallError) -> bool:
    return error.after is not None and error.after > LONGEST_WAIT


def _final(error: CallError, tried: int) -> str:
    words = error.reason
    if error.again and _too_far(error):
        words += f", and wants us to wait for {error.after:.0f} s"
    elif tried:
        words += f", after {tried + 1} tries"
    return f"{words}; what has arrived is kept, and the same command asks for the rest"


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, in seconds or as a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value)) if math.isfinite(float(value)) else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (zoned - datetime.now(timezone.utc)).total_seconds())


def scrubbed(text: object, *secrets: str | None) -> str:
    """Return a server's words in one short line, without secrets."""
    words = " ".join(str(text).split())
    for secret in secrets:
        if secret:
            words = words.replace(secret, "[secret]")
    printable = "".join(char if char.isprintable() else "\ufffd" for char in words)
    return printable[:300]


def check_address(parameter: str, address: str) -> None:
    """Refuse an address that is none, or that holds what must not be written down.

    Args:
        parameter: its name, for the message.
        address: what was given.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        parts = urlsplit(address)
    except ValueError:  # a bracket that is not closed
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{parameter} takes an address such as http://localhost:8080/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"{parameter} must hold no key or password: those come from the environment"
        )
