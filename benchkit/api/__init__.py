"""The API: what the command line does, for notebooks and scripts.

    import benchkit

    results = benchkit.run("steam", recommenders=["v-sknn", "sknn"], trials=0)
    results.leaderboard                                     # shows itself in a notebook
    results.leaderboard.to_polars()
    results.leaderboard.compare("v-sknn", "sknn")           # and whether by chance

    data = benchkit.open_dataset("steam")                   # one recommender by hand
    split = data.split()
    model = benchkit.recommender("v-sknn", {"k": 200})
    model.fit(split.train, data.bench(split))
    lists = model.recommend(split.test.prompts, 20)
    data.measure(lists, split)                              # {"ndcg@20": ..., ...}

It prints nothing; `progress` is called with each line about how far it has come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchkit.api.experiment import Experiment
from benchkit.api.results import Leaderboard, leaderboard, relative_gains, table_of
from benchkit.api.sharing import check, export, merge
from benchkit.components.configure import Presets
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.protocol import Protocol, ProtocolName, Ties
from benchkit.contracts.recommender import Recommendations, Recommender
from benchkit.data.open import open_dataset as open_prepared
from benchkit.data.split import Split, split_sessions
from benchkit.evaluation.bench import Workbench
from benchkit.evaluation.display import lines_to
from benchkit.evaluation.measure import measure_all
from benchkit.leaderboards.record import Record
from benchkit.toolkit.workspace import workspace

__all__ = [
    "Data",
    "Experiment",
    "Leaderboard",
    "Results",
    "check",
    "export",
    "leaderboard",
    "merge",
    "open_dataset",
    "recommender",
    "relative_gains",
    "run",
]


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True)
class Results:
    """What a run has brought.

    Attributes:
        experiment: what was run.
        records: the results, those of earlier runs that were kept too.
        failures: why each recommender that failed has no result, by name.
        left_out: why others could not run here, by name.
        warnings: one sentence for each file that could not be read.
        leaderboard: the table of what was run; None without any result.
    """

    experiment: Experiment
    records: list[Record]
    failures: dict[str, str]
    left_out: dict[str, str]
    warnings: list[str]
    leaderboard: Leaderboard | None


def run(
    dataset: str | Path | Experiment,
    *,
    progress: Callable[[str], None] = _silent,
    **options: Any,
) -> Results:
    """Search, evaluate and write the leaderboard, as `benchkit run` does.

    After an interruption, the same call resumes.

    Args:
        dataset: name of a dataset, path of its TOML file, or a whole `Experiment`.
        progress: called with each line about how far it has come.
        options: fields of `Experiment`.

    Raises:
        BenchkitError: whatever the user can mend.
        KeyboardInterrupt: what is finished is kept.
    """
    if not isinstance(dataset, Experiment):
        experiment = Experiment(dataset=str(dataset), **options)
    elif options:
        raise TypeError("an Experiment is whole: change it by dataclasses.replace")
    else:
        experiment = dataset
    # These import Optuna, which showing a leaderboard does not need.
    from benchkit.api.planning import plan_run
    from benchkit.api.running import run_plan

    plan = plan_run(experiment, progress)
    outcome = run_plan(plan, lines_to(progress))
    if outcome.interrupted:
        raise KeyboardInterrupt
    return Results(
        experiment,
        outcome.records,
        {failure.identity.recommender["name"]: failure.reason for failure in outcome.failures},
        plan.left_out,
        outcome.warnings,
        table_of(plan, outcome),
    )


@dataclass(frozen=True)
class Data:
    """A prepared dataset.

    Attributes:
        prepared: sessions, catalog and what was counted on the way.
    """

    prepared: PreparedDataset

    def split(self, protocol: ProtocolName = "paper", ties: Ties = 0) -> Split:
        """Return training sessions, folds and test set under a protocol.

        Args:
            protocol: ``paper``, ``strict`` or ``leave-one-out``.
            ties: seed that orders interactions of equal time, or ``file``.
        """
        return split_sessions(self.prepared, Protocol(protocol, ties))

    def bench(
        self,
        split: Split,
        *,
        seed: int = 0,
        values: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Workbench:
        """Return what a recommender may ask for while it fits on the split's training sessions.

        Args:
            split: as `split` gives it.
            seed: of everything random.
            values: parameters of embedders, reducers and other recommenders, by name.
        """
        return Workbench(
            catalog=self.prepared.catalog,
            train=split.train,
            item_counts=split.item_counts(self.prepared),
            session_counts=split.session_counts(self.prepared),
            seed=seed,
            presets=Presets(self.prepared.family, exclude_prompt=split.protocol.strict),
            only_trained=split.protocol.strict,
            values=values or {},
            workspace=workspace(),
        )

    def measure(self, lists: Recommendations, split: Split) -> dict[str, float]:
        """Return all metrics of lists for the split's test prompts, at 10 and at their length."""
        depth = lists.items.shape[1]
        return measure_all(lists, split, self.prepared, sorted({min(10, depth), depth})).summaries


def open_dataset(
    dataset: str | Path,
    *,
    raw: Path | str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Data:
    """Return a dataset's prepared data, from the cache where they have been prepared before.

    Args:
        dataset: name, ``<name>-sample`` for a generated sample, or path of a TOML file.
        raw: folder of the raw files; None for the workspace's, else a generated sample.
        values: the dataset's parameters.

    Raises:
        BenchkitError: there is no such dataset, or its files are missing or damaged.
    """
    folder = None if raw is None else Path(raw)
    return Data(open_prepared(str(dataset), workspace(), folder, values or {}))


def recommender(
    name: str, values: Mapping[str, Any] | None = None, *, dataset: str = "", preset: str = "paper"
) -> Recommender:
    """Return a recommender that is ready to fit.

    Args:
        name: its name.
        values: parameters; what they leave out comes from the preset.
        dataset: whose published values the preset ``paper`` has.
        preset: ``paper``, ``sample`` or ``default``.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    return Presets(dataset, preset).configure(name, values or {})
