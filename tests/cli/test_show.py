"""`benchkit show`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchkit.cli.show import show
from benchkit.components.registry import load
from benchkit.contracts.errors import PluginError
from tests.strangers import RECOMMENDER, entry_points_in, install

EXPLAINED = '''
from dataclasses import dataclass
from typing import Literal
from benchkit import Choice, Config, Float, Int, Metric, Recommendations, Recommender
from benchkit import hookimpl, param

@dataclass(frozen=True, kw_only=True)
class Parameters(Config):
    k: int = param(100, "neighbours that vote", search=Int(50, 500), unit="sessions", at_least=1)
    mix: float = param(0.5, "share", search=Float(0, 1, step=0.1), at_least=0, at_most=1,
                       when={"mode": "b"})
    mode: Literal["a", "b"] = param("a", "how", search=Choice("a", "b"))
    last: int | None = param(None, "items that are read", search=Int(1, 9, optional=True))

class Explained(Recommender):
    """Explains itself."""

    name = "explained"
    source = "paper 5.1"
    Config = Parameters
    presets = {"steam": {"k": 320, "mode": "b"}, "beauty": {}}

    def fit(self, train, bench):
        pass

    def recommend(self, prompts, k):
        return Recommendations.empty(len(prompts), k)

class Measured(Metric):
    """Measures."""

    name = "explained"
    source = "ours"
    higher_is_better = False
    bounds = (0.0, float("inf"))
    formula = "sum of everything"
    ours = True

    def values(self, lists, k):
        return None

@hookimpl
def benchkit_recommenders():
    return [Explained]

@hookimpl
def benchkit_metrics():
    return [Measured]
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    install(tmp_path, "stranger", EXPLAINED, version="3.1")
    monkeypatch.setattr("benchkit.cli.show.registry", lambda: load(entry_points_in(tmp_path)))
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(show, args, env={"COLUMNS": "80"}, catch_exceptions=False)


def test_a_recommender_is_explained() -> None:
    assert run("explained", "--kind", "recommender").stdout == (
        "explained (recommender)\n"
        "Explains itself.\n"
        "\n"
        "  source: paper 5.1\n"
        "  from: stranger 3.1\n"
        "\n"
        "Parameters\n"
        "  k: int, default 100\n"
        "        neighbours that vote [sessions]\n"
        "        searched: 50 to 500\n"
        "        permitted: at least 1\n"
        "  mix: float, default 0.5\n"
        "        share\n"
        "        searched: 0 to 1 step 0.1\n"
        "        permitted: at least 0, at most 1\n"
        "        matters only with mode=b\n"
        "  mode: a | b, default a\n"
        "        how\n"
        "        searched: a, b\n"
        "  last: int | none, default none\n"
        "        items that are read\n"
        "        searched: none, or 1 to 9\n"
        "\n"
        "Presets\n"
        "  steam: k=320, mode=b\n"
        "  beauty: the defaults\n"
    )


def test_a_metric_gives_formula_direction_and_bounds() -> None:
    output = run("explained", "--kind", "metric").stdout
    assert "formula: sum of everything" in output
    assert "direction: lower is better" in output
    assert "bounds: 0 to infinity" in output
    assert "the paper does not report it" in output
    assert "No parameters" in output


def test_a_name_of_two_kinds_shows_both() -> None:
    output = run("explained").stdout
    assert "explained (recommender)" in output
    assert "explained (metric)" in output


def test_json_is_strict_and_complete() -> None:
    output = run("explained", "--format", "json").stdout
    recommender, metric = json.loads(output, parse_constant=pytest.fail)
    assert metric["bounds"] == [0.0, None]
    assert recommender["presets"] == {"steam": {"k": 320, "mode": "b"}, "beauty": {}}
    assert recommender["parameters"][1] == {
        "name": "mix",
        "type": "float",
        "default": 0.5,
        "meaning": "share",
        "unit": "",
        "search": {
            "text": "0 to 1 step 0.1",
            "low": 0,
            "high": 1,
            "step": 0.1,
            "log": False,
            "optional": False,
        },
        "at_least": 0,
        "at_most": 1,
        "when": {"mode": "b"},
    }


def test_unknown_names_get_the_nearest_of_any_kind() -> None:
    with pytest.raises(PluginError, match="unknown component 'explaind'; did you mean explained"):
        run("explaind")


def test_what_cannot_be_read_is_one_sentence(folder: Path) -> None:
    broken = RECOMMENDER.format(name="vague") + "\nStranger.presets = 5\n"
    install(folder, "careless", broken)
    with pytest.raises(PluginError, match=r"'vague' of careless 1\.0 declares what cannot be read"):
        run("vague")
