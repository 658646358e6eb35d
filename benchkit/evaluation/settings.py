"""Settings of a run: protocol, presets, values, seed; and the components that they configure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchkit.components.configure import Presets, merged, of_others, with_embedder
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.protocol import Protocol
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
        preset: ``paper``, ``sample`` or ``default``, see `Presets`.
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

    def presets(self, family: str) -> Presets:
        """Return where values come from that the user did not set, for a family of datasets."""
        return Presets(family, self.preset, self.protocol.strict)

    def spending(self) -> Account:
        """Return what paid calls are counted by, and held to the cap."""
        return Account(self.max_cost, self.reserve, self.shared_budget)


def usual_preset(prepared: PreparedDataset) -> str:
    """Return the preset that a dataset gets where the user names none."""
    return "sample" if prepared.synthetic else "paper"
