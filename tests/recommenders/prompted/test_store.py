"""The completion store: what is kept, found again and survived."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchkit.contracts.errors import StorageError
from benchkit_plugins.recommenders.prompted.providers.contract import Completions, Trained
from benchkit_plugins.recommenders.prompted.store import CompletionStore, key_of
from tests.recommenders.prompted.answering import SAMPLING, conversation

ANSWER = Completions(("ü\n\u2028", ""), 3, 4, 0.5, 0.6, 1.25)
TRAINED = Trained("ft:model", 7, 1.5, 60.0)


def store(folder: Path) -> CompletionStore:
    made = CompletionStore(folder, "echo", {"model": "a"})
    made.refresh()
    return made


def test_what_is_kept_is_found_by_others(tmp_path: Path) -> None:
    one, other = store(tmp_path), store(tmp_path)
    one.keep("k", ANSWER)
    one.keep_trained("c", TRAINED)
    assert other.completions("k") is None
    other.refresh()
    assert (other.completions("k"), other.trained("c")) == (ANSWER, TRAINED)
    other.keep("l", ANSWER)
    one.keep("m", ANSWER)
    assert all(store(tmp_path).completions(key) == ANSWER for key in "klm")
    assert '"about": {"model": "a"}' in one.path.read_text("utf-8").splitlines()[0]


def test_everything_that_shapes_an_answer_is_in_its_key() -> None:
    asked = conversation("a")
    keys = {
        key_of("", asked, SAMPLING),
        key_of("c", asked, SAMPLING),
        key_of("", conversation("b"), SAMPLING),
        key_of("", asked[::-1], SAMPLING),
        key_of("", asked, replace(SAMPLING, seed=1)),
        key_of("", asked, replace(SAMPLING, temperature=0.25)),
        key_of("", asked, replace(SAMPLING, samples=3)),
        key_of("", asked, replace(SAMPLING, most=1)),
    }
    assert len(keys) == 8
    assert key_of("", conversation("a"), replace(SAMPLING)) in keys


def test_answers_that_were_paid_for_are_found_by_later_versions() -> None:
    asked = key_of("", conversation("a"), SAMPLING)
    assert asked == "f5e402a8e2fb67ea2716dda2aab7211a"


@given(st.text(), st.text())
def test_hostile_texts_come_back_as_they_were(words: str, answer: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        key = key_of("", conversation(words), SAMPLING)
        store(Path(folder)).keep(key, replace(ANSWER, texts=(answer,)))
        found = store(Path(folder)).completions(key)
        assert found is not None
        assert found.texts == (answer,)


def test_half_a_line_is_asked_for_again(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.keep("k", ANSWER)
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole + b'{"prompt": "l", "te')
    again = store(tmp_path)
    assert again.completions("l") is None
    again.keep("m", ANSWER)
    assert kept.path.read_bytes().startswith(whole)
    assert store(tmp_path).completions("m") == ANSWER


@pytest.mark.parametrize("line", [b"{", b'{"prompt": "x", "texts": 3}', b'{"course": "x"}', b"[]"])
def test_a_damaged_line_is_one_sentence(tmp_path: Path, line: bytes) -> None:
    store(tmp_path).keep("k", ANSWER)
    path = store(tmp_path).path
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(StorageError, match=r"damaged .* remove that line"):
        store(tmp_path)


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.keep("k", ANSWER)
    code = (
        "import resource, sys, signal\n"
        "from pathlib import Path\n"
        "from tests.recommenders.prompted.test_store import store, ANSWER\n"
        "from dataclasses import replace\n"
        "from benchkit.contracts.errors import StorageError\n"
        "kept = store(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: kept.keep('l', replace(ANSWER, texts=('x' * 5000,)))\n"
        "except StorageError as error: print(error)\n"
        "kept.keep('m', ANSWER)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout
    again = store(tmp_path)
    assert (again.completions("k"), again.completions("l")) == (ANSWER, None)
    assert again.completions("m") == ANSWER


def test_lines_of_earlier_versions_are_read(tmp_path: Path) -> None:
    fresh = CompletionStore(tmp_path, "openai", {"model": "m"})
    fresh.path.parent.mkdir()
    fresh.path.write_text(
        '{"about": {"model": "m"}}\n'
        '{"prompt": "k", "texts": ["x"], "prompt_tokens": 3, "completion_tokens": 2, '
        '"dollars": 0.5, "promised": 0.7, "seconds": 1.0}\n'
        '{"course": "c", "model": "ft:m", "tokens": 9, "dollars": 0.1, "seconds": 2.0, '
        '"promised": 0.2}\n'
    )
    fresh.refresh()
    assert fresh.completions("k") == Completions(("x",), 3, 2, 0.5, 0.7, 1.0)
    assert fresh.trained("c") == Trained("ft:m", 9, 0.1, 2.0)
