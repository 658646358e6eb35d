"""Searches: warm starts, budgets, failures, what is known, what a study's name stands for."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from benchkit.contracts.config import Value
from benchkit.contracts.errors import ConfigError, FinalError, StorageError
from benchkit.tuning import budget
from benchkit.tuning import ledger as ledger_module
from benchkit.tuning import trial as trial_module
from benchkit.tuning.budget import Options, seconds_of
from benchkit.tuning.heartbeat import Heartbeat, requeue_lost
from benchkit.tuning.ledger import ENDED, SAME_AS, Ledger, reason_to_stop
from benchkit.tuning.progress import summary
from benchkit.tuning.review import review
from benchkit.tuning.storage import journal, open_storage
from benchkit.tuning.trial import Trials
from tests.tuning.searching import Made, conduct, rising, search_in


def test_the_preset_is_the_first_trial(tmp_path: Path) -> None:
    search = search_in(tmp_path, "v-sknn", trials=1)
    conduct(search)
    (trial,) = search.study().get_trials()
    assert search.values(trial) == search.task.identity.config
    assert search.values(trial)["k"] == 320  # the paper's for beauty
    assert trial.value == pytest.approx(3 * 0.32 + 0.03)
    assert trial.intermediate_values[1] == pytest.approx(0.32)


def test_a_budget_of_trials_is_kept_and_another_goes_on(tmp_path: Path) -> None:
    ledger, reason = conduct(search_in(tmp_path, trials=12))
    assert (ledger.counted, reason) == (12, "12 trials")
    assert sum(ledger.counts.values()) == ledger.size == 12
    ledger, _ = conduct(search_in(tmp_path, trials=12))
    assert ledger.size == 12
    ledger, _ = conduct(search_in(tmp_path, trials=15))
    assert ledger.size == 15


def test_a_resumed_search_draws_what_an_uninterrupted_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module, "RANDOM_STARTS", 6)

    def drawn(folder: Path, *parts: int) -> list[Mapping[str, Value]]:
        for part in parts:
            conduct(search_in(folder, trials=part))
        study = search_in(folder, trials=1).study()
        return [trial.params for trial in study.get_trials()]

    # beyond the random ones, where the sampler learns from what it sees
    assert drawn(tmp_path / "a", 11) == drawn(tmp_path / "b", 4, 11)


def test_a_search_ends_after_trials_without_improvement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert budget.PATIENCE == 100  # the protocol's
    monkeypatch.setattr(ledger_module, "PATIENCE", 10)
    ledger, reason = conduct(search_in(tmp_path, pruner="none"), lambda _config, _fold: 0.1)
    assert reason == "10 trials without improvement"
    assert (ledger.size, ledger.best and ledger.best.number) == (11, 0)


def test_time_is_a_limit(tmp_path: Path) -> None:
    options = Options(seconds=90.0)
    assert reason_to_stop(Ledger(), options, 0.0) == "its 90 s are over"
    assert reason_to_stop(Ledger(), options, 0.1) is None
    assert Options(seconds=1e9).limit == Options().limit == 72 * 3600


def test_a_trial_that_cannot_end_in_time_does_not_begin(tmp_path: Path) -> None:
    def slow(config: Mapping[str, Value], fold: int) -> float:
        time.sleep(0.1)
        return rising(config, fold)

    search = search_in(tmp_path, seconds=9.0)
    with Heartbeat(search.heartbeats) as heartbeat:
        trials = Trials(search, search.study(), Made(slow), heartbeat)  # type: ignore[arg-type]
        assert trials.run_one(0.2) is None  # nobody knows yet
        assert trials.run_one(0.2) == "its 9 s are over"
        assert trials.run_one(30.0) is None


def test_failures_have_a_reason_and_ten_in_a_row_end_the_search(tmp_path: Path) -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch's is called."""

    def evaluate(config: Mapping[str, Value], fold: int) -> float:
        failing[0] += 1
        if failing[0] == 1:
            raise OutOfMemoryError("CUDA out of memory")
        if failing[0] == 2:
            return math.nan
        if failing[0] == 3:
            return 0.5
        raise ValueError("the learning rate\nis a carrot")

    failing = [0]
    search = search_in(tmp_path)
    ledger, reason = conduct(search, evaluate)
    trials = search.study().get_trials()
    reasons = [trial.user_attrs["reason"] for trial in trials]
    assert reasons[0] == "out of memory"
    assert set(reasons[2:]) == {"ValueError: the learning rate is a carrot"}
    assert ledger.counts["failed"] == ledger.size == 10 + (ledger.size - 10)
    assert reason.startswith("10 trials in a row failed, the last one: ValueError: the learning")


def test_a_failure_that_another_trial_would_pay_for_ends_the_search(tmp_path: Path) -> None:
    def evaluate(config: Mapping[str, Value], fold: int) -> float:
        raise FinalError("the fine-tuning was cancelled")

    search = search_in(tmp_path)
    ledger, reason = conduct(search, evaluate)
    assert (ledger.size, ledger.counts["failed"]) == (1, 1)
    assert reason.startswith("a trial failed as others would: the fine-tuning was cancelled")
    # a new run is a new chance
    later = search.refresh(Ledger(), search.study(), failures_from=1)
    assert reason_to_stop(later, search.options, 1.0) is None


def test_a_failure_between_successes_does_not_end_a_search(tmp_path: Path) -> None:
    def evaluate(config: Mapping[str, Value], fold: int) -> float:
        count[0] += 1
        if count[0] % 4 == 0:
            raise ValueError("now and then")
        return rising(config, fold)

    count = [0]
    search = search_in(tmp_path, trials=15, pruner="none")
    ledger, reason = conduct(search, evaluate)
    assert reason == "15 trials"
    assert ledger.counts["failed"] > 2
    said = summary("sknn", search.result(search.study(), ledger))
    assert said.endswith("; the last failure: ValueError: now and then")
    assert sum(ledger.counts.values()) == 15


def test_a_configuration_is_evaluated_once(tmp_path: Path) -> None:
    search = search_in(
        tmp_path,
        overrides={"k": "5", "sample_size": "6", "similarity": "dot"},
        pruner="none",
    )
    with Heartbeat(search.heartbeats) as heartbeat:
        objective = Made(lambda config, fold: fold + bool(config["idf_weighting"]))
        trials = Trials(search, search.study(), objective, heartbeat)  # type: ignore[arg-type]
        while (reason := trials.run_one(100.0)) is None:
            pass
    assert reason == "all 4 configurations were tried"  # two parameters of two values
    assert len(objective.asked) == 4 * 3
    finished = search.study().get_trials()
    assert sum(SAME_AS in trial.user_attrs for trial in finished) == len(finished) - 4
    assert {trial.value for trial in finished} == {3.0, 6.0}


def test_random_configurations_come_first_and_the_preset_on_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert budget.RANDOM_STARTS == 40  # the protocol's
    monkeypatch.setattr(trial_module, "RANDOM_STARTS", 4)

    def drawn(sampler: str, warm_start: bool) -> list[Mapping[str, Value]]:
        search = search_in(tmp_path, sampler=sampler, warm_start=warm_start, trials=6)
        conduct(search)
        return [trial.params for trial in search.study().get_trials()]

    for warm_start, last in ((True, 5), (False, 4)):
        tpe, random = drawn("tpe", warm_start), drawn("random", warm_start)
        assert [one == other for one, other in zip(tpe, random, strict=True)].index(False) == last


def test_the_worst_are_pruned_after_a_fold(tmp_path: Path) -> None:
    ledger, _ = conduct(search_in(tmp_path, trials=40))
    assert ledger.counts["pruned"] > 0
    study = search_in(tmp_path).study()
    pruned = [t for t in study.get_trials() if t.state.name == "PRUNED"]
    assert all(len(trial.intermediate_values) < 3 and trial.number >= 9 for trial in pruned)


def test_the_frozen_configuration_is_the_best_and_says_how_it_was_found(tmp_path: Path) -> None:
    search = search_in(tmp_path, trials=10)
    ledger, _ = conduct(search)
    frozen = search.result(search.study(), ledger)
    best = max(search.study().get_trials(), key=lambda trial: trial.value or 0)
    assert frozen.values["k"] == best.params["k"]
    assert set(frozen.values) == set(search.space.ranges)
    about = frozen.search
    assert about["best"]["trial"] == best.number
    assert sum(about["best"]["folds"]) == pytest.approx(best.value)
    assert about["trials"] == {"done": 10, "pruned": 0, "failed": 0, "out_of_time": 0, "lost": 0}
    assert about["versions"]["optuna"]
    assert about["study"] == search.name


def test_without_a_finished_trial_the_preset_stands(tmp_path: Path) -> None:
    search = search_in(tmp_path, trials=5)
    frozen = search.result(search.study(), Ledger())
    assert (frozen.values, frozen.search["best"]) == ({}, None)


def test_equal_names_are_equal_searches(tmp_path: Path) -> None:
    name = search_in(tmp_path).name
    assert name == search_in(tmp_path, trials=3, seconds=5.0, jobs=4).name
    others = [
        search_in(tmp_path, overrides={"k": "100"}),
        search_in(tmp_path, seed=1),
        search_in(tmp_path, sampler="random"),
        search_in(tmp_path, pruner="none"),
        search_in(tmp_path, preset="default"),
        search_in(tmp_path, "v-sknn"),
    ]
    assert len({name, *(other.name for other in others)}) == 7


def test_trials_of_dead_workers_are_tried_again(tmp_path: Path) -> None:
    search = search_in(tmp_path, preset="default", overrides={}, trials=3)
    study = search.study()
    trial = study.ask()
    params = search.space.suggest(trial)
    trial.set_user_attr("worker", "nobody")
    alive = study.ask()
    with Heartbeat(search.heartbeats) as heartbeat, search.locked():
        alive.set_user_attr("worker", heartbeat.name)
        assert requeue_lost(study, search.heartbeats) == [0]
        assert requeue_lost(study, search.heartbeats) == []
    ledger = search.refresh(Ledger(), study)
    assert (ledger.counts["lost"], ledger.running, ledger.waiting) == (1, 1, 1)
    assert ledger.counted == 0
    again = study.ask()
    assert search.space.suggest(again) == params


def test_a_configuration_that_kills_every_run_fails_in_the_end(tmp_path: Path) -> None:
    search = search_in(tmp_path)
    study = search.study()
    for _ in range(5):
        trial = study.ask()
        assert search.space.suggest(trial) == search.task.identity.config
        requeue_lost(study, search.heartbeats)
    ledger = search.refresh(Ledger(), study)
    assert (ledger.counts["lost"], ledger.counts["failed"], ledger.waiting) == (4, 1, 0)


def test_seconds_are_those_in_which_a_trial_ran(tmp_path: Path) -> None:
    import optuna

    def trial(start: float, end: float, lost: float | None = None) -> optuna.trial.FrozenTrial:
        made = optuna.trial.create_trial(value=0.5)
        made.datetime_start = datetime.fromtimestamp(start)
        made.datetime_complete = datetime.fromtimestamp(end)
        if lost is not None:
            made.user_attrs[ENDED] = lost
        return made

    study = optuna.create_study(direction="maximize")
    # two at once; a pause; one whose worker died after 2 s, which was noticed a day later
    study.add_trials([trial(1000, 1010), trial(1005, 1020), trial(2000, 90_000, lost=2002)])
    assert Ledger().refresh(study, lambda t: t.params).seconds == pytest.approx(22)


def test_a_line_that_was_cut_off_is_no_loss(tmp_path: Path) -> None:
    conduct(search_in(tmp_path, trials=3))
    path = Path(journal(tmp_path, "made"))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 5, "worker')
    search = search_in(tmp_path, trials=5)
    # as another process does, which has not read the file yet
    storage = open_storage(search.options.storage)
    (study,) = storage.get_all_studies()
    storage.set_study_user_attr(study._study_id, "more", 1)
    assert path.read_bytes().startswith(whole)
    assert len(open_storage(str(path)).get_all_trials(study._study_id)) == 3


def test_sqlite_keeps_a_study_too(tmp_path: Path) -> None:
    search = search_in(tmp_path)
    options = replace(search.options, storage=f"sqlite:///{tmp_path}/studies.db", trials=2)
    ledger, reason = conduct(replace(search, options=options))
    assert (ledger.counts["done"], reason) == (2, "2 trials")
    assert review(options.storage, "made", "sknn").trials == 2


def test_a_database_that_is_not_there_is_a_sentence_without_its_password() -> None:
    with pytest.raises(StorageError) as caught:
        open_storage("postgresql://me:secret@127.0.0.1:1/studies")
    assert "secret" not in str(caught.value)
    assert "postgresql database" in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1800), ("1.5h", 5400)])
def test_durations(text: str, expected: float) -> None:
    assert seconds_of(text) == expected


@pytest.mark.parametrize("text", ["", "90", "s", "-3s", "0s", "1w"])
def test_wrong_durations(text: str) -> None:
    with pytest.raises(ConfigError, match="--timeout takes a duration such as"):
        seconds_of(text)


def test_a_review_adds_up_and_ranks(tmp_path: Path) -> None:
    conduct(search_in(tmp_path, trials=4))
    few = review(journal(tmp_path, "made"), "made", "sknn")
    assert (few.importances, "too few" in few.unranked) == ({}, True)
    conduct(search_in(tmp_path, trials=25))
    found = review(journal(tmp_path, "made"), "made", "sknn")
    assert sum(found.counts.values()) == found.trials == 25
    values = [tried.value for tried in found.finished]
    assert values == sorted(values, reverse=True)
    assert next(iter(found.importances)) == "k"  # nothing else matters to this objective
    assert found.importances["k"] > 0.5


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [("qmc", "hyperband"), ("nsgaii", "successive-halving")],
)
def test_other_samplers_and_pruners_search_too(tmp_path: Path, sampler: str, pruner: str) -> None:
    search = search_in(tmp_path, sampler=sampler, pruner=pruner, trials=12)
    ledger, _ = conduct(search)
    assert ledger.counts["done"] + ledger.counts["pruned"] == 12
    assert len({tuple(trial.params.items()) for trial in search.study().get_trials()}) > 9
