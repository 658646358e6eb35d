"""The completion store: every completion is kept as it arrives, and never asked for again.

One file a base model under ``completions/`` in the workspace: a line of JSON for each prompt's
completions and each fine-tuned model. Lines are only added, by one process at a time, so a kill
costs at most the line being written. Whoever gets a copy of the file needs no key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchkit.contracts.config import Value
from benchkit.contracts.errors import StorageError
from benchkit.contracts.prompted import Conversation
from benchkit.toolkit.digests import digest_of
from benchkit.toolkit.files import locked, storage_error
from benchkit_plugins.recommenders.prompted.providers.contract import (
    Completions,
    Sampling,
    Trained,
)

FOLDER = "completions"


def key_of(fine_tune: str, prompt: Conversation, sampling: Sampling) -> str:
    """Return the digest of everything that shapes a prompt's completions, 32 hex digits.

    Args:
        fine_tune: key of the fine-tuning; "" for the base model.
        prompt: the conversation.
        sampling: how answers are drawn.
    """
    settings = {name: value for name, value in vars(sampling).items() if value is not None}
    turns = [(message.role, message.content) for message in prompt]
    content = json.dumps([fine_tune, turns, settings], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def identities(workspace: Path, provider: str) -> list[dict[str, Any]]:
    """Return the base models whose completions are kept; what cannot be read is none."""
    models = []
    for path in sorted((workspace / FOLDER).glob(f"{provider}-*.jsonl")):
        with suppress(OSError, ValueError, TypeError, KeyError), path.open("rb") as file:
            models.append(dict(json.loads(file.readline())["about"]))
    return models


class CompletionStore:
    """Completions of one base model and of those fine-tuned from it.

    Args:
        workspace: folder that holds ``completions``.
        provider: name of the provider.
        identity: what decides the base model's answers.
    """

    def __init__(self, workspace: Path, provider: str, identity: Mapping[str, Value]) -> None:
        self.path = workspace / FOLDER / f"{provider}-{digest_of(identity)}.jsonl"
        self._identity = dict(identity)
        self._completions: dict[str, Completions] = {}
        self._trained: dict[str, Trained] = {}
        self._read = 0  # bytes of the file that are known

    def completions(self, key: str) -> Completions | None:
        """Return the completions kept under a key (`key_of`), or None."""
        return self._completions.get(key)

    def trained(self, fine_tune: str) -> Trained | None:
        """Return the model that a fine-tuning gave, None where none has ended."""
        return self._trained.get(fine_tune)

    def keep(self, key: str, completions: Completions) -> None:
        """Keep a prompt's completions.

        Raises:
            StorageError: the file cannot be written.
        """
        self._append({"prompt": key, **_kept(completions)})
        self.refresh()

    def keep_trained(self, fine_tune: str, trained: Trained) -> None:
        """Keep what a fine-tuning gave.

        Raises:
            StorageError: the file cannot be written.
        """
        self._append({"course": fine_tune, **_kept(trained)})
        self.refresh()

    @contextmanager
    def exclusive(self, fine_tune: str) -> Iterator[None]:
        """Hold a model while asking for what is lacking, so that two processes never pay twice.

        What another process has kept meanwhile is known within.

        Args:
            fine_tune: key of the fine-tuning; "" for the base model.

        Raises:
            StorageError: the folder cannot be written, or the file is damaged.
        """
        with locked(self.path.with_name(f"{self.path.stem}-{fine_tune or 'base'}.lock")):
            self.refresh()
            yield

    def refresh(self) -> None:
        """Learn what the file holds by now.

        Raises:
            StorageError: it cannot be read, or a line of it is damaged.
        """
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                lines = file.read().split(b"\n")
        except OSError as error:
            raise storage_error(self.path, error, "read") from error
        for line in lines[:-1]:  # behind the last line end stands what is being written, or torn
            self._read += len(line) + 1
            self._learn(line)

    def _learn(self, line: bytes) -> None:
        try:
            content: dict[str, Any] = json.loads(line)
            if "prompt" in content:
                key = content.pop("prompt")
                texts = tuple(map(str, content.pop("texts")))
                reserved = content.pop("promised", 0.0)
                self._completions[key] = Completions(texts, **content, reserved=reserved)
            elif "course" in content:
                key = content.pop("course")
                reserved = content.pop("promised", 0.0)
                self._trained[key] = Trained(**content, reserved=reserved)
            elif "about" not in content:
                raise ValueError("nothing we write")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StorageError(
                f"{self.path} is damaged before byte {self._read:,} ({error}): "
                "remove that line, and what it held is asked for again"
            ) from error

    def _append(self, content: Mapping[str, object]) -> None:
        with locked(self.path.with_suffix(".lock")):
            self.refresh()
            lines = [content] if self._read else [{"about": self._identity}, content]
            data = "".join(json.dumps(line) + "\n" for line in lines).encode()
            try:
                self._write(data)
            except OSError as error:
                raise storage_error(self.path, error) from error

    def _write(self, data: bytes) -> None:
        """Write behind the last line; half a line, of a kill or a full disk, is overwritten."""
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.truncate(self._read)
            file.seek(self._read)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _kept(answer: Completions | Trained) -> dict[str, Any]:
    """Return the fields to keep of an answer: not who paid for it."""
    fields = {name: value for name, value in asdict(answer).items() if name != "earlier"}
    fields["promised"] = fields.pop("reserved")  # as files have called it from the first
    return fields
