"""Sampling by trees: what `generate` gives, what independent draws give, whoever is beside whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
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
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import Sampler

    sampler = Sampler(causal(made, words))
    found = dict(sampler(sampler.causal.chat.prompts(prompts), sampling, report))
    return [found[index] for index in range(len(prompts))]


def generated(made: Any, prompts: list[Any], sampling: Sampling) -> list[list[str]]:
    """Return what transformers' own `generate` gives, a prompt at a time."""
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import generated as draw

    loaded = causal(made)
    trees = [draw(loaded, prompt, sampling) for prompt in loaded.chat.prompts(prompts)]
    return [[loaded.chat.text(tokens) for tokens in tree.written] for tree in trees]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma", "qwen2", "gpt_neox"])
def test_the_likeliest_answer_is_generates(kind: str) -> None:
    sampling = Sampling(3, temperature=0.0, top_p=1.0, max_tokens=9, seed=0)
    found = drawn(tiny.model(kind), PROMPTS, sampling)
    expected = generated(tiny.model(kind), PROMPTS, sampling)
    assert [list(answer.texts) for answer in found] == [texts * 3 for texts in expected]
    assert len(set(found)) > 1, "the prompts matter"
    assert all(answer.prompt_tokens and answer.seconds for answer in found)


@pytest.mark.parametrize("top_p", [1.0, 0.7])
def test_samples_are_spread_as_generates_are(top_p: float) -> None:
    sampling = Sampling(6000, temperature=1.5, top_p=top_p, max_tokens=3, seed=1)
    (found,) = drawn(tiny.model(), PROMPTS[:1], sampling)
    (expected,) = generated(tiny.model(), PROMPTS[:1], sampling)
    assert alike(found.texts, expected)
    assert alike(found.texts[:3000], found.texts[3000:]), "in no order: first appearances decide"


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
    found = inverse(torch.from_numpy(mass), torch.from_numpy(numbers)).numpy()
    below = np.cumsum(mass, 1, dtype=np.float64) / mass.sum(1, dtype=np.float64, keepdims=True)
    share = np.take_along_axis(mass, found, 1) / mass.sum(1, keepdims=True)
    end = np.take_along_axis(below, found, 1)
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


@pytest.mark.parametrize("rows", [1, 16])
def test_neighbours_have_no_say(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import decoding

    monkeypatch.setitem(decoding._SAMPLES, "cpu", 20 * rows)
    monkeypatch.setitem(decoding._PREFILL, "cpu", 30)
    sampling = Sampling(20, temperature=1.0, top_p=0.9, max_tokens=6, seed=5)
    together = drawn(tiny.model(), PROMPTS, sampling)
    for prompt, answer in zip(PROMPTS, together, strict=True):
        (alone,) = drawn(tiny.model(), [prompt], sampling)
        assert alone.texts == answer.texts
        assert len(alone.texts) == 20
    other = drawn(tiny.model(), PROMPTS, Sampling(**{**vars(sampling), "seed": 6}))
    assert other[1].texts != together[1].texts


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each reading had."""
    from benchkit_plugins.recommenders.prompted.providers.local import branching, decoding

    read: list[int] = []
    inner = branching.read_tree

    def counted(model: Any, store: Any, tokens: Any, *rest: Any) -> Any:
        read.append(tokens.numel())
        return inner(model, store, tokens, *rest)

    monkeypatch.setattr(decoding, "read_tree", counted)
    return read


def test_samples_that_agree_are_read_once(read: list[int]) -> None:
    sampling = Sampling(1000, temperature=1.0, top_p=1.0, max_tokens=2, seed=0)
    found = drawn(tiny.model(), PROMPTS[:2], sampling)
    prompts = sum(answer.prompt_tokens for answer in found)
    assert sum(read) <= prompts + 2 * 12, "a branch a word at most, the common beginning once"


def test_likeliest_answers_come_before_all_prompts_are_read(
    read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import decoding
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import Sampler

    monkeypatch.setitem(decoding._PROMPTS, "cpu", 1)
    sampler = Sampler(causal(tiny.model()))
    asked = sampler.causal.chat.prompts(PROMPTS)
    answers = sampler(asked, Sampling(20, temperature=0.0, top_p=1.0, max_tokens=2, seed=0))
    next(answers)
    before = sum(read)
    assert len(list(answers)) == len(PROMPTS) - 1
    assert before < sum(read) / 2


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


def test_what_all_prompts_begin_with_takes_memory_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import branching, decoding
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import Sampler

    prompts = [tiny.ask(*["a b c"] * 60, *last) for last in ("d", "e f", "f", "c c", "b d")]
    sampling = Sampling(1, temperature=0.0, top_p=1.0, max_tokens=4, seed=0)
    expected = generated(tiny.model(), prompts, sampling)
    stores: list[Any] = []

    inner = branching.Store

    def noted(*args: Any) -> Any:
        stores.append(inner(*args))
        return stores[-1]

    monkeypatch.setattr(decoding, "Store", noted)
    token_bytes = Sampler(causal(tiny.model()))._token_bytes
    assert token_bytes
    monkeypatch.setattr(decoding, "_MEMORY", 200 * token_bytes)  # not two whole prompts
    found = drawn(tiny.model(), prompts, sampling)
    assert [list(answer.texts) for answer in found] == expected
    common, rows = stores
    assert (common.height, rows.height) == (1, 5)
    assert common.used > 180 > 5 * rows.width
    assert rows.common[0][0].shape[1] == common.used


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_multiplied_in_float32_on_a_cpu(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise torch keeps memory for each new number of columns: gigabytes over a long answer."""
    import torch

    from benchkit_plugins.recommenders.prompted.providers.local import branching

    found: set[torch.dtype] = set()
    inner = branching.attend

    def noted(module: Any, query: Any, key: Any, value: Any, *rest: Any, **named: Any) -> Any:
        found.update([key.dtype, value.dtype])
        out = inner(module, query, key, value, *rest, **named)
        assert out[0].dtype == query.dtype == getattr(torch, precision)
        return out

    monkeypatch.setattr(branching, "attend", noted)
    sampling = Sampling(2, temperature=0.0, top_p=1.0, max_tokens=6, seed=0)
    made, other = (tiny.model().to(getattr(torch, precision)) for _ in range(2))
    answers = [list(answer.texts) for answer in drawn(made, PROMPTS, sampling)]
    assert found == {torch.float32}
    assert answers == [texts * 2 for texts in generated(other, PROMPTS, sampling)]


def test_memory_that_runs_out_makes_batches_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from benchkit_plugins.recommenders.prompted.providers.local import branching, decoding

    sampling = Sampling(5, temperature=1.0, top_p=1.0, max_tokens=6, seed=5)
    expected = drawn(tiny.model(), PROMPTS, sampling)
    inner = branching.read_tree

    # a few prompts read at a time: it runs out while others wait to be read
    monkeypatch.setitem(decoding._PREFILL, "cpu", 30)

    def short(model: Any, store: Any, *rest: Any) -> Any:
        if store.rows.stop > 2:
            raise torch.OutOfMemoryError
        return inner(model, store, *rest)

    monkeypatch.setattr(decoding, "read_tree", short)
    assert [a.texts for a in drawn(tiny.model(), PROMPTS, sampling)] == [a.texts for a in expected]


@pytest.mark.parametrize(
    ("kind", "values"), [("bloom", {}), ("gemma2", {}), ("mistral", {"sliding_window": 8})]
)
def test_models_that_read_no_trees_are_asked_by_generate(kind: str, values: Any) -> None:
    if kind == "gemma2":
        values = {"attn_logit_softcapping": 0.5}
    sampling = Sampling(4, temperature=0.0, top_p=1.0, max_tokens=9, seed=0)
    told = list[str]()
    found = drawn(tiny.model(kind, **values), PROMPTS, sampling, report=told.append)
    expected = generated(tiny.model(kind, **values), PROMPTS, sampling)
    assert told == ["this model is asked by its own `generate`, prompt by prompt, which is slow"]
    assert [list(answer.texts) for answer in found] == [texts * 4 for texts in expected]


@pytest.mark.parametrize("size", [12, 49_152])
def test_a_model_is_proved_on_tokens_that_it_has_learnt(size: int) -> None:
    from types import SimpleNamespace

    from benchkit_plugins.recommenders.prompted.providers.local.probe import probe_texts

    model = SimpleNamespace(config=SimpleNamespace(vocab_size=size), device="cpu")
    for text in probe_texts(model):
        assert size < 100 or len(set(text.tolist())) == 5
        assert size / 6 <= min(text) <= max(text) <= size * 5 / 6


@pytest.mark.filterwarnings("error")
def test_transformers_has_nothing_to_warn_of() -> None:
    drawn(tiny.model(), PROMPTS, Sampling(2, temperature=1.0, top_p=1.0, max_tokens=3, seed=0))


def test_what_does_not_fit_is_answered_by_nothing() -> None:
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import Sampler

    sampler, told = Sampler(causal(tiny.model())), list[str]()
    long = tiny.ask(*["a"] * 600)
    prompts = sampler.causal.chat.prompts([PROMPTS[0], long])
    sampling = Sampling(2, temperature=1.0, top_p=1.0, max_tokens=100, seed=0)
    found = dict(sampler(prompts, sampling, told.append))
    assert found[1] == Completions(("", ""))
    assert any(found[0].texts)
    (line,) = told
    assert line.startswith("1 of 2 prompts are too long for the model, which has room for")
    with pytest.raises(UnavailableError, match=r"1 of 1 prompts are too long.*max_tokens"):
        drawn(tiny.model(), [long], sampling)
