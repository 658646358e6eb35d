"""`benchkit run --cluster` on a real Dask cluster, whose machines are folders of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchkit.cluster import placing
from benchkit.cluster.job import Data
from benchkit.contracts.errors import UnavailableError
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import plan
from benchkit.tuning.ledger import kind_of
from benchkit.tuning.storage import open_storage
from tests.strangers import declare
from tests.tuning.machines import wait_for
from tests.workspace import Workspace

distributed = pytest.importorskip("distributed")

# Recommenders that wait in long fits while a file is there, so that they can be killed at work.
PLUGIN = '''
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from benchkit import hookimpl, param
from benchkit_plugins.recommenders.most_popular import MostPopular
from benchkit_plugins.recommenders.v_sknn import VSKNN

WAIT = Path(__file__).with_name("wait")


class Slow(VSKNN):
    """V-SKNN that takes its time."""
    name = "slow"
    source = "test"

    def fit(self, train, bench):
        while len(train) > 100 and WAIT.exists():
            time.sleep(0.1)
        super().fit(train, bench)


@dataclass(frozen=True, kw_only=True)
class Placed(MostPopular.Config):
    device: str = param("auto", "where to compute")


class Fast(MostPopular):
    """Says that it computes on a GPU; nothing of it is searched."""
    name = "fast"
    source = "test"
    Config = Placed


@hookimpl
def benchkit_recommenders():
    return [Slow, Fast]
'''


@dataclass
class Cluster:
    """A cluster of two machines that share a folder of data; the second one declares a GPU."""

    address: str
    site: Path
    home: Path
    client: Any

    @property
    def machines(self) -> dict[str, int]:
        """Process of each Dask worker, by address."""
        found: dict[str, int] = self.client.run(os.getpid)
        return found

    @property
    def with_gpu(self) -> str:
        """Address of the worker that declares a GPU."""
        workers = self.client.run(lambda dask_worker: dask_worker.state.total_resources)
        return next(str(address) for address, declared in workers.items() if declared)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Iterator[Cluster]:
    site, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("machines")
    declare(site, "slow", {"slow": "slow"}, "0.1")
    (site / "slow.py").write_text(PLUGIN)
    environment = {"PYTHONPATH": str(site), "BENCHKIT_HOME": str(home), "OMP_NUM_THREADS": "1"}
    shutil.copytree(sample, home / "datasets")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        env=environment,
    ) as made:
        made.new_spec["options"]["resources"] = {"GPU": 1}
        made.scale(2)
        with distributed.Client(made, set_as_default=False) as client:
            client.wait_for_workers(2)
            yield Cluster(made.scheduler_address, site, home, client)


@pytest.fixture
def host(tmp_path: Path, cluster: Cluster) -> Workspace:
    """The machine that asks: it has the same data, in a folder of its own."""
    shutil.copytree(cluster.home / "datasets", tmp_path / "datasets")
    return Workspace(tmp_path, {**os.environ, "PYTHONPATH": str(cluster.site)})


def kinds(host: Workspace) -> Counter[str]:
    """Return how many trials there are of each kind."""
    journal = host.out / "studies" / "steam-sample.journal"
    if not journal.exists():
        return Counter()
    storage = open_storage(str(journal))
    trials = [t for s in storage.get_all_studies() for t in storage.get_all_trials(s._study_id)]
    return Counter(kind_of(t) if t.state.is_finished() else t.state.name.lower() for t in trials)


def test_a_job_whose_machine_dies_goes_on_and_records_come_home(
    cluster: Cluster, host: Workspace
) -> None:
    wait = cluster.site / "wait"
    wait.touch()
    names = ("-r", "slow", "-r", "fast")
    command = ("run", *names, "--dataset", "steam", "--trials", "2", "--cluster", cluster.address)
    process = host.start(*command)
    wait_for(lambda: kinds(host) == Counter(running=1))
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    place = next(m[1] for line in lines if (m := re.search(r"searching on (\S+)", line)))
    os.kill(cluster.machines[place], signal.SIGKILL)
    wait_for(lambda: kinds(host) == Counter(lost=1, running=1))
    wait.unlink()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert kinds(host) == Counter(lost=1, done=2)
    assert err.count("ended: 2 trials") == 1
    assert re.findall(r"fast .*: started on (\S+)", err) == [cluster.with_gpu]
    assert {row["recommender"] for row in host.rows()} == {"slow", "fast"}
    for path in host.records():
        assert {each.name for each in path.parent.iterdir()} == {
            "record.json",
            "lists.parquet",
            "values.parquet",
        }
    assert not list(cluster.home.glob("leaderboards/.cluster/records/*/*/record.json"))


def test_ctrl_c_ends_what_runs_on_the_machines(cluster: Cluster, host: Workspace) -> None:
    wait = cluster.site / "wait"
    wait.touch()
    command = ("run", "-r", "slow", "--dataset", "steam", "--trials", "1")
    process = host.start(*command, "--cluster", cluster.address)
    wait_for(lambda: kinds(host) == Counter(running=1))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "run the same command to resume" in err) == (130, True)
    assert "Traceback" not in err
    wait_for(lambda: kinds(host) == Counter(lost=1, waiting=1))
    wait.unlink()


def test_other_data_are_refused_with_the_machine(cluster: Cluster, tmp_path: Path) -> None:
    data = open_dataset("steam", cluster.home, None, {})
    settings = Settings(Protocol(), "default", {}, (20,), 0, cluster.home, tmp_path)
    task = plan(data, "v-sknn", settings)
    other = Data("steam", None, data.name, data.config, "0" * 64)
    sentence = r"tcp://\S+: the data there, steam-sample, have the fingerprint"
    with (
        placing.Cluster(cluster.address, other) as placed,
        pytest.raises(UnavailableError, match=sentence) as refused,
    ):
        list(placed.run([task]))
    assert f"to {cluster.home}" in str(refused.value)
