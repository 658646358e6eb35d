"""The test set cannot be read while a configuration is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit import Recommendations
from benchkit.components.registry import registry
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import DataError
from benchkit.contracts.protocol import Protocol, ProtocolName
from benchkit.contracts.sessions import Sessions
from benchkit.data.sealed import Sealed, seal
from benchkit.data.split import SealedError, sealed, split_sessions
from benchkit.evaluation.bench import Workbench
from benchkit.evaluation.settings import Settings
from benchkit.evaluation.tasks import plan
from benchkit.tuning.objective import Objective
from tests.making import prepared

ROWS = [[user % 7, (user + 1) % 7, (user + 2) % 7] for user in range(60)]


def data() -> PreparedDataset:
    return prepared(ROWS, [[100 * row, 100 * row + 1, 100 * row + 2] for row in range(60)])


def test_a_split_does_not_give_its_test_set_while_it_is_sealed() -> None:
    split = split_sessions(data(), Protocol())
    assert len(split.test.truth) == 12
    with sealed():
        with pytest.raises(SealedError, match="sealed while a configuration is searched"):
            _ = split.test
        with sealed(), pytest.raises(SealedError):
            _ = split_sessions(data(), Protocol()).test
        with pytest.raises(SealedError):
            _ = split.test
    assert len(split.test.truth) == 12


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_what_a_search_gets_holds_no_test_session(protocol: ProtocolName) -> None:
    rules = Protocol(name=protocol)
    found = seal(data(), rules)
    split = split_sessions(data(), rules)
    first_test_time = int(split.test.prompts.times.min())
    sessions = [s for c in found.folds for s in (c.fold.train, c.fold.withheld.prompts)]
    assert max(int(each.times.max()) for each in sessions) < first_test_time
    with pytest.raises(SealedError):
        _ = found.test


def test_folds_are_those_of_the_split() -> None:
    expected = list(split_sessions(data(), Protocol()).folds())
    found = seal(data(), Protocol()).folds
    assert len(found) == 3
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one.train.items, other.fold.train.items)
        np.testing.assert_array_equal(one.withheld.truth, other.fold.withheld.truth)
        np.testing.assert_array_equal(other.item_counts, data().item_counts())


def test_strict_counts_in_the_folds_training_sessions_alone() -> None:
    for counted in seal(data(), Protocol(name="strict")).folds:
        assert counted.item_counts.sum() == counted.fold.train.interactions


def test_leave_one_out_has_one_fold() -> None:
    (counted,) = seal(data(), Protocol(name="leave-one-out")).folds
    # three items a session: the last is the test's, the one before it is predicted
    assert set(counted.fold.train.lengths) == {1}


def test_too_few_sessions_are_a_sentence() -> None:
    with pytest.raises(DataError, match="3 training sessions are too few to be tuned on"):
        seal(prepared([[0, 1]] * 4), Protocol())


def test_an_objective_never_asks_about_test_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sessions] = []
    kind = registry().recommender("sknn")

    def fit(self: Any, train: Sessions, bench: Workbench) -> None:
        asked.append(train)
        assert bench.checkpoints is None

    def recommend(self: Any, prompts: Sessions, k: int) -> Recommendations:
        asked.append(prompts)
        return Recommendations.empty(len(prompts), k)

    monkeypatch.setattr(kind, "fit", fit)
    monkeypatch.setattr(kind, "recommend", recommend)
    settings = Settings(Protocol(), "paper", {}, [20], 0, tmp_path, tmp_path)
    task = plan(data(), "sknn", settings)
    known: Sealed = seal(data(), Protocol())
    objective = Objective(task, known)
    objective.rehearse(task.identity.config)
    assert (len(asked.pop(0)), len(asked.pop(0))) == (12, 5)
    assert [objective.value(task.identity.config, fold) for fold in range(3)] == [0, 0, 0]
    test_times = split_sessions(data(), Protocol()).test.prompts.times
    assert len(asked) == 6
    assert not any(np.isin(each.times, test_times).any() for each in asked)
