"""When a search is over (paper 7.1.4)."""

from __future__ import annotations

import math

from benchkit.toolkit.times import show_time
from benchkit.tuning.budget import FAILURES, PATIENCE, Options
from benchkit.tuning.ledger import Ledger

NO_IMPROVEMENT = f"{PATIENCE} trials without improvement"
FAILING = f"{FAILURES} trials in a row failed"


def reason_to_stop(
    ledger: Ledger, options: Options, left: float, configurations: int | None = None
) -> str | None:
    """Return why no further trial may begin, or None.

    Args:
        ledger: what the trials have come to.
        options: limits.
        left: seconds of the search's time that are left.
        configurations: how many there are to try, None for more than any search tries.
    """
    trials = math.inf if options.trials is None else options.trials
    every = math.inf if configurations is None else configurations
    reasons = (
        (bool(ledger.final), f"a trial failed as others would: {ledger.final}"),
        (ledger.failures >= FAILURES, f"{FAILING}, the last one: {ledger.last_reason}"),
        (ledger.best is not None and ledger.since_best >= PATIENCE, NO_IMPROVEMENT),
        (len(ledger.tried) >= every, f"all {every} configurations were tried"),
        (ledger.counted + ledger.running >= trials, f"{trials} trials"),
        (left <= 0, time_is_up(options)),
    )
    return next((reason for holds, reason in reasons if holds), None)


def time_is_up(options: Options) -> str:
    """Return the reason to stop when a search's time is over."""
    return f"its {show_time(options.limit)} are over"
