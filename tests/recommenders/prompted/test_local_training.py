"""Fine-tuning by LoRA: what is learnt on, what a kill costs, who trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchkit import DataError, UnavailableError
from benchkit.contracts.errors import DivergedError
from benchkit.contracts.prompted import Example, Pairs
from benchkit.toolkit import progress as pace
from benchkit_plugins.recommenders.prompted.config import PromptedConfig, Targets
from benchkit_plugins.recommenders.prompted.providers.contract import FineTune, Sampling
from benchkit_plugins.recommenders.prompted.providers.local import lora
from benchkit_plugins.recommenders.prompted.providers.local.provider import Local
from tests.recommenders.prompted import tiny

pytestmark = [tiny.local, pytest.mark.usefixtures("one_thread")]
EXAMPLES = [
    Example(tiny.ask(*"abcdef"[at:]), "abcdef"[at] + (" b" if at % 2 else "")) for at in range(6)
]
PAIRS = Pairs(EXAMPLES * 4, EXAMPLES[:4])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.folder(tmp_path_factory.mktemp("model")))


def provider(model: str, workspace: Path, **values: Any) -> Local:
    given = {"epochs": 3, "batch_size": 4, "learning_rate": 0.01, "device": "cpu", **values}
    return Local(PromptedConfig(model=model, **given), workspace)


def course_of(local: Local, pairs: Pairs = PAIRS) -> FineTune:
    return FineTune(local.identity(), local.recipe(), pairs, seed=1)


def trained(local: Local, fine_tune: FineTune, told: list[str] | None = None) -> bytes:
    done = local.train(fine_tune, lambda _: None, (told if told is not None else []).append)
    assert local.status(fine_tune).trained == done
    return (local.workspace / "adapters" / done.model / "adapter_model.safetensors").read_bytes()


def test_long_lessons_are_computed_twice_and_learn_the_same(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[bytes, int]] = []
    for tokens in (1024, 4):  # more and fewer than an example has
        monkeypatch.setitem(lora._TOKENS, "cpu", tokens)
        # an example at a time either way
        local = provider(model, tmp_path / str(tokens), batch_size=1, epochs=1, dropout=0.1)
        kept = 0

        def keep(tensor: Tensor) -> Tensor:
            nonlocal kept
            kept += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            adapter = trained(local, course_of(local, Pairs(EXAMPLES, [])))
        found.append((adapter, kept))
    (whole, much), (again, little) = found
    assert again == whole
    assert little < much / 2


def test_it_learns_and_says_how_it_goes(model: str, tmp_path: Path) -> None:
    told: list[str] = []
    local = provider(model, tmp_path)
    fine_tune = course_of(local)
    assert local.status(fine_tune).state == "none"
    first = trained(local, fine_tune, told)
    assert [line.partition(":")[0] for line in told] == ["epoch 1", "epoch 2", "epoch 3"]
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in told]
    assert losses[2] < losses[0] - 0.2
    assert "validation loss" in told[0]
    assert told[0].endswith("left")
    assert trained(local, fine_tune, told) == first
    assert len(told) == 3, "it is not trained again"
    assert sorted(file.name for file in (tmp_path / "adapters").glob(f"{fine_tune.key}*")) == [
        fine_tune.key,
        f"{fine_tune.key}.lock",
    ]
    done = local.status(fine_tune).trained
    assert done is not None
    assert done.tokens > 3 * 24
    assert done.seconds > 0


def test_what_cannot_be_learnt_is_said_at_once(model: str, tmp_path: Path) -> None:
    local = provider(model, tmp_path, learning_rate=1e20)
    with pytest.raises(DivergedError, match=r"diverged in epoch 1, step 2: .* learning_rate"):
        trained(local, course_of(local))
    assert local.status(course_of(local)).state == "none"
    long = Example(tiny.ask(*"ab" * 300), "c")
    with pytest.raises(UnavailableError, match=r"2 of 2 examples are longer .*last_n_items"):
        trained(local, course_of(local, Pairs([long] * 2, [])))


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("usual", {"q_proj", "v_proj"}),
        (
            "all-linear",
            {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
        ),
    ],
)
def test_adapters_go_where_they_are_wanted(targets: Targets, expected: set[str]) -> None:
    recipe = lora.Recipe(targets, 8, 32, 0.0, 0.01, 1, 4, 0.0)
    model = lora.adapted(tiny.model(), recipe, 0)
    adapters = [name for name, weights in model.named_parameters() if weights.requires_grad]
    assert {name.split(".")[-4] for name in adapters} == expected


@pytest.mark.parametrize(("kind", "targets"), [("gpt2", "usual"), ("mamba", "all-linear")])
def test_other_architectures_learn_too_and_are_asked(
    kind: str, targets: str, tmp_path: Path
) -> None:
    local = provider(str(tiny.folder(tmp_path / kind, kind)), tmp_path, targets=targets)
    pairs = Pairs(EXAMPLES * 8, EXAMPLES[:4])
    fine_tune, told = course_of(local, pairs), list[str]()
    trained(local, fine_tune, told)
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in told]
    assert losses[2] < losses[0] - 0.2
    sampling = Sampling(20, temperature=1.0, top_p=1.0, max_tokens=4, seed=0)
    prompts = [EXAMPLES[0].prompt]
    base, tuned = (
        sum(text.split()[:1] == ["a"] for text in dict(drawn)[0].texts)
        for drawn in (
            local.sample(name, prompts, sampling, lambda _: None, told.append)
            for name in (None, fine_tune.key)
        )
    )
    assert tuned > base, "answers begin rightly more often"


def test_an_epoch_that_takes_long_says_how_far_it_is(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_EVERY", 0.0)
    told: list[str] = []
    local = provider(model, tmp_path, epochs=1, batch_size=12)
    trained(local, course_of(local), told)
    assert told[0].startswith("1 of 2 steps of epoch 1 taken in ")
    assert told[1].startswith("epoch 1: loss ")
    assert len(told) == 2


def test_training_that_was_stopped_gives_the_same(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import lora

    whole = provider(model, tmp_path / "whole")
    fine_tune = course_of(whole)
    expected = trained(whole, fine_tune)
    monkeypatch.setattr(lora, "_KEEP_EVERY", 0.0)
    inner, calls = lora.Trainer._step, 0

    def stopped(self: Any, batch: Any) -> None:
        nonlocal calls
        calls += 1
        if calls in {3, 9, 16}:
            raise KeyboardInterrupt
        inner(self, batch)

    monkeypatch.setattr(lora.Trainer, "_step", stopped)
    halting = provider(model, tmp_path / "halting")
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            trained(halting, fine_tune)
        assert "goes on" in halting.status(fine_tune).detail
    assert trained(halting, fine_tune) == expected
    assert calls == 18 + 3, "no step twice"


KILLED = """
import sys
from pathlib import Path
import torch
from tests.recommenders.prompted import test_local_training as here
torch.set_num_threads(1)
local = here.provider(sys.argv[1], Path(sys.argv[2]))
local.train(here.course_of(local), lambda _: None, lambda line: (print(line), sys.stdin.read()))
"""


def test_of_two_processes_one_trains_and_the_other_goes_on_where_it_is_killed(
    model: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-u", "-c", KILLED, model, str(tmp_path)]
    killed = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert killed.stdout is not None
        assert killed.stdout.readline().startswith("epoch 1:"), "and there it stays"
        local, lines = provider(model, tmp_path), list[str]()
        fine_tune = course_of(local)
        assert local.status(fine_tune).state == "running"
        waiting = Thread(target=trained, args=(local, fine_tune, lines))
        waiting.start()
    finally:
        killed.kill()
        killed.communicate()
    waiting.join()
    assert [line.partition(":")[0] for line in lines[1:]] == ["epoch 2", "epoch 3"]
    assert lines[0].startswith("goes on after epoch 1")
    whole = provider(model, tmp_path / "whole")
    assert trained(whole, fine_tune) == trained(local, fine_tune)


def test_what_memory_there_is_changes_only_rounding(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load

    from benchkit_plugins.recommenders.prompted.providers.local import lora

    one, other = (
        provider(model, tmp_path / name, dropout=0.0, epochs=1) for name in ("one", "other")
    )
    expected = load(trained(one, course_of(one)))
    inner = lora.Trainer._loss

    def short(self: Any, part: Any, *rest: Any) -> Any:
        if len(part) > 1 and self.model.training:
            raise torch.OutOfMemoryError
        return inner(self, part, *rest)

    monkeypatch.setattr(lora.Trainer, "_loss", short)
    told: list[str] = []
    found = load(trained(other, course_of(other), told))
    assert any("memory is short" in line for line in told)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=2e-2)


def test_answers_are_learnt_and_prompts_as_much_as_they_weigh(model: str) -> None:
    import torch

    from benchkit_plugins.recommenders.prompted.providers.local import loading, lora, tokenizing
    from benchkit_plugins.recommenders.prompted.providers.local.source import Source

    base = loading.load(Source(model), "cpu")
    base.model.float()
    given = tokenizing.tokenize(EXAMPLES, base.chat, base.context, pytest.fail)
    assert [example.answer for example in given] == [2, 3, 2, 3, 2, 3], (
        "with the token that ends it"
    )
    recipe = lora.Recipe("usual", 8, 32, 0.0, 0.01, 1, 4, 0.0)
    trainer = lora.Trainer(lora.adapted(base.model, recipe, 0), recipe, 0, print)
    answers, everything = 0.0, 0.0
    for example in given:
        tokens = torch.tensor([example.tokens])
        labels = tokens.clone()
        everything += base.model(tokens, labels=labels).loss.item() * (len(example.tokens) - 1)
        labels[:, : -example.answer] = -100
        answers += base.model(tokens, labels=labels).loss.item() * example.answer
    assert trainer._loss(given, None).item() == pytest.approx(answers, rel=1e-4)
    expected = answers + 0.25 * (everything - answers)
    assert trainer._loss(given, None, 0.25).item() == pytest.approx(expected, rel=1e-4)
    predicted = sum(len(example.tokens) - 1 for example in given)
    assert tokenizing.weight_of(given, 0, 0.25) == 15 + 0.25 * (predicted - 15)


def gradients(
    kind: str, shared: bool, few: bool = False, prompt_weight: float = 0.0, **values: Any
) -> tuple[float, float, list[Any]]:
    """Return training loss, validation loss and gradients of adapters that change something."""
    import torch

    from benchkit_plugins.recommenders.prompted.providers.local import loading, lora, tokenizing

    base = loading.assembled(tiny.model(kind, **values), tiny.tokenizer())
    given = tokenizing.tokenize(EXAMPLES, base.chat, base.context, pytest.fail)
    assert tokenizing.prefix_length(given) > 3
    recipe = lora.Recipe("usual", 8, 32, 0.0, 0.01, 1, 4, prompt_weight)
    trainer = lora.Trainer(lora.adapted(base.model, recipe, 0), recipe, 0, print)
    generator = torch.Generator().manual_seed(1)
    for variable in trainer.variables:
        torch.nn.init.normal_(variable, std=0.1, generator=generator)
    trainer._continues = trainer._continues and shared
    trainer._few = few
    trainer.model.train()
    loss, _ = trainer._gradients(given)
    return loss, trainer._validate(given), [variable.grad for variable in trainer.variables]


# of prompts that are learnt, a shorter prefix leaves more to learn
@pytest.mark.parametrize(("shared", "prompt_weight"), [(False, 0.0), (True, 0.0), (False, 1.0)])
def test_tokenized_few_lengths_teach_the_same(shared: bool, prompt_weight: float) -> None:
    import torch

    loss, validation, expected = gradients("llama", shared, False, prompt_weight)
    *found, near = gradients("llama", shared, True, prompt_weight)
    assert found == pytest.approx([loss, validation], rel=1e-5)
    for one, other in zip(near, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_of_an_octave_eight_lengths_are_left_none_an_eighth_longer() -> None:
    from benchkit_plugins.recommenders.prompted.providers.local.tokenizing import unit

    assert [unit(length) for length in (0, 1, 15, 16, 31, 32, 72, 4000)] == [
        1, 1, 1, 2, 2, 4, 8, 256,
    ]  # fmt: skip
    lengths = {length: -(-length // unit(length)) * unit(length) for length in range(1, 2048)}
    assert all(length <= rounded < length * 9 / 8 for length, rounded in lengths.items())
    assert len({rounded for length, rounded in lengths.items() if length >= 1024}) == 9


@pytest.mark.parametrize(
    ("kind", "values"),
    [("llama", {}), ("gpt2", {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0})],
)
def test_what_lessons_begin_with_is_read_once_and_learnt_from_as_often(
    kind: str, values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import lora, prefix

    expected = gradients(kind, shared=False, **values)
    read: list[int] = []
    inner = prefix.Prefix.__init__

    def counted(self: Any, model: Any, tokens: Any) -> None:
        read.append(len(tokens))
        inner(self, model, tokens)

    monkeypatch.setattr(prefix.Prefix, "__init__", counted)
    monkeypatch.setitem(lora._TOKENS, "cpu", 75)  # parts of three, of different lengths
    loss, checked, found = gradients(kind, shared=True, **values)
    assert len(read) == 3, "proved once, learnt from once, validated once"
    assert loss == pytest.approx(expected[0], rel=1e-5)
    assert checked == pytest.approx(expected[1], rel=1e-5)
    for one, other in zip(found, expected[2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert any(float(each.abs().max()) > 0.01 for each in found)


def test_a_model_that_looks_back_only_so_far_reads_each_lesson_whole() -> None:
    shared, alone = (gradients("mistral", each, sliding_window=8) for each in (True, False))
    assert shared[:2] == alone[:2]


def test_what_is_too_long_loses_its_beginning_and_is_told(model: str) -> None:
    from benchkit_plugins.recommenders.prompted.providers.local import loading, tokenizing
    from benchkit_plugins.recommenders.prompted.providers.local.source import Source

    base = loading.load(Source(model), "cpu")
    whole = tokenizing.tokenize(EXAMPLES, base.chat, base.context, pytest.fail)
    room = sorted(len(example.tokens) for example in whole)[3]
    told: list[str] = []
    cut = tokenizing.tokenize(EXAMPLES, base.chat, room, told.append)
    assert [example.tokens for example in cut] == [example.tokens[-room:] for example in whole]
    long = sum(len(example.tokens) > room for example in whole)
    assert 0 < long < len(whole)
    assert f"{long} of 6 examples are longer than the {room} tokens" in told[0]
    assert len(told) == 1


def test_batches_hold_each_lesson_once_and_are_of_like_length() -> None:
    from benchkit_plugins.recommenders.prompted.providers.local.tokenizing import (
        TokenizedExample,
        batches,
    )

    rng = np.random.default_rng(0)
    given = [TokenizedExample([0] * int(length), 1) for length in rng.integers(10, 100, 400)]
    rows = batches(given, 16, rng)
    assert sorted(np.concatenate(rows).tolist()) == list(range(400))
    sizes = [[len(given[row].tokens) for row in part] for part in rows]
    padding = sum(max(part) * len(part) - sum(part) for part in sizes)
    assert padding < 0.1 * sum(map(sum, sizes))
    assert [list(part) for part in batches(given, 16, rng)] != [list(part) for part in rows]


def test_without_examples_or_adapter_it_says_so(model: str, tmp_path: Path) -> None:
    from benchkit_plugins.recommenders.prompted.providers.contract import Sampling

    local = provider(model, tmp_path)
    with pytest.raises(DataError, match="nothing to fine-tune on"):
        trained(local, course_of(local, Pairs([], [])))
    sampling = Sampling(1, 0.0, 1.0, 1, 0)
    with pytest.raises(UnavailableError, match="train it again"):
        list(local.sample("gone", [tiny.ask("a")], sampling, lambda _: None, print))
