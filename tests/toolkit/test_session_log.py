"""A user's own data: a session log and a table of items that a TOML file describes."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from benchkit.cli import cli
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.errors import ConfigError, DataError
from benchkit.data.open import open_dataset
from benchkit.toolkit.attributes import read_attributes
from benchkit.toolkit.session_log import read_toml

TOML = """
[dataset]
name = "my-shop"
min_session = 2

[interactions]
file = "log.csv"
session = "visitor"
item = "sku"
time = "when"

[items]
file = "catalog.csv"
item = "sku"
title = "name"
class = "department"
attributes = "labels"
"""
LOG = "visitor,sku,when\n7,007,1500000003\n7,008,1500000001\n8,007,1500000002\n"
CATALOG = "sku,name,department,labels\n007,Tea,Drinks,hot|green\n008,,,\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "my-shop.toml").write_text(TOML)
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "catalog.csv").write_text(CATALOG)
    return tmp_path / "my-shop.toml"


def opened(path: Path, **values: Any) -> PreparedDataset:
    return open_dataset(str(path), path.parent / "home", None, values)


def test_a_toml_file_describes_a_dataset(shop: Path) -> None:
    data = opened(shop)
    assert (data.name, data.family, data.synthetic) == ("my-shop", "my-shop", False)
    assert list(data.session_ids) == ["7"]
    assert [data.catalog.ids[code] for code in data.sessions[0]] == ["008", "007"]
    assert list(data.catalog.texts) == list(data.catalog.titles) == ["Tea", ""]
    assert list(data.catalog.classes) == ["Drinks", ""]
    assert data.catalog.attributes(0) == ["hot", "green"]
    assert data.config["min_session"] == 2
    assert len(opened(shop, min_session="1").sessions) == 2


def test_a_changed_file_is_read_again(shop: Path) -> None:
    before = opened(shop)
    (shop.parent / "log.csv").write_text(LOG + "7,009,1500000009\n")
    assert opened(shop).sessions.interactions == before.sessions.interactions + 1


def test_a_changed_description_is_read_again(shop: Path) -> None:
    assert opened(shop).catalog.titles[0] == "Tea"
    shop.write_text(TOML.replace('title = "name"', 'title = "department"'))
    assert opened(shop).catalog.titles[0] == "Drinks"
    shop.write_text(TOML.replace('title = "name"', 'title = "nmae"'))
    with pytest.raises(DataError, match="unknown column 'nmae'; did you mean name"):
        opened(shop)


def test_files_may_be_anywhere_under_any_name(shop: Path, tmp_path: Path) -> None:
    for folder, name, content in (("a", "data[1].csv", LOG), ("b", "data[1].csv", CATALOG)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)
    log = tmp_path / "a" / "data[1].csv"
    text = TOML.replace('"log.csv"', '"a/data[1].csv"')
    shop.write_text(text.replace("catalog.csv", str(tmp_path / "b" / "data[1].csv")))
    assert opened(shop).sessions.interactions == 2
    log.write_text(LOG + "7,009,1500000009\n")
    assert opened(shop).sessions.interactions == 3


def test_the_files_order_within_a_second_is_that_of_time(tmp_path: Path) -> None:
    rows = [(f"{step}", 1_500_000_000_000 + 100 * step) for step in (4, 2, 0, 3, 1)]
    log = "session,item,time\n" + "".join(f"s,{item},{time}\n" for item, time in rows)
    (tmp_path / "log.csv").write_text(log)
    path = tmp_path / "clicks.toml"
    path.write_text(
        '[dataset]\nname = "clicks"\n[interactions]\nfile = "log.csv"\ntime_unit = "ms"\n'
    )
    data = opened(path)
    assert [data.catalog.ids[code] for code in data.sessions[0]] == list("01234")


def test_items_are_optional(shop: Path) -> None:
    shop.write_text(TOML.partition("[items]")[0])
    assert list(opened(shop).catalog.texts) == ["", ""]


zone = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        (pl.Series([1483228800, 1483315200]), "s"),
        (pl.Series([1483228800000, 1483315200000]), "ms"),
        (pl.Series([1483228800000000, 1483315200000000]), "us"),
        (pl.Series([1483228800.0, 1483315200.5]), "s"),
        (pl.Series(["1483228800", "1483315200"]), "s"),
        (pl.Series(["1483228800.0", "1483315200.5"]), "s"),
        (pl.Series(["1483228800", "1483315200.25"]), "s"),
        (pl.Series(["2017-01-01", "2017-01-02"]), "s"),
        (pl.Series(["2017-01-01T00:00:00", "2017-01-02 00:00:00.5"]), "s"),
        (pl.Series(["2017-01-01T00:00:00Z", "2017-01-02T00:00:00+00:00"]), "s"),
        (pl.Series(["2017-01-01 02:00:00+02:00", "2017-01-01 23:00:00.5-0100"]), "s"),
        (pl.Series(["2017-01-01 02:00:00+02", "2017-01-02 00:00:00 +00"]), "s"),
        (pl.Series(["2017-01-01 00:00:00 UTC", "2017-01-02 00:00:00 GMT"]), "s"),
        (pl.Series(["2017-01-01T00:00", "2017-01-02T00:00"]), "s"),
        (pl.Series(["2017/01/01 00:00:00", "2017/01/02 00:00:00"]), "s"),
        (pl.Series(["20170101", "20170102"]), "s"),
        (pl.Series(["20170101000000", "20170102000000"]), "s"),
        (pl.Series(["20170101T000000Z", "20170102T000000Z"]), "s"),
        (pl.Series([date(2017, 1, 1), date(2017, 1, 2)]), "s"),
        (pl.Series([datetime(2017, 1, 1), datetime(2017, 1, 2)]), "s"),
        (
            pl.Series([datetime(2017, 1, 1, 2, tzinfo=zone), datetime(2017, 1, 2, 2, tzinfo=zone)]),
            "s",
        ),
    ],
)
def test_times_of_all_kinds(tmp_path: Path, times: pl.Series, unit: str) -> None:
    log = pl.DataFrame({"session": [1, 1], "item": [1, 2], "time": times})
    log.write_parquet(tmp_path / "log.parquet")
    path = tmp_path / "x.toml"
    path.write_text(
        f'[dataset]\nname = "x"\n[interactions]\nfile = "log.parquet"\ntime_unit = "{unit}"\n'
    )
    assert opened(path).sessions.times.tolist() == [1483228800, 1483315200]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "my-shop"', "", "needs a name"),
        ('name = "my-shop"', 'name = "My Shop"', "needs a name"),
        ('item = "sku"', 'item = "sku"\nseparator = ";;"', "separator must be one ASCII character"),
        ('file = "log.csv"', 'file = "my-shop.toml"', "RecBole's .inter"),
        ('name = "my-shop"', 'name = "steam"', "belongs to an installed dataset"),
        ('name = "my-shop"', 'name = "beauty-sample"', "belongs to an installed dataset"),
        ("min_session = 2", "min_sesion = 2", "did you mean min_session"),
        ("min_session = 2", "min_session = 0", "must be at least 1"),
        ("[interactions]", "[interaction]", "did you mean interactions"),
        ('file = "log.csv"', "", r"\[interactions\] needs a file"),
        ('file = "log.csv"', 'file = "lag.csv"', "lag.csv is missing"),
        ('file = "log.csv"', 'file = "log.xls"', "log.xls is missing"),
        ('session = "visitor"', 'session = "visiter"', "did you mean visitor"),
        ('session = "visitor"', 'sessions = "visitor"', "did you mean session"),
        ('session = "visitor"', "session = 5", "session must be text"),
        ('title = "name"', 'title = "nam"', "did you mean name"),
        ('time = "when"', 'time = "when"\ntime_unit = "h"', "it can be s, ms, us, ns"),
        ("[dataset]", "[dataset", "is no TOML"),
    ],
)
def test_mistakes_in_the_toml_file_are_named(shop: Path, old: str, new: str, words: str) -> None:
    shop.write_text(TOML.replace(old, new, 1))
    with pytest.raises((DataError, ConfigError), match=words) as caught:
        opened(shop)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("visitor,sku,when\n7,,1500000000\n", r"column 'sku': row 1 is empty"),
        ("visitor,sku,when\n7,1,yesterday\n", r"column 'when', row 1: 'yesterday' is no time"),
        ("visitor,sku,when\n7,1,5\n7,1,2017-01-01\n", r"row 2: '2017-01-01' is no time"),
        ("visitor,sku,when\n7,1,1500000000000\n", r'row 1: timestamp .* time_unit = "ms"$'),
        ("visitor,sku,when\n7,1,1500000000000000\n", r'row 1: timestamp .* time_unit = "us"$'),
        ("visitor,sku,when\n7,1,20179999000000\n", r"row 1: timestamp .* seconds$"),
        ("visitor,sku,when\n7,1,14-07-2017\n", r"row 1: '14-07-2017' is no time"),
        ("visitor,sku,when\n7,1,07/14/2017 02:40\n", r"row 1: '07/14/2017 02:40' is no time"),
        ("visitor,sku,when\n7,1,nan\n", r"column 'when', row 1: nan is no time"),
        ('"visitor","sku","when"\n"7","1","5"\n"","1","5"\n', r"'visitor': row 2 is empty"),
        ("visitor,sku,when\n7, ,1500000000\n", r"column 'sku': row 1 is empty"),
        ("visitor;sku;when\n7;1;5\n", r'by semicolons, not by commas: set separator = ";"'),
        ("visitor\tsku\twhen\n7\t1\t5\n", r'by tabs, not by commas: set separator = "\\t"'),
        ("visitor,sku,when\n7,1,5,6\n", "is no readable csv file"),
        ("visitor,sku,when\n", "no interactions are left"),
        ("", "is no readable csv file"),
    ],
)
def test_mistakes_in_the_log_are_named(shop: Path, log: str, words: str) -> None:
    (shop.parent / "log.csv").write_text(log)
    with pytest.raises(DataError, match=words):
        opened(shop)


def test_the_separator_may_be_given(shop: Path) -> None:
    before = opened(shop).fingerprint
    (shop.parent / "log.dat").write_text(LOG.replace(",", ";"))
    shop.write_text(TOML.replace('file = "log.csv"', 'file = "log.dat"\nseparator = ";"'))
    assert opened(shop).fingerprint == before


@pytest.mark.parametrize("types", ["", ":token"])
def test_the_atomic_files_of_recbole_are_read(shop: Path, types: str) -> None:
    before = opened(shop)
    log = LOG.replace(",", "\t").replace("1500000003", "1500000003.0")
    names = "visitor:token\tsku:token\twhen:float"
    (shop.parent / "log.inter").write_text(log.replace("visitor\tsku\twhen", names))
    items = "sku:token\tname:token_seq\tdepartment:token\tlabels:token_seq\n"
    (shop.parent / "catalog.item").write_text(items + "007\tTea\tDrinks\thot green\n008\t\t\t\n")
    toml = TOML.replace('"log.csv"', '"log.inter"').replace("catalog.csv", "catalog.item")
    shop.write_text(toml.replace('"sku"', f'"sku{types}"'))
    assert opened(shop).fingerprint == before.fingerprint


LISTS = ["Tea|Hot 'n' sweet", "", "Tea"]


@pytest.mark.parametrize(
    "labels",
    [
        LISTS,
        ["['Tea', \"Hot 'n' sweet\"]", "[]", "['Tea']"],
        ["['Tea' \"Hot 'n' sweet\"]", "[None]", "['Tea']"],
        ['["Tea", "Hot \\u0027n\\u0027 sweet"]', "", "Tea"],
        ["('Tea', \"Hot 'n' sweet\")", "()", "{'Tea'}"],
        ['[{"id": 1, "name": "Tea"}, {"id": 2, "name": "Hot \'n\' sweet"}]', "", "[{'x': 'Tea'}]"],
        [["Tea", "Hot 'n' sweet"], [], ["Tea"]],
        [[{"id": 1, "name": "Tea"}, {"id": 2, "name": "Hot 'n' sweet"}], [], [{"name": "Tea"}]],
    ],
    ids=["bars", "python", "numpy", "json", "tuples", "records in text", "lists", "records"],
)
def test_attributes_are_read_in_every_spelling(labels: list[Any]) -> None:
    found, warnings = read_attributes(pl.Series("labels", labels), "x")
    assert found.to_list() == [["Tea", "Hot 'n' sweet"], [], ["Tea"]]
    assert not warnings


def test_attributes_of_arrays_and_of_what_only_looks_like_a_list() -> None:
    arrays = pl.Series("labels", [["a", "b"]], dtype=pl.Array(pl.String, 2))
    assert read_attributes(arrays, "x")[0].to_list() == [["a", "b"]]
    odd = ["(none)", "[a, b]", "[[1]]", "{'a': 1}", "["]
    assert read_attributes(pl.Series("labels", odd), "x")[0].to_list() == [[cell] for cell in odd]
    _, warnings = read_attributes(pl.Series("labels", ["Tea, hot", "Tea"]), "x")
    assert warnings == [
        "column 'labels': 'Tea, hot' counts as one attribute; parts are separated by |, "
        "not by commas"
    ]
    records = pl.Series("labels", [[{"a": "x", "b": "y"}]])
    with pytest.raises(DataError, match="holds records of a, b; which"):
        read_attributes(records, "x")


def test_columns_of_strange_types_are_named(shop: Path, tmp_path: Path) -> None:
    whole = pl.DataFrame({"visitor": ["7"], "sku": ["007"], "when": [2**63]})
    whole.with_columns(pl.col("when").cast(pl.UInt64)).write_parquet(tmp_path / "log.parquet")
    shop.write_text(TOML.replace('"log.csv"', '"log.parquet"'))
    with pytest.raises(DataError, match=r"column 'when', row 1: timestamp .* is out of range"):
        opened(shop)
    table = pl.DataFrame({"sku": ["007"], "name": ["Tea"], "department": [""], "labels": [[["x"]]]})
    table.write_parquet(tmp_path / "catalog.parquet")
    shop.write_text(TOML.replace('"catalog.csv"', '"catalog.parquet"'))
    with pytest.raises(DataError, match=r"column 'labels': holds List\(List"):
        opened(shop)


def test_damaged_parquet_and_missing_toml_are_named(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_bytes(b"PAR1 no")
    path = tmp_path / "x.toml"
    path.write_text('[dataset]\nname = "x"\n[interactions]\nfile = "log.parquet"\n')
    with pytest.raises(DataError, match=r"log.parquet is no readable parquet file"):
        opened(path)
    with pytest.raises(DataError, match=r"none\.toml is missing"):
        read_toml(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="--raw does not go with"):
        open_dataset(str(path), tmp_path, tmp_path, {})


@pytest.mark.parametrize("name", ["my-shop", "my-dataset"])
@pytest.mark.parametrize(
    "command",
    [
        ("run", "-r", "random", "--dry-run", "--trials", "0", "--dataset"),
        ("embed", "-e", "random", "--dry-run"),
        ("neighbours", "-e", "random", "-n", "1"),
        ("prompts", "--task", "gen-item", "-n", "0"),
        ("data", "info"),
    ],
    ids=" ".join,
)
def test_parameters_are_set_by_the_name_of_the_dataset_or_of_its_file(
    shop: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], name: str
) -> None:
    monkeypatch.setenv("BENCHKIT_HOME", str(shop.parent))
    path = shop.rename(shop.with_name("my-dataset.toml"))
    path.write_text(TOML.replace("min_session = 2", "p_core = 50"))
    visits = [
        f"{n},00{7 + (n + step) % 2},{86400 * n + step}" for n in range(30) for step in (0, 1)
    ]
    (shop.parent / "log.csv").write_text("\n".join(["visitor,sku,when", *visits]))
    call = [*command, str(path), *(["Tea"] if "neighbours" in command else [])]
    error = CliRunner().invoke(cli, call).exception
    assert str(error).endswith("--set my-shop.p_core=1")
    done = CliRunner().invoke(cli, [*call, "--set", f"{name}.p_core=1"])
    assert done.exit_code == 0, done.exception
