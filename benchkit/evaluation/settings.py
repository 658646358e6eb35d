"""What a run was asked for: protocol, presets, values, seed; and what follows from it alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchkit.components.configure import configure, merged, of_others, with_embedder
from benchkit.contracts.arrays import Int64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.recommender import Recommender
from benchkit.contracts.sessions import Sessions
from benchkit.data.sealed import Sealed
from benchkit.evaluation.bench import Workbench
from benchkit.toolkit.spending import Account, Purse

# Told what is going on, one line at a time.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Frozen:
    """What a search has found for a recommender, before anyone looks at the test set.

    Attributes:
        values: the configuration, with the searched parameters of components that it names, as
            ``autoencoder.l2``; empty where no trial finished, and the preset is evaluated.
        search: how it was found, as the record keeps it; ``study`` is its name.
    """

    values: Mapping[str, Any]
    search: Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """What `benchkit run` was asked for, beside the recommenders.

    Attributes:
        protocol: name and ties; a run over several ties has one `Settings` each.
        preset: ``paper``, ``sample`` or ``default``, see `configure.best_values`.
        overrides: the user's values, by recommender.
        cutoffs: where lists are cut for the metrics, ascending.
        seed: of everything random.
        workspace: folder that holds ``datasets``.
        out: folder that leaderboards and records are written to.
        max_cost: US dollars that paid calls of the whole run must not exceed; None for no cap.
        reserve: US dollars of them that a search leaves to the evaluation.
        purse: what the run has spent; None where this process is all of it.
        frozen: what searches have found, by recommender; the user's values win over it.
        embedders: those that a search chooses among, where the user named several; it starts from
            the first.
        experiment: what the run was told, as a record keeps it.
    """

    protocol: Protocol
    preset: str
    overrides: Mapping[str, Mapping[str, str]]
    cutoffs: Sequence[int]
    seed: int
    workspace: Path
    out: Path
    max_cost: float | None = None
    reserve: float = 0.0
    purse: Purse | None = None
    frozen: Mapping[str, Frozen] = field(default_factory=dict)
    embedders: Sequence[str] = ()
    experiment: Mapping[str, Any] = field(default_factory=dict)

    def values(self, name: str) -> dict[str, dict[str, Any]]:
        """Return what components are set to where a recommender is made, by component.

        What searches have found for what it may build on counts like what the user set, which wins.
        """
        found = {part: frozen.values for part, frozen in self.frozen.items()}
        first = with_embedder({}, self.embedders[0]) if self.embedders else {}
        return merged(first, found, of_others(found.get(name, {})), self.overrides)

    def configured(self, name: str, values: Mapping[str, object], family: str) -> Recommender:
        """Return a recommender with `values`, the preset and the protocol's demands.

        Raises:
            PluginError: nothing of that name is installed.
            ConfigError: a value does not fit.
        """
        return configure(
            name,
            values,
            family=family,
            preset=self.preset,
            exclude_prompt=self.protocol.strict,
        )

    def spending(self) -> Account:
        """Return what paid calls are counted by, and held to the cap."""
        return Account(self.max_cost, self.reserve, self.purse)

    def bench(
        self,
        data: PreparedDataset | Sealed,
        train: Sessions,
        item_counts: Int64,
        session_counts: Int64,
        spending: Account,
        values: Mapping[str, Mapping[str, Any]],
        report: Progress = lambda _line: None,
    ) -> Workbench:
        """Return the bench of some training sessions; it keeps no weights.

        Args:
            data: the dataset, or what a search may know of it.
            train: what to fit on.
            item_counts: popularity, as the protocol counts it, ``int64[items]``.
            session_counts: sessions that contain each item, ``int64[items]``.
            spending: what paid calls may cost.
            values: what components are set to, as `values` gives it.
            report: told one line at a time how a long fit is going.
        """
        return Workbench(
            catalog=data.catalog,
            train=train,
            item_counts=item_counts,
            session_counts=session_counts,
            seed=self.seed,
            family=data.family,
            preset=self.preset,
            exclude_prompt=self.protocol.strict,
            only_trained=self.protocol.strict,
            values=values,
            workspace=self.workspace,
            spending=spending,
            report=report,
        )


def usual_preset(prepared: PreparedDataset) -> str:
    """Return the preset that a dataset gets where the user names none."""
    return "sample" if prepared.synthetic else "paper"
