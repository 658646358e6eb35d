"""What is searched, and that a preset is tried exactly as it is."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit import Choice, Config, Float, Int, param
from benchkit.contracts.config import Value
from benchkit.tuning.space import EXACT, Space, contains, drawn
from tests.tuning.searching import search_in


@dataclass(frozen=True, kw_only=True)
class Many(Config):
    # declared before what its condition names
    dim: int = param(64, "size", search=Choice(64, 128), when={"reducer": ("pca", "lda")})
    reducer: str | None = param(None, "how", search=Choice(None, "pca", "lda"))
    solver: str = param("fast", "which", search=Choice("fast", "slow"), when={"dim": 128})
    k: int = param(100, "neighbours", search=Int(50, 500, step=50))
    rate: float = param(0.15, "step size", search=Float(0, 0.9, step=0.05))
    decay: float = param(0.01, "decay", search=Float(0.001, 1, log=True))
    clip: float | None = param(None, "largest norm", search=Int(1, 100, optional=True))
    fixed: int = param(7, "not searched")


def space(fixed: tuple[str, ...] = (), **values: Value) -> Space:
    return Space.of(Many.fields(), Many.create(values, "many").as_dict(), fixed)


def first(of: Space) -> tuple[dict[str, Value], optuna.trial.FrozenTrial]:
    """Return what the first trial of a study tries that is enqueued as the preset is."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    within, exact = of.start()
    study.enqueue_trial(within, user_attrs={EXACT: exact})
    trial = study.ask()
    return of.suggest(trial), study.trials[trial.number]


def test_only_parameters_with_a_range_that_nobody_set_are_searched() -> None:
    assert set(space().ranges) == {"dim", "reducer", "solver", "k", "rate", "decay", "clip"}
    assert "k" not in space(fixed=("k",)).ranges
    assert list(space().ranges).index("dim") > list(space().ranges).index("reducer")


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_suggestions_are_configurations_and_conditions_hold(seed: int) -> None:
    of = space(fixed=("clip",), clip=3)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    values = of.suggest(trial)
    assert Many.create(values, "many").as_dict() == values  # all there, of the right type
    for name, range_ in of.ranges.items():
        assert contains(range_, values[name]) or name not in trial.params
    assert ("dim" in trial.params) == (values["reducer"] is not None)
    assert ("solver" in trial.params) == ("dim" in trial.params and values["dim"] == 128)
    assert (values["fixed"], values["clip"]) == (7, 3)
    assert of.values(study.trials[0]) == values


def test_a_parameter_of_an_idle_one_is_idle() -> None:
    # dim is 128, but without a reducer it means nothing, and so does what hangs on it
    within, exact = space(dim=128, reducer=None).start()
    assert not {"dim", "solver"} & {*within, *exact}
    within, _ = space(dim=128, reducer="pca").start()
    assert within["solver"] == "fast"


@pytest.mark.parametrize(
    "values",
    [
        {"k": 120},  # off its step
        {"k": 700},  # beyond its range
        {"rate": 0.17},
        {"decay": 0.0},  # log 0
        {"clip": None},
        {"clip": 7.0},
        {"clip": 2.5},
        {"reducer": "autoencoder"},  # not among the choices
        {"rate": 0.15, "k": 50},  # all within
    ],
)
def test_the_start_is_tried_exactly_as_it_is(values: dict[str, Any]) -> None:
    of = space(**values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tried, trial = first(of)
    assert tried == dict(of.base)
    assert of.values(trial) == dict(of.base)


def test_values_come_without_the_dust_of_binary_sums() -> None:
    study = optuna.create_study()
    study.enqueue_trial({"rate": 0.05 * 3})
    assert space().suggest(study.ask())["rate"] == 0.15


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        (Int(16, 512, step=16), [16, 32, 512], [15, 24, 528, True, "16", None]),
        (Int(1, 100, optional=True), [None, 1, 100.0], [0, 2.5, 101]),
        (Float(0, 0.9, step=0.05), [0, 0.15, 0.9], [0.16, -0.05, 0.95, None]),
        (Float(0.8, 0.99), [0.8, 0.9123, 0.99], [0.7999, 1]),
        (Choice(None, 1, True, "a"), [None, 1, True, "a"], [False, 0, "b", 1.0]),
    ],
)
def test_what_a_range_holds(range_: Any, inside: list[Value], outside: list[Value]) -> None:
    assert [value for value in inside if not contains(range_, value)] == []
    assert [value for value in outside if contains(range_, value)] == []


def test_describe_says_the_ranges() -> None:
    assert space().describe()["k"] == "50 to 500 step 50"
    assert space().describe()["clip"] == "none, or 1 to 100"


def test_none_of_an_optional_range_is_drawn_as_often_as_a_number() -> None:
    of, study = space(), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    tried = [of.suggest(study.ask())["clip"] for _ in range(100)]
    assert 35 < tried.count(None) < 65
    assert [of.values(trial)["clip"] for trial in study.trials] == tried
    assert all("clip is none" not in drawn(trial) for trial in study.trials)


@dataclass(frozen=True, kw_only=True)
class Few(Config):
    mode: str = param("a", "which", search=Choice("a", "b"))
    rate: float = param(0.1, "of b", search=Float(0, 0.3, step=0.1), when={"mode": "b"})
    last: int | None = param(None, "how many", search=Int(2, 6, step=2, optional=True))


def test_configurations_are_counted() -> None:
    of = Space.of(Few.fields(), Few().as_dict())
    assert of.size(100) == (1 + 4) * 4
    assert of.size(20) == 20
    assert of.size(19) is None
    assert Space.of(Few.fields(), Few().as_dict(), fixed=("mode", "last")).size(9) == 1
    assert space().size(1000) is None  # decay has no steps


def test_the_reducer_that_is_drawn_brings_its_own_parameters(tmp_path: Path) -> None:
    of = search_in(tmp_path, "llm-seq-sim").space
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    tried = [of.suggest(study.ask()) for _ in range(40)]
    for values, trial in zip(tried, study.trials, strict=True):
        assert ("autoencoder.l2" in trial.params) == (values["reducer"] == "autoencoder")
    assert len({values["autoencoder.l2"] for values in tried}) > 2
    assert "autoencoder.epochs" not in of.ranges
    # What the user set is not searched, whoever asks.
    fixed = search_in(tmp_path, "llm-seq-sim", {"reducer": "pca"}).space
    assert set(fixed.ranges) == {"pooling", "dim"}
    fixed = search_in(tmp_path, "llm-seq-sim", {"reducer": "autoencoder"}).space
    assert set(fixed.ranges) == {"pooling", "dim", "autoencoder.l2"}


def test_what_cannot_work_on_the_data_is_not_drawn(tmp_path: Path) -> None:
    # None of the items has a class.
    assert "lda" not in str(search_in(tmp_path, "llm-seq-sim").space.ranges["reducer"])


def test_the_embedder_is_drawn_where_several_are_named(tmp_path: Path) -> None:
    named = ("random", "lsa")
    search = search_in(tmp_path, "llm-seq-sim", embedders=named)
    assert search.space.base["embedder"] == "random"
    assert str(search.space.ranges["embedder"]) == "random, lsa"
    assert search.about()["embedders"] == ["random", "lsa"]
    both = search_in(tmp_path, "embedding-ensemble", embedders=named).space
    assert {"first", "second"} <= set(both.ranges)
    fixed = search_in(tmp_path, "llm-seq-sim", {"embedder": "lsa"}, embedders=named).space
    assert (fixed.base["embedder"], "embedder" in fixed.ranges) == ("lsa", False)
    assert "embedder" not in search_in(tmp_path, "llm-seq-sim").space.ranges
    # Another embedder would be another fine-tuning.
    prompted = search_in(tmp_path, "llm-seq-prompt-gen-item", embedders=named).space
    assert set(prompted.ranges) == {"temperature"}
