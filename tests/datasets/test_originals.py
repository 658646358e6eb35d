"""The plugins read the original formats; the real data give the numbers they must."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from benchkit.components.registry import registry
from benchkit.contracts.dataset import Dataset, PreparedDataset
from benchkit.contracts.errors import ConfigError, DataError
from benchkit.data.prepare import prepare
from benchkit_plugins.datasets.beauty import Beauty
from benchkit_plugins.datasets.delivery_hero import DeliveryHero
from benchkit_plugins.datasets.steam import Steam


def make(kind: type[Dataset], folder: Path, **values: Any) -> PreparedDataset:
    dataset = kind(kind.Config.create(values, kind.name))
    return prepare(dataset, folder, name=kind.name, synthetic=False)


def pack(path: Path, lines: Iterable[str]) -> None:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode("utf-8")))


def size(data: PreparedDataset) -> tuple[int, int, int]:
    return len(data.sessions), len(data.catalog), data.sessions.interactions


def listed(data: PreparedDataset) -> dict[str, list[str]]:
    return {
        session: [data.catalog.ids[code] for code in data.sessions[row]]
        for row, session in enumerate(data.session_ids)
    }


GAMES = [
    {"id": "1", "title": "One", "genres": ["B", "A"], "tags": ["t", "B"]},
    {"id": "2", "title": "It's Two", "genres": ["A"], "tags": ["s"]},
    {"id": "3", "title": "Three", "tags": ["s"]},
    {"id": "4", "title": "", "genres": ["A"], "tags": ["s"]},
    {"title": "No id", "genres": ["A"], "tags": ["s"]},
    {"id": "5", "title": "Five", "genres": ["A"], "tags": []},
    {"id": "1", "title": "One again", "genres": ["C"], "tags": ["u"]},
    {"id": "6", "app_name": "No title", "title": None, "genres": ["A"], "tags": ["t"]},
]
REVIEWS = [
    ("u", "1", "2017-01-02"),
    ("u", "2", "2017-01-01"),
    ("u", "1", "2016-01-01"),
    ("u", "3", "2017-01-01"),
    ("v", "2", "2017-01-01"),
    ("v", "9", "2017-01-01"),
]


@pytest.fixture
def steam(tmp_path: Path) -> Path:
    pack(tmp_path / "steam_games.json.gz", map(repr, GAMES))
    rows = [dict(zip(("username", "product_id", "date"), row, strict=True)) for row in REVIEWS]
    pack(tmp_path / "steam_reviews.json.gz", map(repr, rows))
    return tmp_path


def test_steam_drops_incomplete_games_and_repeats(steam: Path) -> None:
    data = make(Steam, steam, p_core=1)
    assert listed(data) == {"u": ["1", "2"], "v": ["2"]}
    assert data.sessions.times.tolist() == [1451606400, 1483228800, 1483228800]
    assert data.dropped == {
        "games lacking id, title, genres or tags": 5,
        "games listed twice": 1,
        "interactions with unlisted items": 2,
        "repeated interactions": 1,
    }
    assert list(data.catalog.titles) == ["One", "It's Two"]
    assert list(data.catalog.texts) == ["One: t, B", "It's Two: s"]
    assert list(data.catalog.classes) == ["A_B", "A"]
    assert data.catalog.attributes(0) == ["B", "A", "t"]
    assert list(make(Steam, steam, p_core=1, class_from="tags").catalog.classes) == ["B_t", "s"]


def test_a_file_without_items_is_named(steam: Path) -> None:
    pack(steam / "steam_games.json.gz", [])
    with pytest.raises(DataError, match=r"steam_games.json.gz holds no items"):
        make(Steam, steam)


@pytest.mark.parametrize("date", ["Posted 2017", "2017-13-01", ""])
def test_a_date_that_is_none_is_named(steam: Path, date: str) -> None:
    good = {"username": "u", "product_id": "1", "date": "2017-01-01"}
    pack(steam / "steam_reviews.json.gz", [repr(good), repr({**good, "date": date})])
    with pytest.raises(DataError, match=r"steam_reviews.json.gz, line 2: 'date' is "):
        make(Steam, steam)


def test_dates_out_of_range_are_named(steam: Path) -> None:
    pack(
        steam / "steam_reviews.json.gz",
        [repr({"username": "u", "product_id": "1", "date": "1926-01-01"})],
    )
    with pytest.raises(DataError, match=r"steam_reviews.json.gz, line 1: timestamp -\d+ is out of"):
        make(Steam, steam)


def test_beauty_decodes_titles_and_keeps_items_without(tmp_path: Path) -> None:
    endless = f"&#{'9' * 5000};"
    products = [
        {
            "asin": "A",
            "title": "Salt &amp; Lime&#39;s",
            "brand": "Z",
            "categories": [["C", "B"], ["B"]],
        },
        {"asin": "B", "categories": [["C"]]},
        {"asin": "C", "title": "Plain", "brand": ""},
        {"asin": "D", "title": endless},  # more digits than Python reads
    ]
    pack(tmp_path / "meta_Beauty.json.gz", map(repr, products))
    reviews = [
        {"reviewerID": "r", "asin": item, "unixReviewTime": time, "reviewText": "{'asin': \"x\"}"}
        for time, item in enumerate("ABCDA", 1_400_000_000)
    ]
    pack(tmp_path / "reviews_Beauty.json.gz", map(json.dumps, reviews))
    data = make(Beauty, tmp_path, p_core=1)
    assert listed(data) == {"r": ["A", "B", "C", "D", "A"]}
    assert list(data.catalog.texts) == ["Salt & Lime's", "", "Plain", endless]
    assert list(data.catalog.classes) == ["B_C", "C", "", ""]
    assert [data.catalog.attributes(item) for item in range(4)] == [["C", "B", "Z"], ["C"], [], []]


def test_milliseconds_are_noticed(tmp_path: Path) -> None:
    pack(tmp_path / "meta_Beauty.json.gz", [])
    line = json.dumps({"reviewerID": "r", "asin": "A", "unixReviewTime": 1_400_000_000_000})
    pack(tmp_path / "reviews_Beauty.json.gz", [line])
    with pytest.raises(DataError, match=r"reviews_Beauty.json.gz, line 1: .* milliseconds\?"):
        make(Beauty, tmp_path)


def test_delivery_hero_reads_parquet_and_csv_alike(tmp_path: Path) -> None:
    import polars as pl

    log = pl.DataFrame({"session": ["a", "a", "b"], "item": ["x", "y", "x"], "time": [5, 3, 4]})
    items = pl.DataFrame({"item": ["x", "y"], "text": ["Milk", None]})
    found = []
    for kind in ("parquet", "csv"):
        folder = tmp_path / kind
        folder.mkdir()
        for name, frame in (("interactions", log), ("items", items)):
            path = folder / f"{name}.{kind}"
            frame.write_parquet(path) if kind == "parquet" else frame.write_csv(path)
        found.append(make(DeliveryHero, folder))
    assert listed(found[0]) == {"a": ["y", "x"]}
    assert list(found[0].catalog.texts) == list(found[0].catalog.titles) == ["Milk", ""]
    assert found[0].fingerprint == found[1].fingerprint


def test_a_dataset_refuses_unknown_parameters() -> None:
    with pytest.raises(ConfigError, match="p_core"):
        Steam.Config.create({"p_cor": 1}, "steam")


@pytest.mark.parametrize(
    ("kind", "folder", "values", "expected"),
    [
        (Beauty, "beauty", {"p_core": 1}, (22_332, 12_101, 198_347)),
        (Beauty, "beauty", {}, (22_332, 12_093, 198_317)),
        (Steam, "steam-100k", {}, (10_292, 3_574, 123_187)),
    ],
)
def test_the_real_data_have_the_expected_size(
    real_data: Path, kind: type[Dataset], folder: str, values: Any, expected: tuple[int, int, int]
) -> None:
    data = make(kind, real_data / folder, **values)
    assert size(data) == expected
    untitled = sum(not text for text in data.catalog.texts)
    assert untitled == (7 if kind is Beauty else 0)


OURS = [entry.component for entry in registry().components["dataset"].values() if entry.built_in]


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_the_data_card_agrees_with_the_plugin(kind: type[Dataset]) -> None:
    card = Path(__file__).parents[2] / "datasets" / kind.name / "README.md"
    text = card.read_text(encoding="utf-8")
    for file in kind.files:
        assert file.name in text or "*" in file.name
        assert all(url in text for url in file.urls)
        assert file.size is None or f"{file.size:,}" in text
        assert file.sha256 is None or file.sha256 in text
    for key, value in kind.published.statistics.items():
        shown = "NA" if value is None else f"{value:,}"
        assert shown in text, (key, shown)
    for parameter, default in kind.Config():
        assert f"`{parameter}`" in text
        assert f"`{default}`" in text
