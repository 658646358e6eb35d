"""SKNN and its variants against a slow restatement, on random sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit import Sessions
from benchkit.evaluation.bench import Workbench
from benchkit_plugins.recommenders.neighbours import base as neighbourhood
from benchkit_plugins.recommenders.s_sknn import SSKNN
from benchkit_plugins.recommenders.sf_sknn import SFSKNN
from benchkit_plugins.recommenders.sknn import SKNN
from benchkit_plugins.recommenders.v_sknn import VSKNN
from tests.making import catalog
from tests.recommenders.fitting import fitted, ranked
from tests.recommenders.naive import naive

ITEMS = 12
UNTRAINED = (10, 11)
SESSIONS = st.lists(
    st.lists(st.integers(0, ITEMS - 1 - len(UNTRAINED)), min_size=1, max_size=7),
    min_size=1,
    max_size=25,
)
PROMPTS = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=9), min_size=1, max_size=5)
SETTINGS = st.fixed_dictionaries(
    {
        "k": st.integers(1, 8),
        "sample_size": st.integers(1, 12),
        "similarity": st.sampled_from(["cosine", "dot"]),
        "idf_weighting": st.booleans(),
        "last_n_items": st.one_of(st.none(), st.integers(1, 5)),
        "exclude_seen": st.sampled_from(["none", "read", "prompt"]),
    }
)
VARIANTS: list[tuple[type[Any], dict[str, Any], dict[str, Any]]] = [
    (SKNN, {}, {}),
    (SSKNN, {}, {"by_position": True}),
    (SFSKNN, {}, {"followers_only": True}),
    *((VSKNN, {"decay": d}, {"decay": d}) for d in ("linear", "log", "harmonic", "quadratic")),
]


@pytest.mark.parametrize(("component", "own", "told"), VARIANTS)
@settings(max_examples=120, deadline=None)
@given(train=SESSIONS, prompts=PROMPTS, values=SETTINGS)
def test_lists_equal_the_slow_restatement(
    component: type[Any],
    own: dict[str, Any],
    told: dict[str, Any],
    train: list[list[int]],
    prompts: list[list[int]],
    values: dict[str, Any],
) -> None:
    model = fitted(component, train, items=ITEMS, sampling="recent", **values, **own)
    found = model.recommend(Sessions.from_lists(prompts), ITEMS)
    for row, prompt in enumerate(prompts):
        expected = naive(train, prompt, **values, **told)
        kept = found.items[row] >= 0
        assert found.items[row][kept].tolist() == [item for item, _ in expected]
        assert found.scores[row][kept].tolist() == [score for _, score in expected]


@settings(max_examples=50, deadline=None)
@given(train=SESSIONS, prompts=PROMPTS, values=SETTINGS)
def test_random_sampling_of_everything_equals_recent(
    train: list[list[int]], prompts: list[list[int]], values: dict[str, Any]
) -> None:
    values["sample_size"] = len(train)
    one, other = (
        fitted(SKNN, train, items=ITEMS, sampling=sampling, **values).recommend(
            Sessions.from_lists(prompts), ITEMS
        )
        for sampling in ("random", "recent")
    )
    np.testing.assert_array_equal(one.items, other.items)
    np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("component", [SKNN, VSKNN, SSKNN, SFSKNN])
def test_many_small_batches_equal_one_large_one(
    component: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    train = [rng.integers(0, 30, size=rng.integers(1, 9)).tolist() for _ in range(200)]
    prompts = Sessions.from_lists([rng.integers(0, 33, size=n % 7).tolist() for n in range(60)])
    model = fitted(component, train, items=33, k=20, sample_size=25)
    together = model.recommend(prompts, 10)
    monkeypatch.setattr(neighbourhood, "_BATCH", 1)
    single = model.recommend(prompts, 10)
    assert (together.items >= 0).any()
    np.testing.assert_array_equal(together.items, single.items)
    np.testing.assert_array_equal(together.scores, single.scores)


def test_seeds_differ_where_a_sample_is_drawn() -> None:
    train = [[0, 1 + row % 9] for row in range(300)]
    lists = {str(ranked(fitted(SKNN, train, seed=s, sample_size=9), [0])) for s in range(5)}
    assert len(lists) == 5


def test_items_of_one_session_only_are_found_for_every_prompt_length() -> None:
    model = fitted(SKNN, [[0, 1], [2, 3]])
    long = [0] * 5000
    assert dict(ranked(model, long)) == dict(ranked(model, [0]))
    assert [item for item, _ in ranked(model, [0])] == [1]


def test_a_catalog_larger_than_the_trained_codes_is_no_matter() -> None:
    train = Sessions.from_lists([[0, 1], [1, 2]])
    model = SKNN()
    model.fit(train, Workbench(catalog(1000), train, np.ones(1000, dtype=np.int64)))
    assert dict(ranked(model, [999, 0, 500], k=2000)) == dict(ranked(model, [0]))
