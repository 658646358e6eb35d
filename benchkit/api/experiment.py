"""An experiment: everything that a run can be told, as values or as a TOML file.

    dataset = "beauty"
    recommenders = ["v-sknn", "sasrec"]
    ties = [0, 1, 2]
    trials = 100

    [set.sasrec]
    epochs = 50

Paths in a file are relative to its folder. What it leaves out has the default of `Experiment`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchkit.contracts.config import show_value
from benchkit.contracts.errors import ConfigError, DataError, unknown_name
from benchkit.contracts.protocol import PROTOCOLS, ProtocolName, Ties, parse_ties
from benchkit.toolkit.files import write_atomically

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CUTOFFS = (10, 20)  # always measured, so that all rows can stand in one table
PRESETS = ("paper", "sample", "default")
_PATHS = ("raw", "out")
_PRIVATE = (*_PATHS, "storage", "cluster", "jobs")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What to evaluate, on what, and how.

    Attributes:
        dataset: name of a dataset, or path of its TOML file.
        recommenders: names; none for all that can run here without prompting or downloading a
            language model.
        raw: folder of the raw files; None for the workspace's, else a generated sample.
        preset: ``paper``, ``sample`` or ``default``: values that `set` leaves out; None for
            ``sample`` on a generated sample, else ``paper``.
        set: parameters by component, the dataset's too; they are not searched.
        ties: seeds that order interactions of equal time, or ``("file",)``.
        k: cutoffs of the metrics, besides 10 and 20.
        protocol: ``paper``, ``strict`` or ``leave-one-out``.
        max_prompts: evaluate only so many of the test prompts; None for all.
        embedder: names; one for every recommender that needs one, or several to choose among.
        max_cost: US dollars that the whole run may pay; None for no cap.
        seeds: random seeds.
        jobs: recommenders at a time; in a search, workers that share it.
        cluster: address of a Dask cluster; None for this machine.
        trials: configurations to try for each recommender, 0 for none; None for as many as the
            time allows.
        timeout: wall time of all searches, as ``30m``; None for 45 seconds, or for 72 hours a
            recommender where `trials` are given.
        warm_start: whether the preset is tried first, before 40 random ones.
        sampler: name of an Optuna sampler.
        pruner: ``bottom``, ``none``, or the name of an Optuna pruner.
        storage: where studies are kept, a journal file or a database's address.
        out: folder of the leaderboards; None for ``leaderboards`` in the workspace.
    """

    dataset: str
    recommenders: Sequence[str] = ()
    raw: Path | None = None
    preset: str | None = None
    set: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ties: Sequence[Ties] = (0,)
    k: Sequence[int] = ()
    protocol: ProtocolName = "paper"
    max_prompts: int | None = None
    embedder: Sequence[str] = ()
    max_cost: float | None = None
    seeds: Sequence[int] = (0,)
    jobs: int = 1
    cluster: str | None = None
    trials: int | None = None
    timeout: str | None = None
    warm_start: bool = True
    sampler: str = "tpe"
    pruner: str = "bottom"
    storage: str | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        for name in ("recommenders", "embedder", "ties", "seeds", "k"):
            value = getattr(self, name)
            if isinstance(value, (str, int)):  # one is as good as a list of one
                object.__setattr__(self, name, (value,))
        for name in _PATHS:
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, Path(value))
        if problem := self._problem():
            raise ConfigError(problem)
        object.__setattr__(self, "ties", parse_ties(",".join(map(str, self.ties))))

    @property
    def cutoffs(self) -> tuple[int, ...]:
        """Where lists are cut, ascending."""
        return tuple(sorted({*CUTOFFS, *self.k}))

    def _problem(self) -> str:
        """Return what is wrong with a value, "" if nothing."""
        checks = {
            "dataset": isinstance(self.dataset, str) and bool(self.dataset),
            "recommenders": not self.recommenders or _all(self.recommenders, str),
            "embedder": not self.embedder or _all(self.embedder, str),
            "ties": isinstance(self.ties, Sequence),
            "seeds": _all(self.seeds, int, 0),
            "k": not self.k or _all(self.k, int, 1),
            "preset": self.preset in (None, *PRESETS),
            "protocol": self.protocol in PROTOCOLS,
            "max_prompts": _number(self.max_prompts, int, 1),
            "max_cost": _number(self.max_cost, (int, float), 0),
            "jobs": self.jobs is not None and _number(self.jobs, int, 1),
            "trials": _number(self.trials, int, 0),
            "warm_start": isinstance(self.warm_start, bool),
            "set": isinstance(self.set, Mapping)
            and all(isinstance(values, Mapping) for values in self.set.values()),
            **{name: isinstance(getattr(self, name), (Path, type(None))) for name in _PATHS},
            **{
                name: isinstance(getattr(self, name), (str, type(None)))
                for name in ("cluster", "timeout", "sampler", "pruner", "storage")
            },
        }
        wrong = [name for name, right in checks.items() if not right]
        if wrong:
            return f"{wrong[0]} cannot be {getattr(self, wrong[0])!r}{_EXPECTED.get(wrong[0], '')}"
        return ""

    @classmethod
    def read(cls, path: Path, **values: Any) -> Experiment:
        """Read an experiment's TOML file.

        Args:
            path: the file.
            values: what wins over it.

        Raises:
            DataError: there is no such file, or it is no TOML.
            ConfigError: a field is unknown, or its value cannot be.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"there is no experiment {path}") from None
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read the experiment {path} ({error})") from error
        names = [each.name for each in fields(cls)]
        for name in content:
            if name not in names:
                raise ConfigError(f"{path}: {unknown_name('field', name, names)}")
        content = {name: _resolved(name, value, path.parent) for name, value in content.items()}
        content |= values
        if "dataset" not in content:
            raise ConfigError(f"{path}: it names no dataset")
        try:
            return cls(**content)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def write(self, path: Path) -> None:
        """Write what is not a default into a TOML file, which `read` reads.

        Raises:
            StorageError: it cannot be written.
        """
        write_atomically(path, self.to_toml(path.parent))

    def to_toml(self, folder: Path | None = None) -> str:
        """Return the content of a TOML file; paths as seen from `folder`."""
        values = self.non_defaults()
        tables = values.pop("set", {})
        if folder is not None:
            values = {name: _relative(name, value, folder) for name, value in values.items()}
        lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
        for component, parameters in tables.items():
            lines += ["", f"[set.{_toml(component)}]"]
            lines += [f"{_toml(name)} = {_toml(value)}" for name, value in parameters.items()]
        return "\n".join(lines) + "\n"

    def public(self) -> dict[str, Any]:
        """Return what a record keeps of it: nothing about the machine it ran on."""
        values = {
            name: value for name, value in self.non_defaults().items() if name not in _PRIVATE
        }
        return values | {"dataset": Path(self.dataset).name}

    def non_defaults(self) -> dict[str, Any]:
        """Return what is not a default, as plain values."""
        defaults = asdict(Experiment(dataset="any")) | {"dataset": None}
        return {n: _plain(v) for n, v in asdict(self).items() if _plain(v) != _plain(defaults[n])}


_EXPECTED = {
    "preset": f"; it is one of {', '.join(PRESETS)}",
    "protocol": f"; it is one of {', '.join(PROTOCOLS)}",
    "seeds": "; it takes whole numbers from 0",
    "k": "; it takes whole numbers from 1",
    "set": "; it takes a table of parameters for each component",
}


def _all(values: Any, kind: type, least: int | None = None) -> bool:
    """Return whether these are one or more values of a type, none of them too small."""
    if not isinstance(values, Sequence) or not values:
        return False
    right = all(isinstance(each, kind) and not isinstance(each, bool) for each in values)
    return right and (least is None or min(values) >= least)


def _number(value: Any, kind: Any, least: float) -> bool:
    if value is None:
        return True
    return isinstance(value, kind) and not isinstance(value, bool) and bool(value >= least)


def _is_path(name: str, value: object) -> bool:
    return isinstance(value, str) and (
        name in _PATHS
        or (name == "dataset" and value.endswith(".toml"))
        or (name == "storage" and "://" not in value)
    )


def _resolved(name: str, value: Any, folder: Path) -> Any:
    return str(folder / value) if _is_path(name, value) else value


def _relative(name: str, value: Any, folder: Path) -> Any:
    return os.path.relpath(value, folder) if _is_path(name, value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return list(value) if isinstance(value, (list, tuple)) else value


def _toml(value: Any) -> str:
    """Return a value, or a key that is quoted, as TOML has it; JSON is the same for these."""
    if value is None:  # as --set takes it: TOML has no such value
        value = show_value(value)
    # a delete character is the one that TOML wants escaped, and JSON does not
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
