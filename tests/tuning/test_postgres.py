"""Searches that several machines share: a real PostgreSQL, real runs and workers, one killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner

from benchkit.cli import cli
from benchkit.contracts.errors import StorageError, UnavailableError
from benchkit.tuning import database
from benchkit.tuning.ledger import kind_of
from benchkit.tuning.storage import open_storage
from tests.tuning.machines import Machines, wait_for
from tests.workspace import Workspace

PASSWORD = "s3cr3t~w0rd"
TRIALS = 6


class Server:
    """A PostgreSQL of the tests' own, on a Unix socket in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        folder.mkdir(mode=0o755)
        self.as_nobody = os.getuid() == 0  # whom the server refuses
        if self.as_nobody:
            shutil.chown(folder, "nobody")
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb",
            "-D",
            self.data,
            "-U",
            "ann",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            f"--pwfile={password}",
        )
        settings = f"-k {folder} -c listen_addresses= -c fsync=off -c shared_buffers=16MB"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", folder / "log", "-o", settings, "start")

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            command,
            user="nobody" if self.as_nobody else None,
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def url(self, name: str, password: str = PASSWORD) -> str:
        return f"postgresql://ann:{password}@/{name}?host={self.folder}"

    def make(self, name: str) -> str:
        """Make a database and return its URL."""
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, name: str, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    missing = [name for name in ("initdb", "pg_ctl", "postgres") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs PostgreSQL's {' and '.join(missing)} on the PATH")
    pytest.importorskip("psycopg")
    # A short path that others may enter: a socket's is limited, and root may not run the server.
    top = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    top.chmod(0o755)
    started = Server(top / "s")
    try:
        yield started
    finally:
        started.stop()
        shutil.rmtree(top)


def test_a_killed_worker_of_another_machine_loses_nothing(
    server: Server, machine: Machines, tmp_path: Path
) -> None:
    url = server.make("shared")
    storage = open_storage(url)

    def trials() -> list[optuna.trial.FrozenTrial]:
        studies = storage.get_all_studies()
        return storage.get_all_trials(studies[0]._study_id) if studies else []

    def of(where: Workspace) -> list[optuna.trial.FrozenTrial]:
        alive = where.out / "studies" / ".database" / "alive"
        names = {path.name for path in alive.glob("*")}
        return [trial for trial in trials() if trial.user_attrs.get("worker") in names]

    host, killed, helper = machine("host"), machine("killed"), machine("helper")
    host.environment["SLOW_SECONDS"] = "0.5"
    search = ("--dataset", "steam", "--storage", url)
    run = host.start("run", "-r", "slow", *search, "--trials", str(TRIALS), "--pruner", "none")
    wait_for(lambda: len(trials()) > 0)
    killed.environment["SLOW_SECONDS"] = "60"
    worker = killed.start("worker", *search)
    wait_for(lambda: len(of(killed)) > 0)
    (lost,) = of(killed)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.communicate()
    joined = helper.start("worker", *search, "--timeout", "5m")
    # As after two silent minutes.
    server.execute(
        "shared",
        "UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '10 minutes' "
        f"WHERE trial_id = {lost._trial_id}",
    )
    out, err = joined.communicate(timeout=120)
    assert joined.returncode == 0, err
    run_out, run_err = run.communicate(timeout=120)
    assert run.returncode == 0, run_err

    ended = trials()
    kinds = Counter(kind_of(trial) for trial in ended)
    assert kinds["done"] + kinds["pruned"] + kinds["failed"] == TRIALS
    assert (kinds["lost"], len(ended)) == (1, TRIALS + 1)
    dead = ended[lost.number]
    assert (dead.state.name, dead.user_attrs["reason"]) == ("FAIL", "its worker was killed")
    assert len({trial.user_attrs["worker"] for trial in ended}) >= 2
    (again,) = [trial for trial in ended if "retries" in trial.user_attrs]
    # it may have been killed between two of its parameters
    assert dead.params.items() <= again.params.items()
    assert "in 1 search." in out
    # Workers evaluate nothing, and the password is nowhere.
    assert len(host.records()) == 1
    assert not killed.records()
    assert not helper.records()
    (record,) = host.records()
    assert json.loads(record.read_text())["search"]["storage"] == "database"
    texts = [out, err, run_out, run_err]
    texts += [str((study.study_name, study.user_attrs)) for study in storage.get_all_studies()]
    texts += [str(trial) for trial in ended]
    assert not [text for text in texts if PASSWORD in text]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


def test_a_lock_holds_for_all_machines(server: Server) -> None:
    first, second = (open_storage(url) for url in [server.make("locked"), server.url("locked")])
    assert first is not second
    held: list[str] = []

    def other() -> None:
        with database.advisory_lock(second, "study"):
            held.append("second")

    with database.advisory_lock(first, "study"):
        waiting = threading.Thread(target=other)
        waiting.start()
        waiting.join(0.5)
        held.append("first")
    waiting.join(30)
    assert held == ["first", "second"]


def test_a_process_keeps_one_connection(server: Server) -> None:
    storage = open_storage(server.make("thrifty"))
    with database.advisory_lock(storage, "study"):
        storage.get_all_studies()
    import psycopg

    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'thrifty'"
        wait_for(lambda: connection.execute(query).fetchone() == (1,))


def test_a_connection_that_breaks_is_made_again_or_is_one_sentence(server: Server) -> None:
    storage = open_storage(server.make("broken"))
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'broken'"
    assert storage.get_all_studies() == []
    server.execute("postgres", end)
    assert storage.get_all_studies() == []
    server.execute("postgres", "ALTER DATABASE broken ALLOW_CONNECTIONS false")
    server.execute("postgres", end)
    with pytest.raises(StorageError, match=r"lost the database of --storage: .*resume"):
        with database.database_errors():
            storage.get_all_studies()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("terminating connection due to administrator command", "it was shut down"),
        ("server closed the connection unexpectedly", "the connection broke"),
        ('could not extend file "base/1": No space left on device', "its disk is full"),
        ("database or disk is full", "its disk is full"),
        ("connection timeout expired", "it does not answer"),
        ("could not receive data: Connection timed out", "it does not answer"),
        ("something new", "its driver says StorageInternalError"),
    ],
)
def test_why_a_database_was_lost_is_what_its_driver_says(said: str, reason: str) -> None:
    from sqlalchemy.exc import OperationalError

    statement = "UPDATE trials SET datetime_start=%(datetime_start)s WHERE resolved"
    error = optuna.exceptions.StorageInternalError("the commit")
    error.__cause__ = OperationalError(statement, {}, sqlite3.OperationalError(said))
    assert database.why_lost(error) == f"lost the database of --storage: {reason}"


def test_a_run_that_loses_its_database_evaluates_nothing(server: Server, machine: Machines) -> None:
    url = server.make("lost")
    storage, host = open_storage(url), machine("host")
    host.environment["SLOW_SECONDS"] = "0.3"
    run = host.start("run", "-r", "slow", "--dataset", "steam", "--trials", "50", "--storage", url)
    wait_for(lambda: any(each.n_trials > 0 for each in optuna.get_all_study_summaries(storage)))
    server.execute("postgres", "ALTER DATABASE lost ALLOW_CONNECTIONS false")
    server.execute(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'lost'",
    )
    out, err = run.communicate(timeout=60)
    assert run.returncode == 2, err
    assert "lost the database of --storage" in err
    assert "Traceback" not in err
    assert "psycopg" not in err
    assert PASSWORD not in out + err
    assert not host.records()


def test_processes_that_make_the_tables_at_once_do_not_fail(server: Server) -> None:
    url = server.make("new")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(open_storage, [url] * 4))
    assert [storage.get_all_studies() for storage in made] == [[]] * 4


def test_a_server_that_refuses_is_one_sentence_without_the_password(server: Server) -> None:
    wrong = {
        server.url("postgres", "wr0ng-s3cret"): "it refuses the name or the password",
        server.url("nowhere"): "it has no such database or role",
        f"postgresql://ann:{PASSWORD}@/x?host=/nowhere": "nothing listens there",
        f"postgresql://ann:{PASSWORD}@127.0.0.1:1/x": "nothing listens there",
        f"postgresql://ann:{PASSWORD}@127.0.0.1:port/x": "its URL is invalid",
        f"postgresql://ann:{PASSWORD}@odd@127.0.0.1:1/x": "database of --storage: ",
        f"postgresql://ann@127.0.0.1:1/x?password={PASSWORD}": "nothing listens there",
    }
    for url, sentence in wrong.items():
        with pytest.raises(StorageError) as caught:
            open_storage(url)
        assert sentence in str(caught.value)
        assert "s3cr" not in str(caught.value)
        assert "@" not in str(caught.value).replace("NAME://USER:PASSWORD@HOST", "")
    storage = next(iter(wrong))
    for command in (("worker", "--dataset", "steam"), ("study", "steam-sample", "slow")):
        done = CliRunner().invoke(cli, [*command, "--storage", storage])
        assert "cannot open the postgresql database of --storage" in str(done.exception)
        assert "s3cr" not in done.output + str(done.exception)


def test_a_missing_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        UnavailableError, match=r"pip install 'seqrec-benchkit\[postgres\]'"
    ) as caught:
        open_storage(f"postgresql://ann:{PASSWORD}@127.0.0.1:1/x")
    assert PASSWORD not in str(caught.value)
