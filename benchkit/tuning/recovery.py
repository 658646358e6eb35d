"""A damaged journal: what can be read of it goes on, and the damaged file is kept beside it.

A journal numbers studies and trials by the order of the lines that create them, so a line that is
lost must not shift those behind it: ids are followed through the damage, and given anew. A trial
that lost a line, or may have, is lost with all its lines; no other trial is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchkit.toolkit.files import write_atomically

# Optuna's operations, and what each has to say.
_CREATE_STUDY, _DELETE_STUDY, _CREATE_TRIAL, _PARAMETER, _STATE = 0, 1, 4, 5, 6
_NEEDED = {
    _CREATE_STUDY: ("study_name", "directions"),
    _DELETE_STUDY: ("study_id",),
    2: ("study_id", "user_attr"),
    3: ("study_id", "system_attr"),
    _CREATE_TRIAL: ("study_id", "datetime_start"),
    _PARAMETER: ("trial_id", "param_name", "param_value_internal", "distribution"),
    _STATE: ("trial_id", "state", "values"),
    7: ("trial_id", "step", "intermediate_value"),
    8: ("trial_id", "user_attr"),
    9: ("trial_id", "system_attr"),
}
_DELETED = ""  # a name that no study has
_RUNNING = 0  # the state; a trial that waits has another
_FIELD = re.compile(rb'"(op_code|study_id|trial_id)": ?(\d+)')


def recover(path: Path) -> str:
    """Write a journal anew from what can be read of it; the caller holds its lock.

    Returns:
        What was done, in one sentence; "" where no line is damaged.

    Raises:
        StorageError: the folder cannot be written.
    """
    content = path.read_bytes()
    lines = [_Line.of(line) for line in content.split(b"\n") if line.strip()]
    damaged = sum(not line.whole for line in lines)
    if not damaged:
        return ""
    replay = _replayed(lines)
    aside = _unused(path)
    write_atomically(aside, content)
    write_atomically(path, replay.text())
    return (
        f"{path} was damaged in {damaged} of {len(lines)} lines: {len(replay.kept)} of "
        f"{replay.trials} trials could be read and are kept; the damaged file is now {aside.name}"
    )


def _unused(path: Path) -> Path:
    names = (f"{path.name}.damaged{number}" for number in ("", *range(2, 1000)))
    return next(found for name in names if not (found := path.with_name(name)).exists())


@dataclass(frozen=True)
class _Line:
    """One line of a journal: what it says, or, where it is damaged, what can be read of it."""

    said: dict[str, Any]
    whole: bool

    @classmethod
    def of(cls, line: bytes) -> _Line:
        try:
            said = json.loads(line)
        except ValueError:  # of bytes that are no text, too
            return cls({key.decode(): int(value) for key, value in _FIELD.findall(line)}, False)
        if not isinstance(said, dict):
            return cls({}, False)
        return cls(said, _is_whole(said))

    def id(self, key: str) -> int | None:
        value = self.said.get(key)
        return value if isinstance(value, int) else None


def _is_whole(said: dict[str, Any]) -> bool:
    """Tell whether Optuna could replay a line."""
    from optuna.distributions import json_to_distribution

    needed = _NEEDED.get(said.get("op_code", -1))
    if needed is None or not all(key in said for key in needed):
        return False
    try:
        texts = [said["distribution"]] if "distribution" in said else []
        for text in (*texts, *said.get("distributions", {}).values()):
            json_to_distribution(text)
    except Exception:  # of another version: any error
        return False
    return True


@dataclass
class _Replay:
    """Lines followed from the first to the last.

    Attributes:
        lines: all of them.
        lost: damaged lines that must have created a study or a trial: which of them, by place.
        studies: name of each study, None where it cannot be read, "" of a deleted one.
        study_of: study of each trial, None where it cannot be read.
        owners: trial that a line is about, by place.
        running: trials that had begun and not ended.
        spoilt: trials that a line may be missing of.
    """

    lines: Sequence[_Line]
    lost: dict[int, int] = field(default_factory=dict)
    studies: list[str | None] = field(default_factory=list)
    study_of: list[int | None] = field(default_factory=list)
    owners: dict[int, int] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    spoilt: set[int] = field(default_factory=set)

    @property
    def trials(self) -> int:
        return len(self.study_of)

    @property
    def kept(self) -> list[int]:
        """Trials that nothing is missing of, in their order."""
        return [
            trial
            for trial, study in enumerate(self.study_of)
            if trial not in self.spoilt and study is not None and self.studies[study]
        ]

    def run(self) -> tuple[int, int] | None:
        """Follow the lines; return the first that does not fit, and what was to be created."""
        for place, line in enumerate(self.lines):
            code = self.lost.get(place, line.said.get("op_code"))
            if code == _CREATE_STUDY:
                self._create_study(place, line)
            elif (missing := self._missing(line)) is not None:
                return place, missing
            elif code == _CREATE_TRIAL:
                self._create_trial(place, line)
            elif code == _DELETE_STUDY and line.whole:
                self.studies[line.said["study_id"]] = _DELETED
            elif not line.whole:
                self._spoil(line)
            elif (trial := line.id("trial_id")) is not None:
                self._note(place, trial, line)
        return None

    def _create_study(self, place: int, line: _Line) -> None:
        """Count a study; whoever opens one that is there already says its name once more."""
        name = line.said["study_name"] if line.whole else None
        if name is None or name not in self.studies:
            later = (other.id("study_id") or 0 for other in self.lines[place:])
            if name is not None and None in self.studies and max(later) < len(self.studies):
                self.studies[self.studies.index(None)] = name
            else:
                self.studies.append(name)

    def _create_trial(self, place: int, line: _Line) -> None:
        self.study_of.append(line.id("study_id"))
        trial = len(self.study_of) - 1
        if not line.whole:
            self.spoilt.add(trial)
        self._note(place, trial, line)

    def _note(self, place: int, trial: int, line: _Line) -> None:
        self.owners[place] = trial
        runs = line.said.get("state", _RUNNING) == _RUNNING
        if line.said.get("op_code") in (_CREATE_TRIAL, _STATE):
            (self.running.add if runs else self.running.discard)(trial)

    def _missing(self, line: _Line) -> int | None:
        """Return the operation that has to come before a line and did not."""
        trial, study = line.id("trial_id"), line.id("study_id")
        if trial is not None and trial >= len(self.study_of):
            return _CREATE_TRIAL
        if study is not None and study >= len(self.studies):
            return _CREATE_STUDY
        return None

    def _spoil(self, line: _Line) -> None:
        """Note which trials a damaged line may have been about."""
        trial, code = line.id("trial_id"), line.said.get("op_code")
        if trial is not None:
            self.spoilt.add(trial)
        elif not (isinstance(code, int) and code < _CREATE_TRIAL):
            self.spoilt |= self.running

    def text(self) -> str:
        """Return the lines that are kept, with ids that count them."""
        trials = {old: new for new, old in enumerate(self.kept)}
        named = [study for study, name in enumerate(self.studies) if name]
        studies = {old: new for new, old in enumerate(named)}
        created = {line.said.get("study_name"): line.said for line in self.lines if line.whole}
        kept = [created[self.studies[study]] for study in named]
        for place, line in enumerate(self.lines):
            trial, study = self.owners.get(place), line.id("study_id")
            if not line.whole or line.said["op_code"] == _CREATE_STUDY:
                continue
            if (trial in trials or trial is None) and (study in studies or study is None):
                said = dict(line.said)
                if trial is not None and "trial_id" in said:
                    said["trial_id"] = trials[trial]
                if study is not None:
                    said["study_id"] = studies[study]
                kept.append(said)
        return "".join(json.dumps(said, separators=(",", ":")) + "\n" for said in kept)


def _replayed(lines: Sequence[_Line]) -> _Replay:
    """Follow the lines, taking damaged ones for creations where later lines need them."""
    lost: dict[int, int] = {}
    lines = list(lines)
    while (misfit := (replay := _Replay(lines, lost)).run()) is not None:
        place, code = misfit
        unknown = [
            earlier
            for earlier, line in enumerate(lines[:place])
            if not line.whole and earlier not in lost and line.said.get("op_code") not in _NEEDED
        ]
        if unknown:
            lost[unknown[-1]] = code
        else:  # nobody can tell what it is about
            lines[place] = _Line({}, False)
    return replay
