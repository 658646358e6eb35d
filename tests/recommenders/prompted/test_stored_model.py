"""StoredModel: nothing is asked twice, nothing paid for is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchkit.contracts.errors import BenchkitError, UnavailableError
from benchkit.contracts.prompted import Example, Pairs, Work
from benchkit.toolkit import progress as pace
from benchkit.toolkit.spending import Account
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import FineTune, Trained
from benchkit_plugins.recommenders.prompted.store import CompletionStore
from benchkit_plugins.recommenders.prompted.stored_model import StoredModel
from tests.recommenders.prompted.answering import SAMPLING, Echo, conversation

PROMPTS = [conversation(word) for word in ("a", "b", "a", "c")]


def silent(_line: str) -> None:
    pass


def stored(folder: Path, pairs: int = 0) -> tuple[StoredModel, Echo]:
    """Return a model behind its store: the base model without pairs."""
    provider = Echo(PromptedConfig(model="m"), folder)
    fine_tune = None
    if pairs:
        examples = [Example(conversation(str(n)), "x") for n in range(pairs)]
        fine_tune = FineTune(provider.identity(), provider.recipe(), Pairs(examples, []), 0)
    made = StoredModel(provider, CompletionStore(folder, "echo", provider.identity()), fine_tune)
    made.store.refresh()
    return made, provider


def test_an_equal_question_is_asked_once(tmp_path: Path) -> None:
    model, provider = stored(tmp_path)
    spending = Account()
    found = model.ask(PROMPTS, SAMPLING, spending, silent)
    assert [each.texts[0] for each in found] == ["None: a", "None: b", "None: a", "None: c"]
    assert sorted(provider.asked) == ["a", "b", "c"]
    assert spending.tokens == 21
    assert spending.dollars == pytest.approx(0.03)
    again, other = stored(tmp_path)
    later = Account()
    assert again.ask(PROMPTS, SAMPLING, later, silent) == found
    assert not other.asked
    assert later.dollars == 0, "against the cap"
    assert later.used() == spending.used() == {"tokens": 21, "cost": pytest.approx(0.03)}


def test_asking_that_takes_long_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    model, _ = stored(tmp_path)
    model.ask(PROMPTS[:1], SAMPLING, Account(), told.append)
    assert told == [], "it was quick"
    monkeypatch.setattr(pace, "_EVERY", 0.0)
    model.ask([*PROMPTS, conversation("d")], SAMPLING, Account(), told.append)
    assert told == ["1 of 3 prompts answered in 0 s", "2 of 3 prompts answered in 0 s"]


def test_what_has_arrived_is_kept_when_the_line_breaks(tmp_path: Path) -> None:
    model, provider = stored(tmp_path)
    provider.answers = 2
    with pytest.raises(UnavailableError, match="dead"):
        model.ask(PROMPTS, SAMPLING, Account(), silent)
    again, other = stored(tmp_path)
    assert again.work(PROMPTS, SAMPLING) == Work(1, 7, 0.01)
    again.ask(PROMPTS, SAMPLING, Account(), silent)
    assert sorted(provider.asked + other.asked) == ["a", "b", "c"]


def test_the_cap_ends_asking_and_keeps_what_is_paid(tmp_path: Path) -> None:
    model, provider = stored(tmp_path)
    with pytest.raises(BenchkitError, match=r"cap of \$0.02"):
        model.ask(PROMPTS, SAMPLING, Account(cap=0.02), silent)
    assert len(provider.asked) == 2
    assert len(stored(tmp_path)[0].missing(PROMPTS, SAMPLING)) == 1


def test_a_model_is_fine_tuned_once_and_the_cost_replaces_the_promise(tmp_path: Path) -> None:
    model, provider = stored(tmp_path, pairs=3)
    assert model.work(PROMPTS, SAMPLING) == Work(4, 51, 5.03)
    spending = Account(cap=5.0)
    model.train(spending, silent)
    model.train(spending, silent)
    assert len(provider.fine_tunes) == 1
    assert spending.dollars == 4.0
    spending.allow(1.0)
    again, other = stored(tmp_path, pairs=3)
    again.train(spending, silent)
    assert not other.fine_tunes
    later = Account()
    assert again.ask(PROMPTS[:1], SAMPLING, later, silent)[0].texts[0] == "tuned-3: a"
    assert later.used() == {"tokens": 107, "cost": pytest.approx(4.01)}, "the model's too"
    # another fine-tuning is another model, and its answers are others
    assert stored(tmp_path, pairs=4)[0].missing(PROMPTS, SAMPLING) == [0, 1, 3]


def test_a_model_that_is_gone_is_trained_again_where_answers_are_missing(tmp_path: Path) -> None:
    model, _ = stored(tmp_path, pairs=3)
    model.train(Account(), silent)
    model.ask(PROMPTS, SAMPLING, Account(), silent)
    again, provider = stored(tmp_path, pairs=3)
    provider.gone = True
    again.train(Account(), silent)
    again.ask(PROMPTS, SAMPLING, Account(), silent)
    assert not provider.fine_tunes, "all answers are kept"
    more = [conversation("new")]
    assert again.work(more, SAMPLING) == Work(2, 37, 5.01)
    again.ask(more, SAMPLING, Account(), silent)
    assert len(provider.fine_tunes) == 1


@pytest.mark.parametrize(("earlier", "counted"), [(0.0, 4.0), (4.0, 0.0)])
def test_a_job_that_another_process_has_paid_counts_once_against_the_cap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: float, counted: float
) -> None:
    model, provider = stored(tmp_path, pairs=3)
    monkeypatch.setattr(provider, "train", lambda *_: Trained("tuned-3", 100, 4.0, earlier=earlier))
    spending = Account()
    model.train(spending, silent)
    assert spending.committed == counted
    model.ask(PROMPTS[:1], SAMPLING, spending, silent)
    assert spending.used()["cost"] == pytest.approx(4.01)
    assert "earlier" not in model.store.path.read_text("utf-8")


def test_answers_replay_where_nobody_can_be_asked(tmp_path: Path) -> None:
    model, _ = stored(tmp_path / "here", pairs=3)
    model.train(Account(), silent)
    found = model.ask(PROMPTS, SAMPLING, Account(), silent)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    replay, provider = stored(tmp_path / "there", pairs=3)
    provider.reason = "it needs a key"
    spending = Account(cap=0.0)
    replay.train(spending, silent)
    assert replay.ask(PROMPTS, SAMPLING, spending, silent) == found
    assert (spending.dollars, provider.asked) == (0.0, [])
    with pytest.raises(UnavailableError, match=r"1 of 1 answers .* echo .* it needs a key"):
        replay.ask([conversation("new")], SAMPLING, spending, silent)
