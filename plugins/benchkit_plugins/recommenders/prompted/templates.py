"""Templates of prompts: our wording, entry by entry replaced by a user's file."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchkit.contracts.errors import ConfigError, unknown_name
from benchkit.contracts.prompted import Conversation, Message
from benchkit.toolkit.digests import digest_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_OURS = Path(__file__).with_name("templates.toml")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Template:
    """A task's two messages, with placeholders.

    Attributes:
        system: what the model is told to be; "" for no such message.
        user: what it is asked.
    """

    system: str
    user: str

    @property
    def placeholders(self) -> set[str]:
        """Names of what is to be filled in."""
        return {*_PLACEHOLDER.findall(self.system), *_PLACEHOLDER.findall(self.user)}

    @property
    def digest(self) -> str:
        """Digest of the wording, 16 hex digits: another wording is another model."""
        return digest_of(asdict(self))

    def fill(self, values: Mapping[str, str]) -> Conversation:
        """Return a conversation; braces within the values mean nothing.

        Args:
            values: text by placeholder, at least for all `placeholders`.
        """
        user = Message("user", _filled(self.user, values))
        return (Message("system", _filled(self.system, values)), user) if self.system else (user,)


def read_template(
    path: str | None, task: str, needs: Collection[str], may: Collection[str]
) -> Template:
    """Return a task's template.

    Args:
        path: a user's file, whose entries replace ours; None for ours.
        task: the task's name.
        needs: placeholders that must occur.
        may: others that may occur.

    Raises:
        ConfigError: the file cannot be used; the message says why.
    """
    entries = _read(_OURS)
    if path is not None:
        own = _read(Path(path))
        _check(own, entries, path)
        entries[task].update(own.get(task, {}))
    template = Template(**{name: text.strip() for name, text in entries[task].items()})
    _check_placeholders(template, task, path, set(needs), {*needs, *may})
    return template


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read templates {path}: {error.strerror}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise ConfigError(f"templates {path} are not TOML: {error}") from error


def _check(content: Mapping[str, Any], ours: Mapping[str, Any], path: str) -> None:
    for task, entries in content.items():
        if task not in ours:
            raise ConfigError(f"templates {path}: {unknown_name('task', task, ours)}")
        if not isinstance(entries, dict):
            raise ConfigError(f"templates {path}: {task} must be a table, [{task}]")
        for name, text in entries.items():
            if name not in ours[task]:
                problem = unknown_name("entry", name, ours[task])
                raise ConfigError(f"templates {path}: [{task}] has an {problem}")
            if not isinstance(text, str):
                raise ConfigError(f"templates {path}: {name} of [{task}] must be a text")


def _check_placeholders(
    template: Template, task: str, path: str | None, needs: set[str], may: set[str]
) -> None:
    for name in sorted(template.placeholders - may):
        problem = unknown_name("placeholder", f"{{{name}}}", [f"{{{word}}}" for word in may])
        raise ConfigError(f"templates {path}: [{task}] has an {problem}")
    if missing := sorted(f"{{{name}}}" for name in needs - template.placeholders):
        raise ConfigError(f"templates {path}: [{task}] lacks {' and '.join(missing)}")


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Fill in all placeholders in one pass: what is filled in is never looked at again."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)
