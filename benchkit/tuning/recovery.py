"""A damaged journal: what can be read of it goes on, and the damaged file is kept beside it.

A journal numbers studies and trials by the order of the lines that create them, so a lost line
must not shift those after it: another line takes the place of one that created something. A trial
that lost a line, or may have, becomes a lost one without values; no other trial does.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchkit.toolkit.files import write_atomically
from benchkit.tuning.ledger import ABOUT, KIND, REASON, study_name

# Optuna's operations, and the fields that each needs.
_CREATE_STUDY, _DELETE_STUDY, _CREATE_TRIAL, _STATE = 0, 1, 4, 6
_NEEDED = {
    _CREATE_STUDY: ("study_name", "directions"),
    _DELETE_STUDY: ("study_id",),
    2: ("study_id", "user_attr"),
    3: ("study_id", "system_attr"),
    _CREATE_TRIAL: ("study_id", "datetime_start"),
    5: ("trial_id", "param_name", "param_value_internal", "distribution"),
    _STATE: ("trial_id", "state", "values"),
    7: ("trial_id", "step", "intermediate_value"),
    8: ("trial_id", "user_attr"),
    9: ("trial_id", "system_attr"),
}
_RUNNING, _FAILED, _MAXIMIZE = 0, 3, 2
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
    lines = _with_creations(lines)
    owners, incomplete = _trials(lines)
    repaired = b"".join(
        line.text + b"\n" if line.intact and owner not in incomplete else line.stand_in()
        for line, owner in zip(lines, owners, strict=True)
    )
    names = (f"{path.name}.damaged{number}" for number in ("", *range(2, 1000)))
    copy = next(new for name in names if not (new := path.with_name(name)).exists())
    write_atomically(copy, content)
    write_atomically(path, repaired)
    trials = sum(line.operation == _CREATE_TRIAL for line in lines)
    return (
        f"{path} was damaged in {damaged} of {len(lines)} lines: {trials - len(incomplete)} of "
        f"{trials} trials could be read and are kept; the damaged file is now {copy.name}"
    )


@dataclass(frozen=True)
class _Line:
    """One line of a journal: its fields, or, of a damaged line, those that can be read."""

    text: bytes
    fields: dict[str, Any]
    intact: bool

    @classmethod
    def of(cls, text: bytes) -> _Line:
        try:
            fields = json.loads(text)
        except ValueError:  # of bytes that are no text, too
            readable = {key.decode(): int(value) for key, value in _FIELD.findall(text)}
            return cls(text, readable, intact=False)
        if not isinstance(fields, dict):
            return cls(text, {}, intact=False)
        return cls(text, fields, _is_intact(fields))

    @property
    def operation(self) -> int | None:
        """What it does; None where that cannot be read."""
        code = self.fields.get("op_code")
        return code if code in _NEEDED else None

    def id(self, key: str) -> int:
        """Return a number that it holds; -1 for none."""
        value = self.fields.get(key)
        return value if isinstance(value, int) else -1

    def stand_in(self) -> bytes:
        """Return what takes the place of a line that is damaged, or about an incomplete trial."""
        fields: dict[str, Any] = {"op_code": self.operation, "worker_id": ""}
        if self.operation == _CREATE_STUDY and "study_name" in self.fields:
            fields |= {"study_name": self.fields["study_name"], "directions": [_MAXIMIZE]}
        elif self.operation == _CREATE_TRIAL:
            attributes = {KIND: "lost", REASON: "lines of it in the journal were damaged"}
            fields |= {"study_id": max(0, self.id("study_id")), "datetime_start": None}
            fields |= {"state": _FAILED, "user_attrs": attributes}
        else:
            return b""
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


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


def _with_creations(lines: list[_Line]) -> list[_Line]:
    """Return lines of which damaged ones create what later lines need, a study or a trial."""
    studies: list[str] = []
    trials = 0
    unclear: list[int] = []  # damaged lines that may have created something

    def take(operation: int) -> int | None:
        fitting = (i for i in reversed(unclear) if lines[i].operation in (None, operation))
        if (place := next(fitting, None)) is not None:
            unclear.remove(place)
        return place

    for index, line in enumerate(lines):
        while line.id("study_id") >= len(studies) and (place := take(_CREATE_STUDY)) is not None:
            lines[place] = _creation_of_study(lines, len(studies))
            studies.append(lines[place].fields["study_name"])
        while line.id("trial_id") >= trials and (place := take(_CREATE_TRIAL)) is not None:
            fields = {**lines[place].fields, "op_code": _CREATE_TRIAL}
            lines[place] = replace(lines[place], fields=fields)
            trials += 1
        if line.id("study_id") >= len(studies) or line.id("trial_id") >= trials:
            lines[index] = _Line(b"", {}, intact=False)  # it cannot be told what it is about
        elif line.operation == _CREATE_TRIAL:
            trials += 1
        elif not line.intact:
            if line.operation in (None, _CREATE_STUDY) and line.id("trial_id") < 0:
                unclear.append(index)
        elif line.operation == _DELETE_STUDY:
            studies[line.id("study_id")] = ""  # the name may come again
        elif line.operation == _CREATE_STUDY and line.fields["study_name"] not in studies:
            studies.append(line.fields["study_name"])  # an old name is written by who opens it
    return lines


def _creation_of_study(lines: Sequence[_Line], study: int) -> _Line:
    """Return a damaged line that creates a study; what the study is about says its name."""
    name = f"damaged-{secrets.token_hex(8)}"
    for line in lines:
        if line.intact and line.id("study_id") == study:
            about = line.fields.get("user_attr", {}).get(ABOUT)
            name = study_name(about) if about else name
    return _Line(b"", {"op_code": _CREATE_STUDY, "study_name": name}, intact=False)


def _trials(lines: Sequence[_Line]) -> tuple[list[int], set[int]]:
    """Return the trial of each line, -1 for none, and the trials that may lack a line."""
    owners: list[int] = []
    running, incomplete = set[int](), set[int]()
    created = 0
    for line in lines:
        trial, operation = line.id("trial_id"), line.operation
        if operation == _CREATE_TRIAL:
            trial, created = created, created + 1
        owners.append(trial)
        if not line.intact:
            about_a_study = operation is not None and operation < _CREATE_TRIAL
            incomplete |= {trial} if trial >= 0 else set() if about_a_study else running
        elif operation in (_CREATE_TRIAL, _STATE):
            ended = line.fields.get("state", _RUNNING) != _RUNNING
            (running.discard if ended else running.add)(trial)
    return owners, incomplete
