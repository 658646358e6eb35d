"""Calls that are tried again: how long is waited, and when no more."""

from __future__ import annotations

import threading

import pytest

from benchkit.contracts.errors import UnavailableError
from benchkit_plugins.embedders.shared.paid import PaidConfig
from benchkit_plugins.language_models.calls import LONGEST_WAIT, CallError, persistently


class Clock(threading.Event):
    """Notes what is waited for, without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        return False


def given_up(retries: int, after: float | None = None) -> tuple[list[float], str]:
    """Return the pauses before a call that never succeeds is given up, and what is said."""

    def call() -> None:
        raise CallError("not now", again=True, after=after)

    clock = Clock()
    with pytest.raises(UnavailableError) as caught:
        persistently(call, lambda: None, retries, clock)
    return clock.pauses, str(caught.value)


def test_the_usual_pauses_outlast_a_quota_by_the_minute() -> None:
    pauses, words = given_up(PaidConfig().retries)
    assert sum(pauses) > 60
    assert pauses[0] < 2
    assert words.startswith("not now, after 7 tries;")


@pytest.mark.parametrize("retries", [20, 2000])
def test_as_often_as_is_wanted_it_is_tried_again(retries: int) -> None:
    pauses, words = given_up(retries)
    assert len(pauses) == retries
    assert pauses[-1] == max(pauses) == LONGEST_WAIT
    assert words.startswith(f"not now, after {retries + 1} tries;")


def test_a_server_is_waited_for_as_long_as_it_wants_or_not_at_all() -> None:
    assert given_up(3, LONGEST_WAIT)[0] == [LONGEST_WAIT] * 3
    pauses, words = given_up(3, LONGEST_WAIT + 1)
    assert pauses == []
    assert words.startswith("not now, and wants us to wait for 121 s;")
