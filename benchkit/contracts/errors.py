"""Errors that a user can cause: one root, one clear sentence each, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from benchkit import DISTRIBUTION


class BenchkitError(Exception):
    """Root of every error a user can cause.

    The message is one sentence for a person: what is wrong, what is possible, what to do.
    The command line prints it without a traceback and exits with code 2.
    """


class ConfigError(BenchkitError):
    """A parameter is unknown, ill-typed or out of bounds."""


class DataError(BenchkitError):
    """A data file is missing, damaged or holds what it must not."""


class PluginError(BenchkitError):
    """A plugin is unknown, broken, or claims a name that is taken."""


class UnavailableError(BenchkitError):
    """A component cannot run here: a missing extra, key, model or accelerator."""


class FinalError(UnavailableError):
    """What has failed would cost as much again: a search ends with it."""


class DivergedError(BenchkitError):
    """Training diverged: a loss, weights or scores are not finite any more."""


class StorageError(BenchkitError):
    """A file of ours cannot be read or written: permission, full disk, damage."""


def one_line(error: BaseException) -> str:
    """Return an error's type and words in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def extra_missing(extra: str) -> str:
    """Return the sentence for what one of our extras would bring."""
    return f"it needs the extra `{extra}`: pip install '{DISTRIBUTION}[{extra}]'"


def unknown_name(what: str, name: str, names: Iterable[str]) -> str:
    """Return the sentence for an unknown name: the nearest spellings, else all there are."""
    existing = sorted(names)
    near = difflib.get_close_matches(name, existing, n=3, cutoff=0.6)
    if near:
        return f"unknown {what} {name!r}; did you mean {' or '.join(near)}?"
    return f"unknown {what} {name!r}; there are: {', '.join(existing) or 'none'}"
