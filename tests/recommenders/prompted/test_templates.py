"""Templates: ours, a user's, and what is wrong with a user's."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchkit.contracts.errors import ConfigError
from benchkit_plugins.recommenders.llm_seq_prompt_class import Class
from benchkit_plugins.recommenders.llm_seq_prompt_gen_list import GenList
from benchkit_plugins.recommenders.llm_seq_prompt_rank import Rank
from benchkit_plugins.recommenders.prompted.gen_item import GenItem
from benchkit_plugins.recommenders.prompted.templates import Template
from benchkit_plugins.recommenders.tallrec import Instructed
from tests.recommenders.prompted.tasked import bench, config, prompt, task, user

ROOT = Path(__file__).parents[3]
KINDS = (GenItem, GenList, Class, Rank, Instructed)


@pytest.mark.parametrize("kind", KINDS)
def test_each_task_has_a_template_of_ours(kind: type[GenItem]) -> None:
    template = kind.wording(config())
    assert set(kind.required) <= template.placeholders
    assert template.user == template.user.strip()
    assert len(template.digest) == 16


def test_no_two_tasks_are_asked_alike() -> None:
    assert len({kind.wording(config()).digest for kind in KINDS}) == len(KINDS)


def test_a_users_entry_replaces_ours(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[gen-item]\nuser = "After:\\n{titles}\\n?"', encoding="utf-8")
    own = config(templates=str(file))
    ours, mine = GenItem.wording(config()), GenItem.wording(own)
    assert mine == Template(ours.system, "After:\n{titles}\n?")
    assert mine.digest != ours.digest
    assert Rank.wording(own) == Rank.wording(config())
    (conversation,) = task(GenItem, bench(["a", "b"]), templates=str(file)).ask(prompt([0, 1]))
    assert user(conversation) == "After:\na\nb\n?"


def test_the_digest_is_of_the_content_not_of_the_place(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('[rank]\nsystem = ""\n', encoding="utf-8")
    a, b = (config(templates=str(tmp_path / name)) for name in ("a.toml", "b.toml"))
    assert Rank.wording(a).digest == Rank.wording(b).digest


def test_braces_in_titles_mean_nothing() -> None:
    given = bench(["{candidates}", "{0} {", "}{titles}"], [[1, 0], [1, 0.1], [1, 0.2]])
    (conversation,) = task(Rank, given).ask(prompt([0, 1]))
    assert user(conversation) == "Taken so far:\n{candidates}\n{0} {\n\nCandidates:\n}{titles}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('[gen-item]\nuser = "{titels}"', r"\[gen-item\] has an unknown placeholder '\{titels\}'"),
        ('[gen-item]\nuser = "{titles} {count}"', r"unknown placeholder '\{count\}'"),
        ('[gen-item]\nuser = "go on"', r"\[gen-item\] lacks \{titles\}$"),
        (
            '[gen-itme]\nuser = "{titles}"',
            r"unknown task 'gen-itme'; did you mean gen-item or gen-list\?",
        ),
        ('[rank]\nusers = ""', r"\[rank\] has an unknown entry 'users'; did you mean user\?"),
        ("[rank]\nuser = 3", r"user of \[rank\] must be a text"),
        ('rank = "{titles}"', r"rank must be a table, \[rank\]"),
        ("[gen-item", r"are not TOML: "),
        (b"\xff", r"are not TOML: "),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=problem) as caught:
        task(GenItem, bench(["a"]), templates=str(file))
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read templates .*none\.toml: No such file"):
        task(GenItem, bench(["a"]), templates=str(tmp_path / "none.toml"))


def test_the_wheel_holds_ours(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        files = set(packed.namelist())
    assert "benchkit_plugins/recommenders/prompted/templates.toml" in files
    for dataset in ("beauty", "delivery-hero", "steam"):
        assert f"benchkit_plugins/datasets/published/{dataset}.json" in files
