"""`benchkit neighbours`: the nearest items, by titles that cannot be trusted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from benchkit.cli.neighbours import find, neighbours
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.errors import DataError
from tests.making import catalog

TITLES = ["Rose Hand Cream", "Rose Hand Cream Deluxe", "Cream of a Rose", "", "\x1b[31mRed [b]Tea"]


@pytest.fixture
def items() -> Catalog:
    return replace(catalog(len(TITLES)), titles=TITLES)


@pytest.mark.parametrize(
    ("query", "item"),
    [
        ("rose hand cream", 0),
        ("  ROSE  hand cream ", 0),
        ("hand cream deluxe", 1),
        ("cream rose", 0),
        ("cream of", 2),
        ("item-3", 3),
        ("tea", 4),
    ],
)
def test_the_best_title_is_found(items: Catalog, query: str, item: int) -> None:
    assert find(items, query) == item


def test_an_unknown_title_gets_the_nearest(items: Catalog) -> None:
    with pytest.raises(DataError, match=r"no title holds 'roze hand creem'; did you mean 'Rose H"):
        find(items, "roze hand creem")
    with pytest.raises(
        DataError, match=r"no title holds .31mred btea.; .*.\[31mRed \[b\]Tea"
    ) as caught:
        find(items, "31mred btea")
    assert "\x1b" not in str(caught.value)
    with pytest.raises(DataError, match=r"no title holds ''$"):
        find(items, "")


@pytest.mark.usefixtures("steam_home")
def test_it_prints_the_nearest_first() -> None:
    command = ["steam", "the", "--embedder", "random", "--set", "random.dims=4", "-n", "5"]
    done = CliRunner().invoke(neighbours, command, catch_exceptions=False)
    assert done.exit_code == 0
    shares = [float(line.split()[0]) for line in done.stdout.splitlines()[1:]]
    assert len(shares) == 5
    assert shares == sorted(shares, reverse=True)
    assert all(-1 <= share <= 1 for share in shares)


@pytest.mark.usefixtures("steam_home")
def test_it_never_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    done = CliRunner().invoke(neighbours, ["steam", "the", "--embedder", "openai"])
    assert "texts are not in the store of openai; `benchkit embed` asks" in str(done.exception)
