"""Class: clusters of items, called after their most popular one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchkit_plugins.recommenders import llm_seq_prompt_class
from benchkit_plugins.recommenders.llm_seq_prompt_class import Class, k_means
from tests.recommenders.prompted.tasked import bench, listed, prompt, task, user

# three heaps: 0 1 2, 3 4 5, 6 7; 8 has no embedding
VECTORS: list[list[float]] = [
    [1, 0],
    [1, 0.02],
    [1, 0.01],
    [1, 1],
    [1, 1.02],
    [1, 0.98],
    [0, 1],
    [0.02, 1],
    [0, 0],
]
TITLES = ["a0", "a1", "a2", "b0", "", "b2", "c0", "c1", "none"]
# 1 is the most popular of its heap, 4 of the second (but has no title, then 5), 7 alone is trained
TRAIN = [[1, 1, 0], [4, 4, 4, 5, 5, 3], [7], [8]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Class:
    monkeypatch.setattr(llm_seq_prompt_class, "_CLUSTERS", 3)
    found = task(Class, bench(TITLES, VECTORS, TRAIN, said={"q": [1, 0.9]}))
    assert isinstance(found, Class)
    return found


def test_it_learns_the_categories_nearest_to_the_truth(made: Class) -> None:
    pairs = made.example(prompt([0, 1, 2], [0, 0, 6], [0, 0, 8]))
    assert [pair and pair.completion for pair in pairs] == ["a1\nb2\nc1", "c1\nb2\na1", None]
    assert pairs[0] is not None
    assert user(pairs[0].prompt) == "a0\na1"
    system = pairs[0].prompt[0].content
    assert "the 20 categories" in system
    assert sorted(system.partition("Categories:\n")[2].splitlines()) == ["a1", "b2", "c1"]


def test_an_answered_category_is_its_item(made: Class) -> None:
    reading = made.read(prompt([0], [0]), [["c1\na1"], ["a2\nq\nnone"]], 3)
    # a2 is in the catalog but no category: a1 is nearest; q is b2's; "none" has no embedding
    assert listed(reading.lists) == [[7, 1], [1, 5]]
    assert reading.diagnostics["distinct_recommendations"] == 3
    assert reading.diagnostics["hallucinations"] == 3 / 5
    assert reading.diagnostics["off_list"] == 2 / 5


def test_under_the_strict_protocol_untrained_items_shape_no_category(
    made: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    clustered: list[int] = []
    inner = llm_seq_prompt_class.k_means

    def counted(rows: Any, *rest: Any) -> Any:
        clustered.append(len(rows))
        return inner(rows, *rest)

    monkeypatch.setattr(llm_seq_prompt_class, "k_means", counted)
    strict = replace(bench(TITLES, VECTORS, TRAIN), only_trained=True)
    for given in (bench(TITLES, VECTORS, TRAIN), strict):
        task(Class, given).example(prompt([0, 1, 2]))
    assert clustered == [8, 6]  # 2 and 6 are untrained
    assert made.example(prompt([0, 1, 2])) == task(Class, strict).example(prompt([0, 1, 2]))


def test_a_template_may_leave_the_categories_out(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[class]\nsystem = "{count} names"', encoding="utf-8")
    (conversation,) = task(Class, bench(TITLES, VECTORS, TRAIN), templates=str(file)).ask(
        prompt([6])
    )
    assert [message.content for message in conversation] == ["20 names", "c0"]


def test_clusters_are_the_same_every_time_and_no_more_than_rows() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    labels, centres = k_means(rows, 7, 3)
    again, _ = k_means(rows, 7, 3)
    np.testing.assert_array_equal(labels, again)
    assert centres.shape == (7, 4)
    distances = ((rows[:, None] - centres) ** 2).sum(axis=2)
    np.testing.assert_array_equal(labels, distances.argmin(axis=1))
    assert len(k_means(rows[[0, 1, 1]], 7, 0)[1]) == 2
    assert len(k_means(rows[:0], 7, 0)[1]) == 0
