"""What a study has found: its best trials, counts, and which parameters mattered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.contracts.errors import BenchkitError, unknown_name
from benchkit.tuning.ledger import Ledger, folds_of
from benchkit.tuning.search import ABOUT, FINISHED, about_of
from benchkit.tuning.space import EXACT, drawn
from benchkit.tuning.storage import file_of, open_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Fewer trials say nothing of what mattered.
_ENOUGH = 10


@dataclass(frozen=True)
class Tried:
    """A finished trial: its number, total, value of each fold, and the searched parameters."""

    trial: int
    value: float
    folds: Sequence[float]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Review:
    """A study as it stands.

    Attributes:
        study: its name.
        dataset: of what data.
        recommender: of what.
        about: what shaped the search.
        ended: how the search ended; {} if it has not, or was interrupted.
        counts: trials by what has become of them; they add up to `trials`.
        trials: all of them.
        seconds: wall time during which trials ran.
        finished: those with a value, best first.
        importances: share of the variance of the value that each parameter explains (fANOVA).
        unranked: why there are none, or which parameters have none; "" where all have one.
        others: names of older studies of the same recommender.
    """

    study: str
    dataset: str
    recommender: str
    about: Mapping[str, Any]
    ended: Mapping[str, Any]
    counts: Mapping[str, int]
    trials: int
    seconds: float
    finished: Sequence[Tried]
    importances: Mapping[str, float] = field(default_factory=dict)
    unranked: str = ""
    others: Sequence[str] = ()

    def as_dict(self, top: int) -> dict[str, Any]:
        """Return plain data, with the best `top` trials."""
        return {**asdict(self), "finished": [asdict(tried) for tried in self.finished[:top]]}


def review(storage: str, dataset: str, recommender: str) -> Review:
    """Return the newest study of a recommender on a dataset.

    Raises:
        BenchkitError: there is none.
        StorageError: the storage cannot be read.
    """
    import optuna

    path = file_of(storage)
    if path is not None and not path.exists():  # which opening would make
        raise BenchkitError(f"there are no studies in {path}: there is no such file")
    opened = open_storage(storage)
    abouts = {each.study_name: about_of(each.user_attrs) for each in opened.get_all_studies()}
    ours = {study: about for study, about in abouts.items() if about is not None}
    datasets = {about["dataset"]["name"] for about in ours.values()}
    known = {s: about for s, about in ours.items() if about["dataset"]["name"] == dataset}
    if not known:
        unreadable = len(abouts) - len(ours)
        raise no_studies(dataset, path or "this storage", datasets, unreadable)
    names = {about["recommender"]["name"] for about in known.values()}
    found = [s for s, about in known.items() if about["recommender"]["name"] == recommender]
    if not found:
        raise BenchkitError(
            f"there is no study of it on {dataset}: "
            f"{unknown_name('recommender', recommender, names)}"
        )
    studies = [optuna.load_study(study_name=name, storage=opened) for name in found]
    *others, newest = sorted(studies, key=_age)
    return _review(newest, [study.study_name for study in others])


def no_studies(
    dataset: str, where: Path | str, known: Collection[str], unreadable: int = 0
) -> BenchkitError:
    """Return the error for a dataset that has none.

    Args:
        dataset: its name.
        where: where studies were looked for.
        known: datasets that have some.
        unreadable: studies that another version, or other software, has written.
    """
    there = f"there are some of {', '.join(sorted(known))}" if known else "there are none at all"
    if unreadable:
        there += f", but for {unreadable} of another version of benchkit or other software"
    return BenchkitError(
        f"there are no studies of {dataset!r} in {where}: {there}; "
        f"`benchkit run -r NAME --dataset {dataset}` searches"
    )


def _age(study: Study) -> float:
    """Return when a study's newest trial began, in seconds since 1970."""
    starts = (trial.datetime_start for trial in study.get_trials(deepcopy=False))
    return max((start.timestamp() for start in starts if start is not None), default=0.0)


def _review(study: Study, others: Sequence[str]) -> Review:
    ledger = Ledger().refresh(study, lambda trial: trial.params)
    about = study.user_attrs[ABOUT]
    trials = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    best = sorted(map(_tried, trials), key=lambda tried: (-tried.value, tried.trial))
    importances, unranked = _importances(trials, list(about["space"]))
    return Review(
        study=study.study_name,
        dataset=about["dataset"]["name"],
        recommender=about["recommender"]["name"],
        about=about,
        ended=study.user_attrs.get(FINISHED, {}),
        counts={
            **{str(kind): n for kind, n in ledger.counts.items()},
            "running": ledger.running,
            "waiting": ledger.waiting,
        },
        trials=ledger.size,
        seconds=ledger.seconds,
        finished=best,
        importances=importances,
        unranked=unranked,
        others=others,
    )


def _tried(trial: FrozenTrial) -> Tried:
    assert trial.value is not None
    tidy = {k: float(f"{v:.12g}") if isinstance(v, float) else v for k, v in drawn(trial).items()}
    return Tried(trial.number, trial.value, folds_of(trial), tidy)


def _importances(
    trials: Sequence[FrozenTrial], space: Sequence[str]
) -> tuple[dict[str, float], str]:
    """Return the importances and what is to be said about missing ones."""
    import optuna

    usual = [trial for trial in trials if EXACT not in trial.user_attrs]
    if len(usual) < _ENOUGH:
        return {}, f"{len(usual)} trials within the ranges are too few, {_ENOUGH} are needed"
    copy = optuna.create_study(direction="maximize")
    copy.add_trials(usual)
    try:
        found = optuna.importance.get_param_importances(
            copy, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
        )
    except (RuntimeError, ValueError) as error:
        return {}, " ".join(str(error).split())
    missing = [name for name in space if name not in found]
    note = f"not in every trial: {', '.join(missing)}" if missing else ""
    return dict(found), note


def lines(found: Review, top: int) -> Iterator[str]:
    """Yield a review as plain text; the table of trials is for whoever prints it."""
    counts = ", ".join(f"{count} {kind}" for kind, count in found.counts.items() if count)
    yield f"{found.recommender} on {found.dataset}: {found.trials} trials ({counts or 'none yet'})"
    ended = found.ended.get("reason", "not ended")
    about = found.about
    yield (
        f"Study {found.study}, {about['sampler']} sampler, {about['pruner']} pruner; "
        f"{found.seconds:.1f} s; ended: {ended}"
    )
    shown = min(top, len(found.finished))
    yield f"The best {shown} of {len(found.finished)} finished trials, {about['objective']}:"
