"""What tests of several rooms need."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# What a shell has begun in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests start many processes, and without bytecode all of them would compile all that they import.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says how busy the machine is.
settings.register_profile("benchkit", deadline=None)
settings.load_profile("benchkit")

REAL_DATA = "BENCHKIT_TEST_DATA"

# Tests that run side by side would wait for each other's threads. Nothing has imported numpy yet.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")


def find_real_data() -> Path | None:
    """Return the folder of the real data: ``$BENCHKIT_TEST_DATA``, or ``../shared/data``."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get(REAL_DATA) or beside)
    return folder if (folder / "beauty" / "reviews_Beauty.json.gz").exists() else None


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``datasets`` with the prepared sample, to be copied."""
    from benchkit.data.open import open_dataset

    folder = tmp_path_factory.mktemp("sample")
    open_dataset("steam", folder, None, {})
    return folder / "datasets"


@pytest.fixture
def steam_home(tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace, a folder with the prepared sample."""
    shutil.copytree(sample, tmp_path / "datasets")
    monkeypatch.setenv("BENCHKIT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with ``beauty/`` and ``steam-100k/``; the test is skipped where they are not."""
    folder = find_real_data()
    if folder is None:
        pytest.skip(f"the real data are not here; ${REAL_DATA} names their folder")
    return folder
