"""Which search is next, what it builds on, and how long it may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchkit.evaluation.settings import Tuned
from benchkit.tuning.schedule import Queue, Shares
from benchkit.tuning.search import Search
from tests.tuning.searching import search_in

HYBRID = "llm-seq-sim-sequential"


def searches(folder: Path, *names: str, seconds: float | None = 60.0) -> list[Search]:
    each = None if seconds is None else seconds / len(names)
    return [search_in(folder, name, seconds=each, preset="default") for name in names]


def order(queue: Queue, shares: Shares) -> list[tuple[str, float]]:
    """Return the searches in the order in which they would be done, with their shares."""
    done = []
    queue.open += queue.take_ready()
    while queue.open:
        search, share = shares.next(queue)
        queue.open.remove(search)
        queue.results[search.recommender] = Tuned({}, {})
        if not shares.suffices(search, share):
            share = 0.0
        shares.left -= share
        done.append((search.recommender, round(share, 6)))
        queue.open += queue.take_ready()
    return done


def test_what_others_build_on_is_searched_first(tmp_path: Path) -> None:
    names = ("embedding-ensemble", HYBRID, "llm-seq-sim", "sknn", "sknn-emb")
    queue = Queue(searches(tmp_path, *names))
    first = [search.recommender for search in queue.take_ready()]
    assert first == ["llm-seq-sim", "sknn", "sknn-emb"]
    queue.open = list(queue.searches[2:])
    queue.results["llm-seq-sim"] = Tuned({"pooling": "last"}, {"study": "a"})
    (ensemble,) = queue.take_ready()
    assert ensemble.recommender == "embedding-ensemble"
    # The other one may draw sknn-emb, which its preset does not.
    assert queue.take_ready() == []
    queue.results["sknn-emb"] = Tuned({}, {"study": "b"})
    assert [search.recommender for search in queue.take_ready()] == [HYBRID]


def test_what_a_part_found_belongs_to_the_search(tmp_path: Path) -> None:
    (search,) = searches(tmp_path, "llm-seq-sim-popularity")
    found = {"llm-seq-sim": Tuned({"pooling": "last", "dim": 64}, {"study": "a"})}
    on = search.on(found)
    assert on.about()["parts"] == {"llm-seq-sim": {"pooling": "last", "dim": 64}}
    config = on.task.identity.builds_on["recommender:llm-seq-sim"]["config"]
    assert (config["pooling"], config["dim"]) == ("last", 64)
    assert on.name != search.name
    # Nothing found leaves the search as it was.
    assert search.on({"llm-seq-sim": Tuned({}, {"study": "a"})}).name == search.name
    assert search.on({"sknn": found["llm-seq-sim"]}) is search


def test_shares_are_equal_where_nothing_is_known(tmp_path: Path) -> None:
    found = searches(tmp_path, "sknn", "v-sknn", "s-sknn")
    assert order(Queue(found), Shares.of(found)) == [("sknn", 20), ("v-sknn", 20), ("s-sknn", 20)]


def test_what_a_search_leaves_over_goes_to_the_others(tmp_path: Path) -> None:
    found = searches(tmp_path, "sknn", "v-sknn", "s-sknn")
    queue, shares = Queue(found), Shares.of(found)
    queue.open += queue.take_ready()
    search, share = shares.next(queue)
    assert share == 20
    queue.open.remove(search)
    shares.left -= 4
    assert shares.next(queue)[1] == 28


def test_cheap_ones_come_first_and_the_dearest_do_without(tmp_path: Path) -> None:
    found = searches(tmp_path, "sknn", "v-sknn", "s-sknn", "sf-sknn")
    shares = Shares.of(found)
    shares.estimates = {"sknn": 25.0, "v-sknn": 1.0, "s-sknn": 100.0, "sf-sknn": 19.0}
    # A share of a quarter is too little for three, of a third for two; half is enough for two.
    assert order(Queue(found), shares) == [
        ("v-sknn", 30),
        ("sf-sknn", 30),
        ("sknn", 0),
        ("s-sknn", 0),
    ]


def test_what_nobody_could_estimate_comes_last(tmp_path: Path) -> None:
    found = searches(tmp_path, "sknn", "v-sknn", "s-sknn")
    shares = Shares.of(found)
    shares.estimates = {"sknn": 0.0, "v-sknn": 2.0, "s-sknn": 1.0}
    done = [name for name, _ in order(Queue(found), shares)]
    assert done == ["s-sknn", "v-sknn", "sknn"]


def test_one_that_no_share_would_do_for_is_not_begun_and_says_why(tmp_path: Path) -> None:
    (found,) = searches(tmp_path, "sknn", seconds=10)
    shares = Shares.of([found])
    shares.estimates = {"sknn": 33.0}
    assert not shares.suffices(*shares.next(Queue([found], open=[found])))
    assert shares.reason_not_started(found).startswith("not started: a trial takes about 33 s")


@pytest.mark.parametrize(("seconds", "tight"), [(None, False), (8e9, False), (60.0, True)])
def test_estimates_are_for_short_times(tmp_path: Path, seconds: float | None, tight: bool) -> None:
    assert Shares.of(searches(tmp_path, "sknn", "v-sknn", seconds=seconds)).tight is tight


def test_each_has_its_own_time_where_none_is_set_for_all(tmp_path: Path) -> None:
    found = searches(tmp_path, "sknn", "v-sknn", seconds=None)
    assert order(Queue(found), Shares.of(found))[1] == ("v-sknn", 72 * 3600)
