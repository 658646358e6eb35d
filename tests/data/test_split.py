"""The global temporal split, on sessions worked by hand and on the real data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit.contracts.errors import ConfigError, DataError
from benchkit.contracts.protocol import PROTOCOLS, Protocol, parse_ties
from benchkit.data.split import split_sessions, temporal_split
from benchkit.data.ties import order_ties
from tests.making import prepared

# Ten sessions that end at 10, 20, ... 100; the latest two, 8 and 9, are the test set.
TRAIN = [[0, 1], [1, 2], [2, 0], [0, 1], [1, 2], [2, 0], [0, 1], [1, 2]]


def ten(test_a: list[int], test_b: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    sessions = [*TRAIN, test_a, test_b]
    times = [
        [10 * (row + 1) - len(items) + 1 + place for place in range(len(items))]
        for row, items in enumerate(sessions)
    ]
    return sessions, times


def test_the_latest_fifth_is_tested_and_the_last_item_withheld() -> None:
    split = temporal_split(prepared(*ten([0, 1, 2], [2, 1])), Protocol())
    assert [list(split.train[row]) for row in range(len(split.train))] == TRAIN
    assert [list(split.test.prompts[row]) for row in range(2)] == [[0, 1], [2]]
    assert list(split.test.truth) == [2, 1]


def test_sessions_are_ordered_by_their_last_time_then_by_id() -> None:
    # Sessions 0 and 2 end at 5, session 1 at 4: ordered 1, 0, 2; ceil(0.2 * 3) = 1 is tested.
    split = temporal_split(
        prepared([[0, 1], [1, 0], [1, 0, 1]], [[1, 5], [3, 4], [1, 2, 5]]), Protocol()
    )
    assert list(split.train.ids) == [1, 0]
    assert list(split.test.prompts.ids) == [2]


def test_untrained_items_go_before_the_last_one_is_withheld() -> None:
    # Item 3 is never trained on: session 8 loses its end, so its truth slides to item 1; session
    # 9 keeps one item and vanishes.
    split = temporal_split(prepared(*ten([0, 1, 3], [3, 2])), Protocol())
    assert [list(split.test.prompts[row]) for row in range(len(split.test.truth))] == [[0]]
    assert list(split.test.truth) == [1]
    card = split.card
    assert (card.moved_truths, card.dropped_test_sessions) == (1, 1)
    assert card.dropped_test_interactions == 2
    assert card.untrained_truths == 0


def test_the_card_says_how_rare_truths_are() -> None:
    # Item 1 occurs six times in training, the others five; the truth of both prompts is 1.
    card = temporal_split(prepared(*ten([2, 1], [0, 1])), Protocol()).card
    assert (card.commonest_truth, card.commonest_truth_trained) == (2, 6)
    assert card.rare_truths == 0.0
    card = temporal_split(prepared(*ten([2, 1], [1, 2])), Protocol()).card
    assert (card.commonest_truth, card.rare_truths) == (1, 0.5)


def test_strict_keeps_the_real_last_item_also_where_it_was_never_trained_on() -> None:
    split = temporal_split(prepared(*ten([0, 1, 3], [3, 2])), Protocol(name="strict"))
    assert [list(split.test.prompts[row]) for row in range(2)] == [[0, 1], [3]]
    assert list(split.test.truth) == [3, 2]
    assert (split.card.moved_truths, split.card.untrained_truths) == (0, 1)


def test_popularity_counts_all_data_or_training_alone() -> None:
    data = prepared(*ten([0, 1, 3], [3, 2]))
    assert list(temporal_split(data, Protocol()).item_counts(data)) == [6, 7, 6, 2]
    strict = temporal_split(data, Protocol(name="strict"))
    assert list(strict.item_counts(data)) == [5, 6, 5, 0]


def test_folds_chain_forward_over_bins_the_first_ones_larger() -> None:
    # 8 training sessions: bins of 2; of 10 sessions it would be 3, 3, 2, 2.
    split = temporal_split(prepared(*ten([0, 1], [1, 2])), Protocol())
    folds = list(split.folds())
    assert [len(fold.train) for fold in folds] == [2, 4, 6]
    # Fold 1 trains on [0,1], [1,2] and validates on [2,0], [0,1]: all known.
    assert [list(folds[0].withheld.prompts[row]) for row in range(2)] == [[2], [0]]
    assert list(folds[0].withheld.truth) == [0, 1]


def test_folds_drop_what_their_own_training_never_saw() -> None:
    sessions = [[0, 1], [1, 2], [3, 1, 3], [0, 1], [3, 0], [3, 0], [0, 3], [1, 3], [0, 1], [0, 1]]
    times = [
        [10 * row, *(10 * row + 1 + i for i in range(len(s) - 1))] for row, s in enumerate(sessions)
    ]
    folds = list(temporal_split(prepared(sessions, times), Protocol()).folds())
    # Item 3 is unknown to fold 1: [3, 1, 3] becomes [1] and vanishes; fold 2 knows it.
    assert list(folds[0].withheld.truth) == [1]
    assert list(folds[1].withheld.truth) == [0, 0]


def test_the_card_counts_ties() -> None:
    data = prepared(
        [[0, 1, 2], [0, 1], [1, 0], [0, 1], [1, 0]], [[1, 1, 2], [3, 3], [4, 5], [6, 7], [8, 9]]
    )
    card = temporal_split(data, Protocol()).card
    assert card.tied_interactions == pytest.approx(4 / 11)
    assert card.tied_sessions == pytest.approx(2 / 5)
    assert card.tied_truths == pytest.approx(1 / 5)


def test_prompt_interactions_older_than_the_cut_are_counted() -> None:
    data = prepared(
        [[0, 1], [0, 1], [0, 1], [0, 1], [0, 1, 0]], [[1, 2], [3, 4], [5, 6], [7, 8], [2, 9, 10]]
    )
    card = temporal_split(data, Protocol()).card
    assert (card.prompt_interactions_before_cut, card.prompt_interactions) == (1, 2)
    assert card.cut_time == 8


def test_ties_are_shuffled_by_seed_and_only_ties() -> None:
    sessions = [[0, 1, 2, 3, 4, 5, 6, 7]] * 5
    data = prepared(sessions, [[1, 1, 1, 1, 1, 1, 2, 3]] * 5)
    by_seed = [order_ties(data, Protocol(ties=seed)) for seed in (0, 1)]
    for ordered in by_seed:
        for row in range(5):
            assert sorted(ordered[row][:6]) == [0, 1, 2, 3, 4, 5]
            assert list(ordered[row][6:]) == [6, 7]
    assert not np.array_equal(by_seed[0].items, by_seed[1].items)
    # Sessions are shuffled each in its own way, not all alike.
    assert len({tuple(by_seed[0][row]) for row in range(5)}) > 1
    assert order_ties(data, Protocol(ties="file")) is data.sessions


@given(st.permutations(range(6)), st.integers(0, 5))
def test_the_order_of_the_file_does_not_matter(order: list[int], seed: int) -> None:
    straight = prepared([[0, 1, 2, 3, 4, 5], [0, 1]], [[7] * 6, [1, 2]], items=6)
    shuffled = prepared([order, [0, 1]], [[7] * 6, [1, 2]], items=6)
    protocol = Protocol(ties=seed)
    assert list(order_ties(straight, protocol).items) == list(order_ties(shuffled, protocol).items)


def test_shuffled_ties_are_uniform() -> None:
    """Over many seeds each of three tied items comes last in a third of the cases."""
    data = prepared([[0, 1, 2], [0, 1]], [[1, 1, 1], [1, 2]])
    last = [int(order_ties(data, Protocol(ties=seed))[0][-1]) for seed in range(3000)]
    # Three standard deviations of a binomial count of 3000 at 1/3 are 77.
    assert np.bincount(last) == pytest.approx([1000] * 3, abs=77)


def test_too_little_data_is_an_error() -> None:
    with pytest.raises(DataError, match="too few to split"):
        temporal_split(prepared([[0, 1]]), Protocol())
    with pytest.raises(DataError, match="no test session"):
        temporal_split(prepared([[0, 1], [2, 3]], [[1, 2], [3, 4]]), Protocol())


@pytest.mark.parametrize(
    ("text", "ties"), [("0", (0,)), ("0,1,2", (0, 1, 2)), ("file", ("file",)), ("3,3", (3,))]
)
def test_ties_are_read(text: str, ties: tuple[int | str, ...]) -> None:
    assert parse_ties(text) == ties


@pytest.mark.parametrize("text", ["", "a", "0,file", "-1", "0,,1", "1.5"])
def test_other_ties_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--ties takes"):
        parse_ties(text)


def test_fingerprints_tell_what_may_be_compared() -> None:
    paper = Protocol()
    assert paper.fingerprint("a") == paper.fingerprint("b")
    assert paper.fingerprint("a") != Protocol(ties=1).fingerprint("a")
    assert Protocol(ties="file").fingerprint("a") != Protocol(ties="file").fingerprint("b")
    assert paper.rules() == Protocol(ties=1).rules() != Protocol(name="strict").rules()


def test_leave_one_out_withholds_each_last_item_and_learns_from_the_rest() -> None:
    # Session 1 is too short. Without their last items session 2 ends at 2, session 0 at 8.
    data = prepared([[0, 1, 2], [3], [1, 0, 3]], [[7, 8, 9], [5], [1, 2, 3]])
    split = split_sessions(data, Protocol(name="leave-one-out"))
    assert list(split.train.ids) == list(split.test.prompts.ids) == [2, 0]
    assert [list(split.train[row]) for row in range(2)] == [[1, 0], [0, 1]]
    assert list(split.test.truth) == [3, 2]  # neither is trained on
    card = split.card
    assert (card.dropped_test_sessions, card.dropped_test_interactions) == (1, 1)
    assert (card.untrained_truths, card.prompts, card.train_interactions) == (2, 2, 4)


def test_tuning_under_leave_one_out_withholds_once_more() -> None:
    data = prepared([[0, 1, 2], [1, 0, 1, 3]], [[7, 8, 9], [1, 2, 3, 4]])
    (fold,) = split_sessions(data, Protocol(name="leave-one-out")).folds()
    assert [list(fold.train[row]) for row in range(2)] == [[1, 0], [0]]
    assert list(fold.withheld.truth) == [1, 1]


def test_each_protocol_has_rules_of_its_own() -> None:
    assert len({Protocol(name=name).rules() for name in PROTOCOLS}) == len(PROTOCOLS)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=2).map(sorted))
def test_fewer_prompts_are_part_of_more_and_keep_their_order(numbers: list[int]) -> None:
    every = temporal_split(prepared([[0, 1, 2]] * 60, [[n, n, n] for n in range(60)]), Protocol())
    ids = every.test.prompts.ids.tolist()
    few, more = (
        temporal_split(
            prepared([[0, 1, 2]] * 60, [[n, n, n] for n in range(60)]), Protocol(max_prompts=number)
        )
        for number in numbers
    )
    for part, number in zip((few, more), numbers, strict=True):
        assert len(part.test.truth) == len(part.test.prompts) == number
        assert part.card == every.card
        places = [ids.index(each) for each in part.test.prompts.ids.tolist()]
        assert places == sorted(places)
    assert set(few.test.prompts.ids) <= set(more.test.prompts.ids)
    assert all(len(fold.withheld.truth) <= numbers[0] for fold in few.folds())


def test_without_a_subset_protocols_are_what_they_were() -> None:
    # Digests stand in every record: an option that nobody uses must not change them.
    assert "max_prompts" not in Protocol().as_dict()
    assert Protocol(max_prompts=9).rules() != Protocol().rules()
    for protocol in (Protocol("strict", 3), Protocol(max_prompts=9)):
        assert Protocol.of({**protocol.as_dict(), "rules": "more"}) == protocol
