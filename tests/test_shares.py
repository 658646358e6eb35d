"""What of a machine each of several processes gets."""

from __future__ import annotations

import os

import pytest

from benchkit import shares
from benchkit.shares import free_slot, gpus_of, share, threads, visible_gpus


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


def test_no_more_threads_than_cores() -> None:
    assert [threads(8, slots) for slots in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]


def test_a_new_process_takes_the_place_of_the_one_that_died() -> None:
    assert [free_slot(taken) for taken in ([], [0, 1], [0, 2], [1])] == [0, 2, 1, 0]


def test_one_gpu_or_none_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in (("", []), ("2", ["2"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert visible_gpus() == expected
        with share(0, 2):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == given
