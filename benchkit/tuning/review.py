"""Reviews of studies: the best trials, counts, which parameters mattered, and pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchkit.contracts.config import show_value
from benchkit.contracts.errors import BenchkitError, unknown_name
from benchkit.toolkit.pictures import altair, save
from benchkit.tuning.ledger import ABOUT, Ledger, began_at, folds_of
from benchkit.tuning.search import FINISHED, about_of
from benchkit.tuning.space import EXACT, drawn
from benchkit.tuning.storage import file_of, open_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Fewer trials are too few for importances.
_ENOUGH = 10


@dataclass(frozen=True)
class FinishedTrial:
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
        about: what shapes the search.
        ended: how the search ended; {} if it has not, or was interrupted.
        counts: trials by what became of them; they add up to `trials`.
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
    finished: Sequence[FinishedTrial]
    importances: Mapping[str, float] = field(default_factory=dict)
    unranked: str = ""
    others: Sequence[str] = ()

    def as_dict(self, top: int) -> dict[str, Any]:
        """Return plain data, with the best `top` trials."""
        return {**asdict(self), "finished": [asdict(trial) for trial in self.finished[:top]]}


def review(storage: str, dataset: str, recommender: str) -> Review:
    """Return the newest study of a recommender on a dataset.

    Raises:
        BenchkitError: there is none.
        StorageError: the storage cannot be read.
    """
    import optuna

    path = file_of(storage)
    if path is not None and not path.exists():  # opening it would create it
        raise BenchkitError(f"there are no studies in {path}: there is no such file")
    opened = open_storage(storage)
    stored = opened.get_all_studies()
    abouts = {s.study_name: about for s in stored if (about := about_of(s.user_attrs))}
    of = {study: about["dataset"]["name"] for study, about in abouts.items()}
    if dataset not in of.values():
        where = path or "this storage"
        raise no_studies(dataset, where, set(of.values()), len(stored) - len(abouts))
    recommenders = {s: abouts[s]["recommender"]["name"] for s in abouts if of[s] == dataset}
    names = [study for study, name in recommenders.items() if name == recommender]
    if not names:
        raise BenchkitError(
            f"there is no study of it on {dataset}: "
            f"{unknown_name('recommender', recommender, set(recommenders.values()))}"
        )
    studies = [optuna.load_study(study_name=name, storage=opened) for name in names]
    *others, newest = sorted(studies, key=_last_start)
    return _review(newest, [study.study_name for study in others])


def no_studies(
    dataset: str, where: Path | str, datasets: Collection[str], unreadable: int = 0
) -> BenchkitError:
    """Return the error for a dataset that has none.

    Args:
        dataset: its name.
        where: where studies were looked for.
        datasets: those that have some.
        unreadable: how many are of another version, or other software.
    """
    others = f"there are some of {', '.join(sorted(datasets))}" if datasets else "there are none"
    if unreadable:
        others += f", but for {unreadable} of another version of benchkit or other software"
    return BenchkitError(
        f"there are no studies of {dataset!r} in {where}: {others}; "
        f"`benchkit run -r NAME --dataset {dataset}` searches"
    )


def _last_start(study: Study) -> float:
    return max(map(began_at, study.get_trials(deepcopy=False)), default=0.0)


def _review(study: Study, others: Sequence[str]) -> Review:
    ledger = Ledger().refresh(study, lambda trial: trial.params)
    about = study.user_attrs[ABOUT]
    trials = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    best = sorted(map(_finished_trial, trials), key=lambda t: (-t.value, t.trial))
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


def _finished_trial(trial: FrozenTrial) -> FinishedTrial:
    assert trial.value is not None
    tidy = {k: float(f"{v:.12g}") if isinstance(v, float) else v for k, v in drawn(trial).items()}
    return FinishedTrial(trial.number, trial.value, folds_of(trial), tidy)


def _importances(
    trials: Sequence[FrozenTrial], space: Sequence[str]
) -> tuple[dict[str, float], str]:
    """Return the importances, and why some are missing."""
    import optuna

    within = [trial for trial in trials if EXACT not in trial.user_attrs]
    if len(within) < _ENOUGH:
        return {}, f"{len(within)} trials within the ranges are too few, {_ENOUGH} are needed"
    copy = optuna.create_study(direction="maximize")
    copy.add_trials(within)
    try:
        importances = optuna.importance.get_param_importances(
            copy, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
        )
    except (RuntimeError, ValueError) as error:
        return {}, " ".join(str(error).split())
    missing = [name for name in space if name not in importances]
    note = f"not in every trial: {', '.join(missing)}" if missing else ""
    return dict(importances), note


def lines(review: Review, top: int) -> Iterator[str]:
    """Yield a review as plain text; the table of trials is left to the caller."""
    counts = ", ".join(f"{count} {kind}" for kind, count in review.counts.items() if count)
    name, about = f"{review.recommender} on {review.dataset}", review.about
    yield f"{name}: {review.trials} trials ({counts or 'none yet'})"
    ended = review.ended.get("reason", "not ended")
    yield (
        f"Study {review.study}, {about['sampler']} sampler, {about['pruner']} pruner; "
        f"{review.seconds:.1f} s; ended: {ended}"
    )
    shown = min(top, len(review.finished))
    yield f"The best {shown} of {len(review.finished)} finished trials, {about['objective']}:"


_COLOUR, _BEST = "#0072b2", "#d55e00"
_COLUMNS = 3


def draw(review: Review, folder: Path) -> list[Path]:
    """Draw a study into `folder`, as SVG and PNG, and return the files.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
        StorageError: the folder cannot be written.
    """
    return save({f"{review.dataset}-{review.recommender}-study": chart(review)}, folder)


def chart(review: Review) -> Any:
    """Return the chart of a study: a panel a parameter.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
    """
    alt = altair()
    panels = [_panel(alt, review, name) for name in review.about["space"]]
    return alt.concat(*panels, columns=_COLUMNS).properties(
        title={
            "text": f"{review.recommender} on {review.dataset}: {len(review.finished)} trials",
            "subtitle": f"{review.about['objective']}, total of the folds. Orange: the best.",
            "anchor": "start",
        }
    )


def _panel(alt: Any, review: Review, name: str) -> Any:
    points = [
        {"x": trial.parameters[name], "y": trial.value, "best": rank == 0}
        for rank, trial in enumerate(review.finished)
        if name in trial.parameters
    ]
    numbers = all(type(point["x"]) in (int, float) for point in points)
    if not numbers:
        points = [{**point, "x": show_value(point["x"])} for point in points]
    kind = "x:Q" if numbers else "x:N"
    x = alt.X(kind, title=name, scale=alt.Scale(zero=False)) if numbers else alt.X(kind, title=name)
    return (
        alt.Chart(alt.Data(values=points))
        .mark_point(filled=True, size=28, opacity=0.7)
        .encode(
            x=x,
            y=alt.Y("y:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.condition("datum.best", alt.value(_BEST), alt.value(_COLOUR)),
        )
        .properties(width=190, height=130)
    )
