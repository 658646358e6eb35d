"""How a search is done and how long it may take; imports little, for the command line needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchkit.contracts.errors import ConfigError

# The protocol's (paper 7.1.4). A preset tried first is no random start: it comes on top.
OBJECTIVE = "ndcg@20"
RANDOM_STARTS = 40
FOLD_STEPS = 3
PATIENCE = 100
HOURS = 72
# What a run that sets no limit may search: a first look.
DEFAULT_SECONDS = 45.0
# A search ends when so many trials in a row fail.
FAILURES = 10

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Options:
    """How to search, the same for every recommender of a run.

    Attributes:
        sampler: name of an Optuna sampler, such as ``tpe``.
        pruner: ``bottom``, the protocol's, ``none``, or the name of an Optuna pruner.
        warm_start: whether the preset is the first trial, beside the random ones.
        storage: an URL of a database, or the path of a journal file.
        trials: most trials of each recommender; None for no such limit.
        seconds: wall time of each recommender's search, of what all searches have together (see
            `benchkit.tuning.schedule`); None for the protocol's 72 hours, each for itself.
        jobs: workers that share each study.
    """

    sampler: str = "tpe"
    pruner: str = "bottom"
    warm_start: bool = True
    storage: str = ""
    trials: int | None = None
    seconds: float | None = None
    jobs: int = 1

    @property
    def limit(self) -> float:
        """Seconds that a search may take."""
        most = HOURS * 3600.0
        return most if self.seconds is None else min(most, self.seconds)


def seconds_of(text: str) -> float:
    """Read a duration such as ``90s``, ``30m`` or ``2h``, in seconds.

    Raises:
        ConfigError: it is not a duration.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"--timeout takes a duration such as 90s, 30m or 2h; not {text!r}")
    return float(match[1]) * _UNITS[match[2]]
