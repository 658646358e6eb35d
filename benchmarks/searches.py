"""Real searches, timed: what a second worker brings, and what pruning saves.

    python benchmarks/searches.py workers [--recommender NAME ...] [--trials N] [--threads N]
    python benchmarks/searches.py pruning [--recommender NAME] [--trials N] [--seeds 0,1] [--replay]
        [--pruner NAME ...]

Both take ``--dataset NAME --raw DIR`` (default: the generated Steam sample) and ``--set
NAME.PARAM=VALUE``, such as ``sasrec.epochs=2`` for a look at the machinery. ``--keep FOLDER`` keeps
the studies, and the same command goes on. The paper's case is ``pruning --dataset beauty --raw DIR
--trials 140 --keep FOLDER``.

``workers`` does the same random configurations with one worker and with two, and prints trials a
minute of the time in which at least one trial ran; what is imported and prepared beforehand is not
counted. By default a single worker has both cores' threads, as in `benchkit run`; ``--threads 1``
compares workers of one thread each. Target: 1.7 times as many.

``pruning`` does one search without a pruner and one with each of those named (default: the
protocol's), with the protocol's sampler, and prints the folds that were fitted and the best values.
With ``--replay`` only the first search is done: pruners are shown its fold values in their order
instead. That is cheaper, and exact about the pruner, but suggestions that would have been others
are not made. Target: a quarter of the fits saved at an equal best value, within the spread over the
seeds. Were all trials equally likely to be good, the protocol's pruner would save
(0.2 x 2 + 0.8 x 0.2) / 3 = 18.7 %; ``--pruner median`` reaches the target.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from benchkit.cli.options import read_assignments
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.evaluation.display import silent
from benchkit.evaluation.settings import Settings
from benchkit.tuning.budget import FOLD_STEPS, Options
from benchkit.tuning.ledger import SAME_AS, Ledger
from benchkit.tuning.progress import SearchProgress
from benchkit.tuning.samplers import pruner
from benchkit.tuning.search import Search, plan_search
from benchkit.tuning.storage import journal
from benchkit.tuning.tune import tune

Values = dict[str, dict[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["workers", "pruning"])
    parser.add_argument("--dataset", default="steam")
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--recommender", action="append", default=[])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--pruner", action="append", default=[])
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    if args.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)
    values = read_assignments(tuple(args.set))
    with tempfile.TemporaryDirectory() if args.keep is None else nullcontext(args.keep) as name:
        folder = Path(name)
        prepared = open_dataset(args.dataset, folder, args.raw, {})
        if args.what == "workers":
            for recommender in args.recommender or ["sasrec", "v-sknn"]:
                workers(prepared, recommender, values, args.trials, folder)
        else:
            seeds = [int(seed) for seed in args.seeds.split(",")]
            pruners = args.pruner or ["bottom"]
            for recommender in args.recommender or ["sasrec"]:
                for seed in seeds:
                    out = folder / f"{seed}"
                    pruning(
                        prepared, recommender, values, args.trials, seed, out, pruners, args.replay
                    )


def workers(
    prepared: PreparedDataset, recommender: str, values: Values, trials: int, folder: Path
) -> None:
    """Print trials a minute of one worker and of two, on the same configurations."""
    rates = []
    for jobs in (1, 2):
        options = Options("random", "none", trials=trials, jobs=jobs)
        search = conducted(prepared, recommender, values, options, 0, folder / f"{jobs}")
        ledger = search.refresh(Ledger(), search.study())
        rates.append(ledger.counts["done"] / ledger.seconds * 60)
        print(f"{recommender}: {jobs} at a time, {ledger.counts['done']} trials in "
              f"{ledger.seconds:.1f} s, {rates[-1]:.1f} a minute", flush=True)  # fmt: skip
    print(f"{recommender}: {rates[1] / rates[0]:.2f} times as many with two")


def pruning(
    prepared: PreparedDataset,
    recommender: str,
    values: Values,
    trials: int,
    seed: int,
    out: Path,
    pruners: Sequence[str],
    replay: bool,
) -> None:
    """Print what pruning saves, by each pruner."""

    def searched(pruner: str) -> list[FrozenTrial]:
        options = Options("tpe", pruner, trials=trials)
        search = conducted(prepared, recommender, values, options, seed, out)
        return search.study().get_trials(deepcopy=False)

    without = searched("none")
    all_fits, best = summary(without)
    how = "the same trials shown to it" if replay else "another search"
    for name in pruners:
        fits, other = summary(replayed(without, name) if replay else searched(name))
        print(f"{recommender}, seed {seed}, {name}, {how}: {all_fits} folds fitted without it, "
              f"{fits} with ({1 - fits / all_fits:.1%} saved); best {best:.4f} and {other:.4f}",
              flush=True)  # fmt: skip


def conducted(
    prepared: PreparedDataset,
    recommender: str,
    values: Values,
    options: Options,
    seed: int,
    out: Path,
) -> Search:
    """Return a search that has been done, in a journal of its own."""
    workspace = out.parent
    preset = "sample" if prepared.synthetic else "paper"
    settings = Settings(Protocol(), preset, values, [20], seed, workspace, out)
    how = vars(options) | {"storage": journal(out, f"{options.pruner}-{options.jobs}")}
    search = plan_search(prepared, recommender, settings, Options(**how))
    assert search is not None
    tune([search], options.jobs, SearchProgress(1, silent()))
    return search


def replayed(trials: Sequence[FrozenTrial], name: str) -> list[FrozenTrial]:
    """Return the trials as they had ended if a pruner had been asked after each fold."""
    study = optuna.create_study(direction="maximize", pruner=pruner(name))
    for trial in trials:
        asked, state = study.ask(), TrialState.COMPLETE
        if SAME_AS in trial.user_attrs:
            asked.set_user_attr(SAME_AS, trial.user_attrs[SAME_AS])
        if trial.state != TrialState.COMPLETE:
            study.tell(asked, state=TrialState.FAIL)
            continue
        for step, total in sorted(trial.intermediate_values.items()):
            asked.report(total, step)
            if step < FOLD_STEPS and asked.should_prune():
                state = TrialState.PRUNED
                break
        study.tell(asked, trial.value if state == TrialState.COMPLETE else None, state=state)
    return study.get_trials(deepcopy=False)


def summary(trials: Sequence[FrozenTrial]) -> tuple[int, float]:
    """Return how many folds were fitted, and the best total."""
    fits = sum(len(t.intermediate_values) for t in trials if SAME_AS not in t.user_attrs)
    return fits, max(t.value or 0.0 for t in trials if t.state == TrialState.COMPLETE)


if __name__ == "__main__":
    main()
