"""Studies in a database that machines share: opened, locked, and never quoted.

Neither an URL nor what a driver says of it may be repeated: either may hold the password.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from benchkit.contracts.errors import BenchkitError, StorageError, UnavailableError, extra_missing

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

# Seconds between heartbeats, and after how many silent ones a worker is dead.
_HEARTBEAT, _GRACE = 30, 120
# Seconds in which a server has to answer.
_PATIENCE = 10
# Tables that two processes create at the same moment exist for the one that failed.
_TRIES = 4
_SERVERS = ("postgres", "postgresql")
_DRIVER = "postgresql+psycopg"

# What drivers say, and our words for it.
_REASONS = {
    "refused": "nothing listens there",
    "no such file": "nothing listens there",
    "authentication failed": "it refuses the name or the password",
    "no password supplied": "it asks for a password",
    "pg_hba": "this host is not allowed to connect",
    "does not exist": "it has no such database or role",
    "permission denied": "that role lacks permission",
    "too many": "it has too many connections",
    "timeout": "it does not answer",
    "timed out": "it does not answer",
    "no space left": "its disk is full",
    "disk is full": "its disk is full",
    "resolve": "host not found",
    "translate host name": "host not found",
    "starting up": "it is starting up",
    "terminating connection": "it was shut down",
    "shutting down": "it is shutting down",
    "closed": "the connection broke",
    "connection": "the connection broke",
}


def kind_of_database(url: str) -> str:
    """Return the scheme of an URL, which holds no password."""
    scheme = url.partition("://")[0]
    return scheme if scheme.replace("+", "").isalnum() else "unknown"


def open_database(url: str) -> RDBStorage:
    """Return Optuna's storage in a database; its tables are created if they do not exist.

    Raises:
        UnavailableError: the database's driver is not installed.
        StorageError: it cannot be reached or used.
    """
    import optuna

    # Libraries would print what a driver says.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)
    for left in reversed(range(_TRIES)):
        try:
            return _connect(url)
        except ImportError:
            raise UnavailableError(_driver_hint(url)) from None
        except Exception as error:  # whatever the driver raises
            if left and _created_concurrently(error):
                time.sleep(0.5)
                continue
            raise StorageError(
                f"cannot open the {kind_of_database(url)} database of --storage: {_reason(error)}"
            ) from None
    raise AssertionError


def _connect(url: str) -> RDBStorage:
    import optuna

    scheme, _, rest = url.partition("://")
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    if scheme in _SERVERS:
        url = f"{_DRIVER}://{rest}"
    if url.startswith(f"{_DRIVER}:"):
        # A server has a hundred connections for the workers of all machines: each keeps one.
        arguments |= {"pool_size": 1, "max_overflow": 10}
        if "connect_timeout=" not in rest:
            arguments["connect_args"] = {"connect_timeout": _PATIENCE}
    return optuna.storages.RDBStorage(
        url, engine_kwargs=arguments, heartbeat_interval=_HEARTBEAT, grace_period=_GRACE
    )


def _driver_hint(url: str) -> str:
    kind = kind_of_database(url)
    if kind in (*_SERVERS, _DRIVER):
        return f"--storage {kind}://...: {extra_missing('postgres')}"
    return f"--storage {kind}://... needs a driver that is not installed"


def _created_concurrently(error: Exception) -> bool:
    """Tell whether another process created the same tables at the same moment."""
    return type(error).__name__ in ("IntegrityError", "ProgrammingError") and (
        "already exists" in str(error) or "duplicate key" in str(error)
    )


def _reason(error: BaseException) -> str:
    if type(error).__name__ in ("ArgumentError", "ValueError", "NoSuchModuleError"):
        return "its URL is invalid; it is NAME://USER:PASSWORD@HOST:PORT/DATABASE"
    if isinstance(error, RuntimeError) and "schema" in str(error):
        return "another version of Optuna made its tables"
    # SQLAlchemy's own sentence quotes the statement, whose names would be taken for reasons.
    text = " ".join(str(getattr(each, "orig", None) or each) for each in _chain(error)).lower()
    reasons = (reason for words, reason in _REASONS.items() if words in text)
    return next(reasons, f"its driver says {type(error).__name__}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def why_lost(error: BaseException) -> str:
    """Return why a database that was open no longer answers; "" for an error of another kind."""
    packages = {type(each).__module__.partition(".")[0] for each in _chain(error)}
    names = {type(each).__name__ for each in _chain(error)}
    of_database = packages & {"sqlalchemy", "psycopg"} or "StorageInternalError" in names
    if not of_database or isinstance(error, BenchkitError):
        return ""
    return f"lost the database of --storage: {_reason(error)}"


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise one sentence in place of what a database raises.

    Raises:
        StorageError: instead.
    """
    try:
        yield
    except Exception as error:
        if not (reason := why_lost(error)):
            raise
        raise lost_error(reason) from None


def lost_error(reason: str) -> StorageError:
    """Return the error for a database that was lost, see `why_lost`."""
    return StorageError(f"{reason}; run the same command to resume")


@contextmanager
def advisory_lock(storage: BaseStorage, name: str) -> Iterator[None]:
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
