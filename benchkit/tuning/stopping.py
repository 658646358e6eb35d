"""When a search is over (paper 7.1.4)."""

from __future__ import annotations

from benchkit.durations import show_time
from benchkit.tuning.budget import FAILURES, PATIENCE, Options
from benchkit.tuning.ledger import Ledger

NO_IMPROVEMENT = f"{PATIENCE} trials without improvement"
FAILING = f"{FAILURES} trials in a row failed"


def reason_to_stop(ledger: Ledger, options: Options, left: float) -> str | None:
    """Return why no further trial may begin, or None.

    Args:
        ledger: what the trials have come to.
        options: limits.
        left: seconds of the search's time that are left.
    """
    if ledger.final:
        return f"a trial failed as others would: {ledger.final}"
    if ledger.failures >= FAILURES:
        return f"{FAILING}, the last one: {ledger.last_reason}"
    if ledger.best is not None and ledger.since_best >= PATIENCE:
        return NO_IMPROVEMENT
    if options.trials is not None and ledger.counted + ledger.running >= options.trials:
        return f"{options.trials} trials"
    if left <= 0:
        return time_is_up(options)
    return None


def time_is_up(options: Options) -> str:
    """Return the reason to stop when a search's time is over."""
    return f"its {show_time(options.limit)} are over"
