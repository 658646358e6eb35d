"""Searches that several machines share: a real PostgreSQL, real runs and workers, one killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchkit.errors import StorageError, UnavailableError
from benchkit.tuning import database
from benchkit.tuning.storage import open_storage
from tests.test_run import Workspace

PASSWORD = "s3cr3t~w0rd"
TRIALS = 10

# A cheap recommender, slowed down so that it can be killed at work.
PLUGIN = '''
import os, time
from benchkit import hookimpl
from benchkit_plugins.recommenders.v_sknn import VSKNN


class Slow(VSKNN):
    """V-SKNN that takes its time."""
    name = "slow"
    source = "test"

    def fit(self, train, bench):
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        super().fit(train, bench)


@hookimpl
def benchkit_recommenders():
    return [Slow]
'''


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
    top = Path(tempfile.mkdtemp(prefix="pg"))
    top.chmod(0o755)
    started = Server(top / "s")
    try:
        yield started
    finally:
        started.stop()
        shutil.rmtree(top)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the prepared sample."""
    folder = tmp_path_factory.mktemp("prepared")
    Workspace(folder, os.environ).run("data", "info", "steam")
    return folder / "datasets"


@pytest.fixture
def machine(tmp_path: Path, prepared: Path) -> Callable[[str], Workspace]:
    """Make machines: folders that share nothing but the plugins."""
    site = tmp_path / "site"
    about = site / "slow-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("[benchkit]\nslow = slow\n")
    (site / "slow.py").write_text(PLUGIN)

    def make(name: str) -> Workspace:
        shutil.copytree(prepared, tmp_path / name / "datasets")
        return Workspace(tmp_path / name, {**os.environ, "PYTHONPATH": str(site)})

    return make


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_lock_holds_for_all_machines(server: Server) -> None:
    first, second = (open_storage(url) for url in [server.make("locked"), server.url("locked")])
    assert first is not second
    held: list[str] = []

    def other() -> None:
        with database.locked_there(second, "study"):
            held.append("second")

    with database.locked_there(first, "study"):
        waiting = threading.Thread(target=other)
        waiting.start()
        waiting.join(0.5)
        held.append("first")
    waiting.join(30)
    assert held == ["first", "second"]


def test_a_connection_that_breaks_is_made_again_or_is_one_sentence(server: Server) -> None:
    storage = open_storage(server.make("broken"))
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'broken'"
    assert storage.get_all_studies() == []
    server.execute("postgres", end)
    assert storage.get_all_studies() == []
    server.execute("postgres", "ALTER DATABASE broken ALLOW_CONNECTIONS false")
    server.execute("postgres", end)
    with pytest.raises(StorageError, match=r"lost the database of --storage: .*goes on"):
        with database.database_errors():
            storage.get_all_studies()


def test_processes_that_make_the_tables_at_once_do_not_fail(server: Server) -> None:
    url = server.make("new")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(open_storage, [url] * 4))
    assert [storage.get_all_studies() for storage in made] == [[]] * 4


def test_a_server_that_refuses_is_one_sentence_without_the_password(
    server: Server, machine: Callable[[str], Workspace]
) -> None:
    wrong = {
        server.url("postgres", "wr0ng-s3cret"): "it refuses the name or the password",
        server.url("nowhere"): "it has no such database or role",
        f"postgresql://ann:{PASSWORD}@/x?host=/nowhere": "nothing listens there",
        f"postgresql://ann:{PASSWORD}@127.0.0.1:1/x": "nothing listens there",
        f"postgresql://ann:{PASSWORD}@127.0.0.1:port/x": "its URL is none",
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
    for command in (("study", "steam-sample", "slow"),):
        out, err = machine(command[0]).run(*command, "--storage", storage, code=2)
        assert "cannot open the postgresql database of --storage" in err
        assert "s3cr" not in out + err


def test_a_missing_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UnavailableError, match=r"pip install 'benchkit\[postgres\]'") as caught:
        open_storage(f"postgresql://ann:{PASSWORD}@127.0.0.1:1/x")
    assert PASSWORD not in str(caught.value)
