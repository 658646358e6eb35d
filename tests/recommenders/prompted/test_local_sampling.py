"""Sampling: what `generate` gives, what independent draws give, whatever else is in the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from benchkit import UnavailableError
from benchkit_plugins.recommenders.prompted.providers.contract import Completions, Sampling
from benchkit_plugins.recommenders.prompted.titles import Titles, titles_in
from tests.recommenders.prompted import tiny
from tests.recommenders.prompted.tasked import bench

pytestmark = [tiny.local, pytest.mark.usefixtures("one_thread")]
GIVEN = bench(["a b", "c", "e"])
TITLES = Titles(GIVEN.catalog, GIVEN.train)
PROMPTS = [tiny.ask(*words) for words in ("a", "b c d e f a", "c c", "d e f", "f a b c", "e")]


def causal(made: Any, words: list[str] = tiny.WORDS) -> Any:
    from benchkit_plugins.recommenders.prompted.providers.local.loading import assembled

    return assembled(made, tiny.tokenizer(words=words))


def drawn(
    made: Any,
    prompts: list[Any],
    sampling: Sampling,
    words: list[str] = tiny.WORDS,
    report: Callable[[str], None] = print,
) -> list[Completions]:
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import sample

    loaded = causal(made, words)
    answers = dict(sample(loaded, loaded.chat.prompts(prompts), sampling, report))
    return [answers[index] for index in range(len(prompts))]


def generated(made: Any, prompts: list[Any], sampling: Sampling) -> list[list[str]]:
    """Return what transformers' own `generate` gives, a prompt at a time."""
    import torch
    from transformers import GenerationConfig

    loaded, warm = causal(made), sampling.temperature > 0
    drawing = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    settings = GenerationConfig(
        do_sample=warm,
        num_return_sequences=sampling.samples if warm else 1,
        max_new_tokens=sampling.max_tokens,
        eos_token_id=[*loaded.chat.stops],
        pad_token_id=min(loaded.chat.stops),
        **(drawing if warm else {}),
    )
    texts = []
    for prompt in loaded.chat.prompts(prompts):
        out = loaded.model.generate(torch.tensor([prompt]), generation_config=settings)
        texts.append([loaded.chat.text(tokens) for tokens in out[:, len(prompt) :].tolist()])
    return texts


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("llama", {}),
        ("gpt2", {}),
        ("gpt_neox", {}),
        ("bloom", {}),  # places follow from the mask
        ("gemma2", {"attn_logit_softcapping": 0.5}),
        ("mistral", {"sliding_window": 8}),
        ("mamba", {}),  # has states
    ],
)
def test_the_likeliest_answer_is_generates(kind: str, values: Any) -> None:
    sampling = Sampling(3, temperature=0.0, top_p=1.0, max_tokens=9, seed=0)
    answers = drawn(tiny.model(kind, **values), PROMPTS, sampling)
    expected = generated(tiny.model(kind, **values), PROMPTS, sampling)
    assert [list(answer.texts) for answer in answers] == [texts * 3 for texts in expected]
    assert kind != "llama" or len({answer.texts for answer in answers}) > 1, "the prompts matter"
    assert all(answer.prompt_tokens and answer.seconds for answer in answers)


@pytest.mark.parametrize("top_p", [1.0, 0.7])
def test_samples_are_spread_as_generates_are(top_p: float) -> None:
    sampling = Sampling(4000, temperature=1.5, top_p=top_p, max_tokens=3, seed=1)
    (found,) = drawn(tiny.model(), PROMPTS[:1], sampling)
    (expected,) = generated(tiny.model(), PROMPTS[:1], sampling)
    assert alike(found.texts, expected)
    assert alike(found.texts[:2000], found.texts[2000:]), "in no order: first appearances decide"


@given(st.integers(1, 600), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 0.99]))
def test_a_token_is_drawn_where_its_share_of_the_mass_lies(
    size: int, seed: int, empty: float
) -> None:
    import torch

    from benchkit_plugins.recommenders.prompted.providers.local.decoding import inverse

    rng = np.random.default_rng(seed)
    mass = rng.exponential(size=(3, size)) ** 9 * (rng.random((3, size)) >= empty)
    mass[:, rng.integers(size)] += 1e-6  # nowhere is nothing at all
    mass = mass.astype(np.float32)
    numbers = np.append(rng.random((3, 6)), np.array([[0.0, 1 - 2**-53]] * 3), 1)
    rows = np.repeat(np.arange(3), 8)
    drawn = inverse(*map(torch.from_numpy, (mass, rows, numbers.ravel()))).numpy().reshape(3, 8)
    below = np.cumsum(mass, 1, dtype=np.float64) / mass.sum(1, dtype=np.float64, keepdims=True)
    share = np.take_along_axis(mass, drawn, 1) / mass.sum(1, keepdims=True)
    end = np.take_along_axis(below, drawn, 1)
    assert (share > 0).all()
    assert (numbers <= end + 1e-5).all()
    assert (numbers >= end - share - 1e-5).all()


def alike(some: Sequence[str], others: Sequence[str]) -> bool:
    counts = [Counter(some), Counter(others)]
    table = np.array([[each[text] for each in counts] for text in counts[0] | counts[1]])
    rare = table.sum(1) < 20
    table = np.vstack([table[~rare], table[rare].sum(0) + 1])
    assert len(table) > 10
    return bool(chi2_contingency(table).pvalue > 1e-3)


@pytest.mark.parametrize("prompts", [1, 16])
def test_neighbours_have_no_say(prompts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import decoding, prefix

    monkeypatch.setitem(decoding._PROMPTS, "cpu", prompts)
    monkeypatch.setattr(prefix, "_SCORES", prefix._SCORES if prompts == 1 else 1)  # row by row
    sampling = Sampling(20, temperature=1.0, top_p=0.9, max_tokens=6, seed=5)
    together = drawn(tiny.model(), PROMPTS, sampling)
    for prompt, answer in zip(PROMPTS, together, strict=True):
        (alone,) = drawn(tiny.model(), [prompt], sampling)
        assert alone.texts == answer.texts
        assert len(alone.texts) == 20
    other = drawn(tiny.model(), PROMPTS, replace(sampling, seed=6))
    assert other[1].texts != together[1].texts


def counted(made: Any) -> list[int]:
    """Return a list that takes how many tokens each reading of a model has, padding included."""
    sizes: list[int] = []
    inner = made.forward

    @wraps(inner)
    def forward(*args: Any, **options: Any) -> Any:
        sizes.append(options["input_ids"].numel())
        return inner(*args, **options)

    made.forward = forward
    return sizes


def test_samples_that_agree_and_what_all_begin_with_are_read_once() -> None:
    prompts = [tiny.ask("a", last) for last in "bc"]
    made = tiny.model()
    sizes = counted(made)
    own = made.config._attn_implementation
    sampling = Sampling(100, temperature=1.0, top_p=1.0, max_tokens=2, seed=0)
    (length, _) = (answer.prompt_tokens for answer in drawn(made, prompts, sampling))
    assert made.config._attn_implementation == own
    *_, common, rests, branches = sizes
    assert common > 5
    assert rests == 2 * (length - common)
    assert branches <= 2 * 12, "a row a word at most"


def test_what_all_begin_with_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import DynamicCache

    held: list[tuple[int, int]] = []  # rows, tokens of each
    inner = DynamicCache.update

    def update(self: Any, key: Any, *rest: Any, **more: Any) -> Any:
        keys, values = inner(self, key, *rest, **more)
        held.append((len(keys), keys.shape[2]))
        return keys, values

    monkeypatch.setattr(DynamicCache, "update", update)
    prompts = [tiny.ask(*"a" * 50, last) for last in "bcdef"]
    drawn(tiny.model(), prompts, Sampling(1, temperature=0.0, top_p=1.0, max_tokens=3, seed=0))
    assert max(tokens for rows, tokens in held if rows == 1) > 50
    assert max(tokens for rows, tokens in held if rows == 5) < 10


def test_likeliest_answers_come_before_all_prompts_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import decoding
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import sample

    monkeypatch.setitem(decoding._PROMPTS, "cpu", 1)
    loaded = causal(tiny.model())
    sizes = counted(loaded.model)
    sampling = Sampling(20, temperature=0.0, top_p=1.0, max_tokens=2, seed=0)
    answers = sample(loaded, loaded.chat.prompts(PROMPTS), sampling, print)
    next(answers)
    before = sum(sizes)
    assert len(list(answers)) == len(PROMPTS) - 1
    assert before < sum(sizes) / 2


@pytest.mark.parametrize("kind", ["llama", "mamba"])
def test_a_completion_ends_after_the_titles_that_are_looked_at(kind: str) -> None:
    every = Sampling(50, temperature=1.0, top_p=1.0, max_tokens=30, seed=5)
    words = [*"abcde", "\n"]
    (whole,) = drawn(tiny.model(kind), PROMPTS[:1], every, words)
    (found,) = drawn(tiny.model(kind), PROMPTS[:1], replace(every, most=2), words)
    assert all(a.startswith(b) for a, b in zip(whole.texts, found.texts, strict=True))
    assert found.completion_tokens < whole.completion_tokens
    for before, after in zip(whole.texts, found.texts, strict=True):
        assert titles_in(after, TITLES, 2) == titles_in(before, TITLES, 2)


def test_memory_limits_how_many_prompts_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import decoding

    sampling = Sampling(5, temperature=1.0, top_p=1.0, max_tokens=6, seed=5)
    expected = drawn(tiny.model(), PROMPTS, sampling)
    longest = max(answer.prompt_tokens for answer in expected)
    made = tiny.model()
    sizes = counted(made)
    token_bytes = 2 * 2 * 2 * 4 * 4  # keys and values, layers, heads, floats, bytes of a float
    monkeypatch.setattr(decoding, "_MEMORY", 2 * 5 * (longest + 6) * token_bytes)
    answers = drawn(made, PROMPTS, sampling)
    assert [a.texts for a in answers] == [a.texts for a in expected]
    assert max(sizes) <= max(2 * longest, 10)


def test_memory_that_runs_out_makes_batches_smaller() -> None:
    import torch

    sampling = Sampling(5, temperature=1.0, top_p=1.0, max_tokens=6, seed=5)
    expected = drawn(tiny.model(), PROMPTS, sampling)
    made = tiny.model()
    inner = made.forward

    @wraps(inner)
    def short(*args: Any, **options: Any) -> Any:
        if len(options["input_ids"]) > 5:  # the first reading, and later ones of three prompts
            raise torch.OutOfMemoryError
        return inner(*args, **options)

    made.forward = short
    assert [a.texts for a in drawn(made, PROMPTS, sampling)] == [a.texts for a in expected]


@pytest.mark.parametrize("size", [12, 49_152])
def test_a_model_is_proved_on_tokens_that_it_has_learnt(size: int) -> None:
    from types import SimpleNamespace

    from benchkit_plugins.recommenders.prompted.providers.local.prefix import probe_texts

    model = SimpleNamespace(config=SimpleNamespace(vocab_size=size), device="cpu")
    for text in probe_texts(model):
        assert size < 100 or len(set(text.tolist())) == 5
        assert size / 6 <= min(text) <= max(text) <= size * 5 / 6


@pytest.mark.filterwarnings("error")
def test_transformers_has_nothing_to_warn_of() -> None:
    drawn(tiny.model(), PROMPTS, Sampling(2, temperature=1.0, top_p=1.0, max_tokens=3, seed=0))


def test_what_does_not_fit_is_answered_by_nothing() -> None:
    lines, long = list[str](), tiny.ask(*["a"] * 600)
    sampling = Sampling(2, temperature=1.0, top_p=1.0, max_tokens=100, seed=0)
    first, second = drawn(tiny.model(), [PROMPTS[0], long], sampling, report=lines.append)
    assert second == Completions(("", ""))
    assert any(first.texts)
    (line,) = lines
    assert line.startswith("1 of 2 prompts are too long for the model, which has room for")
    with pytest.raises(UnavailableError, match=r"1 of 1 prompts are too long.*max_tokens"):
        drawn(tiny.model(), [long], sampling)
