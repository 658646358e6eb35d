"""SmolLM2 fine-tuned on a tiny catalog: it finds the next title, and makes up fewer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchkit.contracts.prompted import Conversation, Example, Message, Pairs
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import FineTune, Sampling
from benchkit_plugins.recommenders.prompted.providers.local.provider import Local

OBSTACLE = Local(PromptedConfig(), Path()).why_unavailable()
TITLES = [
    "Rose Hand Cream",
    "Argan Oil Shampoo",
    "Black Mascara",
    "Mint Lip Balm",
]
RULE = "Name the product that is bought next."


def bought(at: int, count: int) -> Conversation:
    """Return what asks for the title at `at`, after the `count` titles before it."""
    shown = [TITLES[place % len(TITLES)] for place in range(at - count, at)]
    return (Message("system", RULE), Message("user", "\n".join(shown)))


@pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE))
@pytest.mark.usefixtures("one_thread")
def test_a_fine_tuned_model_beats_its_base(tmp_path: Path) -> None:
    places = range(len(TITLES))
    pairs = [Example(bought(at, count), TITLES[at]) for at in places for count in (1, 2)]
    config = PromptedConfig(epochs=4, learning_rate=2e-3, batch_size=4, dropout=0.0, device="cpu")
    local = Local(config, tmp_path)
    fine_tune = FineTune(local.identity(), local.recipe(), Pairs(pairs, []), seed=0)
    base = answers(local, None)
    done = local.train(fine_tune, lambda _: None, print)
    tuned = answers(local, done.model)
    assert hits(tuned) >= hits(base) + 0.5
    assert made_up(tuned) <= made_up(base) - 0.5


def answers(local: Local, model: str | None) -> list[Sequence[str]]:
    """Return the answers to prompts of three titles, which no model has learnt on."""
    prompts = [bought(at, 3) for at in range(len(TITLES))]
    sampling = Sampling(5, temperature=0.5, top_p=1.0, max_tokens=8, seed=0)
    found = dict(local.sample(model, prompts, sampling, lambda _: None, print))
    return [found[at].texts for at in range(len(TITLES))]


def hits(drawn: list[Sequence[str]]) -> float:
    right = [text.strip() == TITLES[at] for at, texts in enumerate(drawn) for text in texts]
    return sum(right) / len(right)


def made_up(drawn: list[Sequence[str]]) -> float:
    invented = [text.strip() not in TITLES for texts in drawn for text in texts]
    return sum(invented) / len(invented)
