"""What of a machine each of several processes gets."""

from __future__ import annotations

import os

import pytest

from benchkit.cli import main
from benchkit.contracts.errors import ConfigError
from benchkit.toolkit import machine as shares
from benchkit.toolkit.machine import (
    cores,
    environment,
    free_slot,
    gpus_of,
    share,
    thread_variables,
    visible_gpus,
)


@pytest.mark.parametrize(
    ("slots", "gpus", "expected"),
    [
        (1, "0,1,2,3", ["0,1,2,3"]),
        (2, "0,1,2,3", ["0,2", "1,3"]),
        (4, "0,1,2,3", ["0", "1", "2", "3"]),
        (3, "0,1", ["0", "1", "0"]),
        (2, "GPU-a,GPU-b", ["GPU-a", "GPU-b"]),
    ],
)
def test_every_gpu_is_given_out_and_none_twice_before_all_are(
    slots: int, gpus: str, expected: list[str]
) -> None:
    assert [",".join(gpus_of(slot, slots, gpus.split(","))) for slot in range(slots)] == expected


def test_a_process_gets_its_share_and_ours_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "cores", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with share(1, 2):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"
        assert os.environ["OMP_NUM_THREADS"] == os.environ["POLARS_MAX_THREADS"] == "4"
    assert dict(os.environ) == before
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # the user has decided
    with share(0, 2):
        assert os.environ["MKL_NUM_THREADS"] == "3"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take away what the user has set of threads."""
    for name in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "LOKY_MAX_CPU_COUNT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_threads_that_wait_soon_sleep_unless_the_user_says_otherwise(
    bare: pytest.MonkeyPatch,
) -> None:
    with share(0, 1):
        assert os.environ["GOMP_SPINCOUNT"] == "1000"
    bare.setenv("OMP_WAIT_POLICY", "active")
    with share(0, 1):
        assert "GOMP_SPINCOUNT" not in os.environ
    bare.delenv("OMP_WAIT_POLICY")
    bare.setenv("GOMP_SPINCOUNT", "7")
    with share(0, 1):
        assert os.environ["GOMP_SPINCOUNT"] == "7"


def test_what_fits_in_the_main_process_waits_likewise(bare: pytest.MonkeyPatch) -> None:
    bare.setattr("sys.argv", ["benchkit", "list", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert os.environ.pop("GOMP_SPINCOUNT") == "1000"


@pytest.mark.parametrize("value", ["abc", "0", "-2", "1.5", ",2"])
def test_a_number_of_threads_that_is_none_is_one_sentence(
    value: str, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("OMP_NUM_THREADS", value)
    sentence = f"OMP_NUM_THREADS must be a whole number of threads, not {value!r}"
    with pytest.raises(ConfigError, match=sentence), share(0, 1):
        pass


@pytest.mark.parametrize(("value", "count"), [("64", "64"), ("4,2", "4"), (" 3 ", "3"), ("", "5")])
def test_the_users_number_of_threads_speaks_for_all(
    value: str, count: str, bare: pytest.MonkeyPatch
) -> None:
    bare.setattr(shares, "cores", lambda: 5)
    bare.setenv("OMP_NUM_THREADS", value)
    bare.delenv("MKL_NUM_THREADS", raising=False)
    with share(0, 1):
        assert os.environ["MKL_NUM_THREADS"] == count
        assert os.environ["OMP_NUM_THREADS"] == (value or count)


def test_cores_are_those_that_this_process_may_use(bare: pytest.MonkeyPatch) -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
    bare.setenv("LOKY_MAX_CPU_COUNT", "1")  # what joblib takes for a limit, as a container's quota
    assert cores() == environment.__wrapped__()["cores"] == 1


def test_no_more_threads_than_cores(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(shares, "cores", lambda: 8)
    counts = [thread_variables(slots)["OMP_NUM_THREADS"] for slots in (1, 2, 3, 8, 20)]
    assert counts == ["8", "4", "2", "1", "1"]


def test_a_new_process_takes_the_place_of_the_one_that_died() -> None:
    assert [free_slot(taken) for taken in ([], [0, 1], [0, 2], [1])] == [0, 2, 1, 0]


def test_one_gpu_or_none_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in (("", []), ("2", ["2"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert visible_gpus() == expected
        with share(0, 2):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == given
