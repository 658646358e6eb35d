"""Speed and memory of reading and preparing data, beside pandas and `ast.literal_eval`.

    python benchmarks/data.py beauty --raw DIR              # raw files to split
    python benchmarks/data.py steam --sessions 250000       # 3.5 million generated interactions
    python benchmarks/data.py steam --sessions 2500000 --ours   # 35 million, without the peer
    python benchmarks/data.py literals --raw DIR            # lines a second of every file there

Each way runs in a process of its own; its time excludes imports, its memory includes everything.
The peer does the same steps in pandas: reads every line, drops what the protocol drops, takes the
5-core, orders, splits. It reads literals by way of JSON where it can, several times faster than
`ast.literal_eval`. pandas is needed for the peer alone: ``pip install pandas``.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import html
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

from benchkit_plugins.datasets.records.read import INTEGER, NESTED, TEXT, TEXTS, read_columns

FILES: dict[str, dict[str, str]] = {
    "steam_reviews.json.gz": {"username": TEXT, "product_id": TEXT, "date": TEXT},
    "steam_games.json.gz": {"id": TEXT, "title": TEXT, "genres": TEXTS, "tags": TEXTS},
    "reviews_Beauty.json.gz": {"reviewerID": TEXT, "asin": TEXT, "unixReviewTime": INTEGER},
    "meta_Beauty.json.gz": {"asin": TEXT, "title": TEXT, "brand": TEXT, "categories": NESTED},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["beauty", "steam", "literals"])
    parser.add_argument("--raw", type=Path, help="folder of raw files; generated without it")
    parser.add_argument("--sessions", type=int, default=250_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ours", action="store_true", help="leave the peer out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        raw = args.raw or generated(args.what, args.sessions, Path(folder))
        if args.what == "literals":
            compare_literals(raw, args.repeats)
            return
        ours = alone(measure, run_ours, args.what, raw, args.repeats)
        print(f"ours    {ours[0]:8.3f} s, {ours[1]:6.2f} GiB at its peak, {ours[2]}")
        if not args.ours:
            peer = alone(measure, run_pandas, args.what, raw, max(1, args.repeats // 2))
            print(f"pandas  {peer[0]:8.3f} s, {peer[1]:6.2f} GiB at its peak, {peer[2]}")
            print(f"ours / pandas = {ours[0] / peer[0]:.3f}")


def generated(what: str, sessions: int, folder: Path) -> Path:
    """Write generated raw files; in a process of its own, for its memory."""
    alone(generate, what, sessions, folder)
    return folder


def generate(what: str, sessions: int, folder: Path) -> None:
    dataset(what).generate(folder, sessions, 0)


def dataset(what: str) -> Any:
    from benchkit_plugins.datasets.beauty import Beauty
    from benchkit_plugins.datasets.steam import Steam

    return Beauty() if what == "beauty" else Steam()


def alone(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure(
    way: Callable[[str, Path], str], what: str, raw: Path, repeats: int
) -> tuple[float, float, str]:
    """Return the best time in seconds, the peak memory in GiB and what came of it."""
    import polars  # noqa: F401 - imports do not count

    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        result = way(what, raw)
        best = min(best, time.perf_counter() - start)
    return best, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, result


def run_ours(what: str, raw: Path) -> str:
    from benchkit.contracts.protocol import Protocol
    from benchkit.data.prepare import prepare
    from benchkit.data.split import temporal_split

    prepared = prepare(dataset(what), raw, name=what, synthetic=False)
    split = temporal_split(prepared, Protocol())
    return (
        f"{len(prepared.sessions):,} sessions, {prepared.sessions.interactions:,} interactions, "
        f"{len(split.train):,} to train, {len(split.test.prompts):,} prompts"
    )


def records(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line.replace("'", '"'))
            except ValueError:
                yield ast.literal_eval(line)


def run_pandas(what: str, raw: Path) -> str:
    pd = import_module("pandas")

    if what == "beauty":
        items = pd.DataFrame(records(raw / "meta_Beauty.json.gz"))
        items["title"] = items["title"].fillna("").map(html.unescape)
        with gzip.open(raw / "reviews_Beauty.json.gz", "rt", encoding="utf-8") as lines:
            rows = pd.DataFrame(map(json.loads, lines))
        rows.columns = pd.Index(["session", "item", "time"])
    else:
        items = pd.DataFrame(records(raw / "steam_games.json.gz")).dropna()
        items["text"] = items["title"] + items["tags"].map(", ".join)
        rows = pd.DataFrame(records(raw / "steam_reviews.json.gz"))
        rows.columns = pd.Index(["session", "item", "time"])
        rows["time"] = pd.to_datetime(rows["time"])
        rows = rows[rows["item"].isin(items["id"])].sort_values("time", kind="stable")
        rows = rows.drop_duplicates(["session", "item"])
    before = 0
    while len(rows) != before:
        before = len(rows)
        for column in ("session", "item"):
            rows = rows[rows.groupby(column)[column].transform("size") >= 5]
    rows = rows.sort_values(["session", "time"], kind="stable")
    rows["session"] = rows["session"].astype("category").cat.codes
    rows["item"] = rows["item"].astype("category").cat.codes
    last = rows.groupby("session")["time"].max().sort_values(kind="stable")
    train = last.index[: len(last) - ceil(0.2 * len(last))]
    trained = rows["session"].isin(train)
    known = rows["item"].isin(rows.loc[trained, "item"].unique())
    test = rows[~trained & known].groupby("session")["item"].agg(list)
    prompts = int((test.map(len) > 1).sum())
    return (
        f"{len(last):,} sessions, {len(rows):,} interactions, "
        f"{len(train):,} to train, {prompts:,} prompts"
    )


def compare_literals(raw: Path, repeats: int) -> None:
    """Compare lines a second of ours and of `ast.literal_eval`, for every file in a folder."""
    for name, fields in FILES.items():
        if not (raw / name).exists():
            continue
        ours, theirs = float("inf"), float("inf")
        for _ in range(repeats):  # by turns, so that a busy machine slows both
            start = time.perf_counter()
            parts = list(read_columns(raw / name, fields, optional=fields))
            ours = min(ours, time.perf_counter() - start)
            start = time.perf_counter()
            with gzip.open(raw / name, "rt", encoding="utf-8") as file:
                lines = sum(bool(ast.literal_eval(line)) for line in file)
            theirs = min(theirs, time.perf_counter() - start)
        assert sum(len(part.frame) for part in parts) == lines
        rates = f"{lines / ours:12,.0f} and {lines / theirs:10,.0f} lines a second"
        print(f"{name:24} {rates}: ours / ast = {theirs / ours:.1f} (both unpack gzip)")


if __name__ == "__main__":
    main()
