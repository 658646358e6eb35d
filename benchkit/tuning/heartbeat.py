"""Which workers are alive: a trial whose worker was killed is noticed, and tried again.

A worker holds a lock that the kernel frees when it dies, whatever killed it, and touches the file
every second, so that the time it worked is known. In a database it records heartbeats as well, for
workers on other machines.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from benchkit.tuning.ledger import ENDED, KIND, REASON, RETRIES, WORKER, Kind, began_at
from benchkit.tuning.space import EXACT

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_SECONDS = 1.0
# A configuration whose worker died with its whole run this often is not tried again.
MAX_RETRIES = 4


class Heartbeat:
    """The heartbeat of a worker; its trials hold its `name`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = secrets.token_hex(8)
        self._path = folder / self.name
        self._lock = FileLock(self._path)
        self._lock.acquire()
        self._recorded: tuple[Any, int] | None = None
        self._stop = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._lock.release()
        self._path.unlink(missing_ok=True)

    def _beat(self) -> None:
        waited = 0.0
        while not self._stop.wait(_SECONDS):
            waited += _SECONDS
            with suppress(OSError):
                os.utime(self._path)
            if (recorded := self._recorded) is not None:
                storage, trial_id = recorded
                if waited % storage.get_heartbeat_interval() < _SECONDS:
                    with suppress(Exception):  # a database that is away for a moment
                        storage.record_heartbeat(trial_id)

    def start(self, study: Study, trial_id: int) -> None:
        """Record heartbeats of a trial, where the storage takes them."""
        storage = study._storage
        if hasattr(storage, "record_heartbeat"):
            storage.record_heartbeat(trial_id)
            self._recorded = storage, trial_id

    def stop(self) -> None:
        """Record no more heartbeats of a trial."""
        self._recorded = None


def is_alive(folder: Path, name: str) -> bool:
    """Tell whether a worker of this machine is alive."""
    if not (folder / name).exists():
        return False
    lock = FileLock(folder / name, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


def requeue_lost(study: Study, folder: Path, *, blame: bool = True) -> list[int]:
    """Mark the running trials of dead workers as lost and enqueue them again.

    The caller holds the study's lock: a trial that names no worker then has none.

    Args:
        study: the study.
        folder: of the heartbeats.
        blame: whether the configuration may have been the cause; not when a person interrupted it.

    Returns:
        The trials' numbers.
    """
    running = [t for t in study.get_trials(deepcopy=False) if t.state.name == "RUNNING"]
    lost = [trial for trial in running if _is_lost(study, folder, trial)]
    for trial in lost:
        name = trial.user_attrs.get(WORKER, "")
        tries = trial.user_attrs.get(RETRIES, 0) + blame
        retry = tries <= MAX_RETRIES
        reason = "its worker was killed" if retry else f"its worker was killed {tries} times"
        kind: Kind = "lost" if retry else "failed"
        end_trial(study, trial, kind, reason, _last_beat(folder, name, trial))
        if retry:
            _enqueue_again(study, trial, tries)
        with suppress(OSError):
            (folder / (name or "none")).unlink()
    return [trial.number for trial in lost]


def _enqueue_again(study: Study, trial: FrozenTrial, tries: int) -> None:
    exact = {EXACT: trial.user_attrs[EXACT]} if EXACT in trial.user_attrs else {}
    params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    study.enqueue_trial(params, user_attrs={RETRIES: tries, **exact})


def _is_lost(study: Study, folder: Path, trial: FrozenTrial) -> bool:
    name = trial.user_attrs.get(WORKER)
    storage: Any = study._storage
    if hasattr(storage, "record_heartbeat") and name and not (folder / name).exists():
        # A worker of another machine: the database knows how long it has been silent.
        return trial._trial_id in storage._get_stale_trial_ids(study._study_id)
    return name is None or not is_alive(folder, name)


def _last_beat(folder: Path, name: str, trial: FrozenTrial) -> float:
    start = began_at(trial)
    if not name:
        return start
    try:
        return max(start, (folder / name).stat().st_mtime)
    except OSError:
        return start


def end_trial(
    study: Study, trial: FrozenTrial, kind: Kind, reason: str, ended: float | None = None
) -> None:
    """Mark a running trial as one without a value, and why; it ended now, or when `ended` says."""
    from optuna.trial import TrialState

    ended = time.time() if ended is None else ended
    for key, value in {KIND: kind, REASON: reason, ENDED: ended}.items():
        study._storage.set_trial_user_attr(trial._trial_id, key, value)
    study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
