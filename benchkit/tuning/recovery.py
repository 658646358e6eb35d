"""A damaged journal: what can be read of it goes on, and the damaged file is kept beside it.

A journal numbers studies and trials by the order of the lines that create them, so a lost line
must not shift those after it: ids are followed through the damage, and renumbered. A trial that
lost a line, or may have, is dropped with all its lines; no other trial is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchkit.toolkit.files import write_atomically

# Optuna's operations, and the fields that each needs.
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
    """Rewrite a journal from what can be read of it; the caller holds its lock.

    Returns:
        A report, in one sentence; "" where no line is damaged.

    Raises:
        StorageError: the folder cannot be written.
    """
    content = path.read_bytes()
    lines = [_Line.of(line) for line in content.split(b"\n") if line.strip()]
    damaged = sum(not line.intact for line in lines)
    if not damaged:
        return ""
    replay = _replayed(lines)
    copy = _unused(path)
    write_atomically(copy, content)
    write_atomically(path, replay.text())
    return (
        f"{path} was damaged in {damaged} of {len(lines)} lines: {len(replay.kept)} of "
        f"{replay.trials} trials could be read and are kept; the damaged file is now {copy.name}"
    )


def _unused(path: Path) -> Path:
    names = (f"{path.name}.damaged{number}" for number in ("", *range(2, 1000)))
    return next(new for name in names if not (new := path.with_name(name)).exists())


@dataclass(frozen=True)
class _Line:
    """One line of a journal: its fields, or, of a damaged line, those that can be read."""

    fields: dict[str, Any]
    intact: bool

    @classmethod
    def of(cls, line: bytes) -> _Line:
        try:
            fields = json.loads(line)
        except ValueError:  # of bytes that are no text, too
            return cls({key.decode(): int(value) for key, value in _FIELD.findall(line)}, False)
        if not isinstance(fields, dict):
            return cls({}, False)
        return cls(fields, _is_intact(fields))

    def id(self, key: str) -> int | None:
        value = self.fields.get(key)
        return value if isinstance(value, int) else None


def _is_intact(fields: dict[str, Any]) -> bool:
    """Tell whether Optuna could replay a line."""
    from optuna.distributions import json_to_distribution

    needed = _NEEDED.get(fields.get("op_code", -1))
    if needed is None or not all(key in fields for key in needed):
        return False
    try:
        texts = [fields["distribution"]] if "distribution" in fields else []
        for text in (*texts, *fields.get("distributions", {}).values()):
            json_to_distribution(text)
    except Exception:  # of another version: any error
        return False
    return True


@dataclass
class _Replay:
    """Lines followed from the first to the last.

    Attributes:
        lines: all of them.
        assumed: damaged lines taken for the creation of a study or a trial: which, by index.
        studies: name of each study, None where it cannot be read, "" of a deleted one.
        study_of: study of each trial, None where it cannot be read.
        owners: trial that a line is about, by index.
        running: trials that had begun and not ended.
        incomplete: trials that may lack a line.
    """

    lines: Sequence[_Line]
    assumed: dict[int, int] = field(default_factory=dict)
    studies: list[str | None] = field(default_factory=list)
    study_of: list[int | None] = field(default_factory=list)
    owners: dict[int, int] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    incomplete: set[int] = field(default_factory=set)

    @property
    def trials(self) -> int:
        return len(self.study_of)

    @property
    def kept(self) -> list[int]:
        """Trials that lack no line, in their order."""
        return [
            trial
            for trial, study in enumerate(self.study_of)
            if trial not in self.incomplete and study is not None and self.studies[study]
        ]

    def run(self) -> tuple[int, int] | None:
        """Follow the lines; return the first that does not fit, and the creation that it needs."""
        for index, line in enumerate(self.lines):
            code = self.assumed.get(index, line.fields.get("op_code"))
            if code == _CREATE_STUDY:
                self._create_study(index, line)
            elif (missing := self._missing(line)) is not None:
                return index, missing
            elif code == _CREATE_TRIAL:
                self._create_trial(index, line)
            elif code == _DELETE_STUDY and line.intact:
                self.studies[line.fields["study_id"]] = _DELETED
            elif not line.intact:
                self._mark_incomplete(line)
            elif (trial := line.id("trial_id")) is not None:
                self._assign(index, trial, line)
        return None

    def _create_study(self, index: int, line: _Line) -> None:
        """Count a study; a process that opens an existing one writes its name once more."""
        name = line.fields["study_name"] if line.intact else None
        if name is None or name not in self.studies:
            later = (other.id("study_id") or 0 for other in self.lines[index:])
            if name is not None and None in self.studies and max(later) < len(self.studies):
                self.studies[self.studies.index(None)] = name
            else:
                self.studies.append(name)

    def _create_trial(self, index: int, line: _Line) -> None:
        self.study_of.append(line.id("study_id"))
        trial = len(self.study_of) - 1
        if not line.intact:
            self.incomplete.add(trial)
        self._assign(index, trial, line)

    def _assign(self, index: int, trial: int, line: _Line) -> None:
        self.owners[index] = trial
        running = line.fields.get("state", _RUNNING) == _RUNNING
        if line.fields.get("op_code") in (_CREATE_TRIAL, _STATE):
            (self.running.add if running else self.running.discard)(trial)

    def _missing(self, line: _Line) -> int | None:
        """Return the operation that has to come before a line and did not."""
        trial, study = line.id("trial_id"), line.id("study_id")
        if trial is not None and trial >= len(self.study_of):
            return _CREATE_TRIAL
        if study is not None and study >= len(self.studies):
            return _CREATE_STUDY
        return None

    def _mark_incomplete(self, line: _Line) -> None:
        """Mark the trials that a damaged line may have been about."""
        trial, code = line.id("trial_id"), line.fields.get("op_code")
        if trial is not None:
            self.incomplete.add(trial)
        elif not (isinstance(code, int) and code < _CREATE_TRIAL):
            self.incomplete |= self.running

    def text(self) -> str:
        """Return the lines that are kept, with ids that count them."""
        trials = {old: new for new, old in enumerate(self.kept)}
        readable = [study for study, name in enumerate(self.studies) if name]
        studies = {old: new for new, old in enumerate(readable)}
        created = {line.fields.get("study_name"): line.fields for line in self.lines if line.intact}
        kept = [created[self.studies[study]] for study in readable]
        for index, line in enumerate(self.lines):
            trial, study = self.owners.get(index), line.id("study_id")
            if not line.intact or line.fields["op_code"] == _CREATE_STUDY:
                continue
            if (trial in trials or trial is None) and (study in studies or study is None):
                fields = dict(line.fields)
                if trial is not None and "trial_id" in fields:
                    fields["trial_id"] = trials[trial]
                if study is not None:
                    fields["study_id"] = studies[study]
                kept.append(fields)
        return "".join(json.dumps(fields, separators=(",", ":")) + "\n" for fields in kept)


def _replayed(lines: Sequence[_Line]) -> _Replay:
    """Follow the lines, taking damaged ones for creations where later lines need them."""
    assumed: dict[int, int] = {}
    lines = list(lines)
    while (misfit := (replay := _Replay(lines, assumed)).run()) is not None:
        index, code = misfit
        unknown = [
            earlier
            for earlier, line in enumerate(lines[:index])
            if not line.intact
            and earlier not in assumed
            and line.fields.get("op_code") not in _NEEDED
        ]
        if unknown:
            assumed[unknown[-1]] = code
        else:  # it cannot be told what it is about
            lines[index] = _Line({}, False)
    return replay
