"""Settings of a run: protocol, presets, values, seed; and the components that they configure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from benchkit.toolkit.spending import Account, SharedBudget

# Called with what is going on, one line at a time.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Tuned:
    """The result of a search for a recommender's configuration, before the test set is read.

    Attributes:
        values: the configuration, with the searched parameters of components that it names, as
            ``autoencoder.l2``; empty where no trial finished, and the preset is evaluated.
        search: how it was found, as the record keeps it; ``study`` is its name.
    """

    values: Mapping[str, Any]
    search: Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """What `benchkit run` takes, beside the recommenders.

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
        shared_budget: what the run has spent; None where this process is all of it.
        tuned: results of searches, by recommender; the user's values win over them.
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
    shared_budget: SharedBudget | None = None
    tuned: Mapping[str, Tuned] = field(default_factory=dict)
    embedders: Sequence[str] = ()
    experiment: Mapping[str, Any] = field(default_factory=dict)

    def values(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the values of the components of a recommender, by component.

        Results of searches for what it may build on count like the user's values, which win.
        """
        tuned = {part: result.values for part, result in self.tuned.items()}
        first = with_embedder({}, self.embedders[0]) if self.embedders else {}
        return merged(first, tuned, of_others(tuned.get(name, {})), self.overrides)

    def on_machine(self, workspace: Path, out: Path) -> Settings:
        """Return the settings of the same run on another machine, where nothing may be paid.

        Costs are not counted over machines: `benchkit embed` pays for vectors beforehand.
        """
        return replace(self, workspace=workspace, out=out, max_cost=0.0, shared_budget=None)

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
        return Account(self.max_cost, self.reserve, self.shared_budget)

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
