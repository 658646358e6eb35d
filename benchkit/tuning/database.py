"""Studies in a database that machines share: opened, locked, and never quoted.

Neither an URL nor what a driver says of it may be repeated: either may hold the password.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from benchkit.contracts.errors import BenchkitError, StorageError, UnavailableError, extra_missing

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

# Seconds between signs of life, and after how many silent ones a worker is dead.
_HEARTBEAT, _GRACE = 30, 120
# Seconds in which a server has to answer.
_PATIENCE = 10
# Tables that two processes make at the same moment are there for the one that failed.
_TRIES = 4
_SERVERS = ("postgres", "postgresql")
_DRIVER = "postgresql+psycopg"

# What drivers say, and how we say it.
_REASONS = {
    "refused": "nothing listens there",
    "no such file": "nothing listens there",
    "authentication failed": "it refuses the name or the password",
    "no password supplied": "it asks for a password",
    "pg_hba": "it lets nobody in from here",
    "does not exist": "it has no such database or role",
    "permission denied": "it lets that role do too little",
    "too many": "it has too many connections",
    "timeout": "it does not answer",
    "timed out": "it does not answer",
    "no space left": "its disk is full",
    "disk is full": "its disk is full",
    "resolve": "nobody knows its host",
    "translate host name": "nobody knows its host",
    "starting up": "it is starting up",
    "terminating connection": "it was shut down",
    "shutting down": "it is shutting down",
    "closed": "the connection broke",
    "connection": "the connection broke",
}


def kind_of_database(url: str) -> str:
    """Return what may be said of an URL: its scheme."""
    scheme = url.partition("://")[0]
    return scheme if scheme.replace("+", "").isalnum() else "unknown"


def open_database(url: str) -> RDBStorage:
    """Return Optuna's storage in a database; its tables are made where there are none.

    Raises:
        UnavailableError: the database's driver is not installed.
        StorageError: it cannot be reached or used.
    """
    _hush()
    for left in reversed(range(_TRIES)):
        try:
            return _connect(url)
        except ImportError:
            raise UnavailableError(_driver_hint(url)) from None
        except Exception as error:  # whatever the driver raises
            if left and _met_another(error):
                time.sleep(0.5)
                continue
            raise StorageError(
                f"cannot open the {kind_of_database(url)} database of --storage: {_reason(error)}"
            ) from None
    raise AssertionError


def _hush() -> None:
    """Keep libraries from printing what a driver says."""
    import logging

    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)


def _connect(url: str) -> RDBStorage:
    import optuna

    scheme, _, rest = url.partition("://")
    given: dict[str, Any] = {"pool_pre_ping": True}
    if scheme in _SERVERS:
        url = f"{_DRIVER}://{rest}"
    if url.startswith(f"{_DRIVER}:"):
        # A server has a hundred connections for the workers of all machines: each keeps one.
        given |= {"pool_size": 1, "max_overflow": 10}
        if "connect_timeout=" not in rest:
            given["connect_args"] = {"connect_timeout": _PATIENCE}
    return optuna.storages.RDBStorage(
        url, engine_kwargs=given, heartbeat_interval=_HEARTBEAT, grace_period=_GRACE
    )


def _driver_hint(url: str) -> str:
    kind = kind_of_database(url)
    if kind in (*_SERVERS, _DRIVER):
        return f"--storage {kind}://...: {extra_missing('postgres')}"
    return f"--storage {kind}://... needs a driver that is not installed"


def _met_another(error: Exception) -> bool:
    """Tell whether another process made the same tables at the same moment."""
    return type(error).__name__ in ("IntegrityError", "ProgrammingError") and (
        "already exists" in str(error) or "duplicate key" in str(error)
    )


def _reason(error: BaseException) -> str:
    """Return in our own words why a database failed."""
    if type(error).__name__ in ("ArgumentError", "ValueError", "NoSuchModuleError"):
        return "its URL is none; NAME://USER:PASSWORD@HOST:PORT/DATABASE is one"
    if isinstance(error, RuntimeError) and "schema" in str(error):
        return "another version of Optuna made its tables"
    # SQLAlchemy's own sentence quotes the statement, whose names would be taken for reasons.
    said = " ".join(str(getattr(each, "orig", None) or each) for each in _chain(error)).lower()
    known = (words for what, words in _REASONS.items() if what in said)
    return next(known, f"its driver says {type(error).__name__}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def lost(error: BaseException) -> str:
    """Return why a database that was open no longer answers; "" for an error of another kind."""
    rooms = {type(each).__module__.partition(".")[0] for each in _chain(error)}
    named = {type(each).__name__ for each in _chain(error)}
    ours = rooms & {"sqlalchemy", "psycopg"} or "StorageInternalError" in named
    if not ours or isinstance(error, BenchkitError):
        return ""
    return f"lost the database of --storage: {_reason(error)}"


@contextmanager
def database_errors() -> Iterator[None]:
    """Make one sentence of what a database raises.

    Raises:
        StorageError: instead.
    """
    try:
        yield
    except Exception as error:
        if not (reason := lost(error)):
            raise
        raise gone(reason) from None


def gone(reason: str) -> StorageError:
    """Return the error for a database that was lost, see `lost`."""
    return StorageError(f"{reason}; the same command goes on from there")


@contextmanager
def locked_there(storage: BaseStorage, name: str) -> Iterator[None]:
    """Keep the processes of other machines from changing a study, where the database can.

    PostgreSQL frees the lock when its holder dies; that a machine is gone it notices in a minute.
    """
    engine: Any = getattr(storage, "engine", None)
    if engine is None or engine.dialect.name != "postgresql":
        yield
        return
    from sqlalchemy import text

    key = int.from_bytes(hashlib.sha256(f"benchkit/{name}".encode()).digest()[:8], "big") >> 1
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(_LOCK), {"key": key})
        try:
            yield
        finally:
            with suppress(Exception):  # a broken connection holds no lock
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


_LOCK = (
    "SELECT set_config('tcp_keepalives_idle', '30', false), "
    "set_config('tcp_keepalives_interval', '10', false), "
    "set_config('tcp_keepalives_count', '3', false), pg_advisory_lock(:key)"
)
