"""The evaluation protocol (paper 7.1): what decides whether two results may be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from benchkit.contracts.errors import ConfigError

ProtocolName = Literal["paper", "strict", "leave-one-out"]
Ties = int | str

PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)

# Raised whenever the meaning of a protocol changes: older rows then stand in tables of their own.
# 1: equal scores in order of training frequency; truths never trained on were misses for all.
# 2: equal scores in the order of a hash (`ranking.tie_keys`); such truths count like others.
REVISION = 2
FOLDS = 3


@dataclass(frozen=True)
class Protocol:
    """How data are ordered, split and counted.

    Attributes:
        name: ``paper`` does as the paper's authors do. ``strict`` withholds each test session's
            real last item, counts popularity in training sessions alone, and keeps the whole
            prompt out of every list. ``leave-one-out`` withholds the last item of every session,
            whenever it was, and learns from the rest: usual elsewhere (paper 7.1.5), though models
            then learn from what comes after the prompts they are asked.
        ties: seed that orders interactions of equal time, or ``"file"`` for the file's order.
        test_share: share of the sessions, the latest ones, that are tested; not under
            ``leave-one-out``.
        max_prompts: ask only so many prompts, of the test set and of each fold, always the same
            ones; None for all.
    """

    name: ProtocolName = "paper"
    ties: Ties = 0
    test_share: float = 0.2
    max_prompts: int | None = None

    @property
    def strict(self) -> bool:
        """Whether this is the strict protocol."""
        return self.name == "strict"

    @property
    def leave_one_out(self) -> bool:
        """Whether each session is split, not the time."""
        return self.name == "leave-one-out"

    def rules(self, revision: int = REVISION) -> str:
        """Return a digest of everything but the ties: equal for rows that may share a table."""
        return _digest({**self.as_dict(), "ties": None}, revision)

    def fingerprint(self, file_order: str, revision: int = REVISION) -> str:
        """Return a digest of everything that shapes the comparison.

        Args:
            file_order: digest of the order among ties in the file; it enters only where that
                order is used.
            revision: of the protocol's meaning.
        """
        order = file_order if self.ties == "file" else ""
        return _digest({**self.as_dict(), "order": order}, revision)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, less what asks for nothing: digests are as they were before it."""
        content = asdict(self)
        if self.max_prompts is None:
            del content["max_prompts"]
        return content

    def as_record(self, file_order: str) -> dict[str, Any]:
        """Return what a record keeps: `as_dict`, the revision of its meaning, and the digests.

        Args:
            file_order: as in `fingerprint`.
        """
        digests = {"fingerprint": self.fingerprint(file_order), "rules": self.rules()}
        return {**self.as_dict(), "revision": REVISION, **digests}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Protocol:
        """Return the protocol that a record was made under."""
        return cls(**{f.name: content[f.name] for f in fields(cls) if f.name in content})


def _digest(content: dict[str, object], revision: int = REVISION) -> str:
    text = json.dumps({**content, "revision": revision}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_ties(text: str) -> tuple[Ties, ...]:
    """Read the value of ``--ties``: ``file``, or seeds separated by commas.

    Raises:
        ConfigError: it is neither.
    """
    if text.strip() == "file":
        return ("file",)
    try:
        seeds = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        seeds = ()
    if not seeds or min(seeds) < 0:
        raise ConfigError(f"--ties takes seeds such as 0 or 0,1,2, or the word file; not {text!r}")
    return seeds
