"""Training beside other jobs: what settings of OpenMP's threads cost, alone and in company.

    python benchmarks/neighbour.py [--repeats N] [--epochs N] [--sizes sample,beauty]
        [--settings NAME,...] [--neighbours NAME,...]

Threads of one operation wait for one another, by default spinning: on a machine of their own they
lose no time, and beside another job they keep its cores from those they wait for. Each setting of
`SETTINGS` fits SASRec: `sample`, the preset of that name on sessions like the generated sample's,
and `beauty`, the defaults on sessions of Beauty's size; quiet, beside one busy process, and beside
a torch job of two threads, which spin. A fit is a process of its own, and so is the neighbour; the
settings take turns. A line holds medians of the seconds of a fit, without imports, and of its
processor seconds: on a machine that is not quiet these tell the settings apart, too.

What `benchkit/toolkit/machine.py` sets, unless the user has set one of these variables, is to be
at most 15 % slower than `as it is` when quiet, and at most 2.5 times as slow beside the torch job.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from neural import bench_for, made_up  # type: ignore[import-not-found]

from benchkit_plugins.recommenders.sasrec import SASRec

SETTINGS = {
    "as it is": {},
    "spin 100": {"GOMP_SPINCOUNT": "100"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
NEIGHBOURS = {
    "quiet": "",
    "busy": "while True: pass",
    "torch": """
import torch
torch.set_num_threads(2)
one = torch.randn(512, 128)
while True:
    (one @ one.T).softmax(dim=1)
""",
}
# Sessions, items, values.
SIZES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "sample": (3200, 500, SASRec.presets["sample"]),
    "beauty": (17_865, 11_957, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--neighbours", default=",".join(NEIGHBOURS))
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fit:
        print(json.dumps(fit(*SIZES[args.fit], args.epochs)))
        return
    settings = args.settings.split(",")
    for size, neighbour in product(args.sizes.split(","), args.neighbours.split(",")):
        runs: dict[str, list[list[float]]] = {name: [] for name in settings}
        with beside(NEIGHBOURS[neighbour]):
            for _ in range(args.repeats):
                for name in settings:
                    runs[name].append(fitted(size, args.epochs, SETTINGS[name]))
        for name, times in runs.items():
            wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"{size}\t{neighbour}\t{name}\t{wall:.1f} s\t{processor:.1f} CPU s", flush=True)


@contextmanager
def beside(code: str) -> Iterator[None]:
    """Run something else meanwhile, with OpenMP's own settings."""
    if not code:
        yield
        return
    other = subprocess.Popen([sys.executable, "-c", code], env=environment({}))
    try:
        yield
    finally:
        other.kill()
        other.wait()


def fitted(size: str, epochs: int, setting: dict[str, str]) -> list[float]:
    """Return seconds, and processor seconds, of a fit in a process of its own."""
    command = [sys.executable, __file__, "--fit", size, "--epochs", str(epochs)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment(setting)
    )
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def environment(setting: dict[str, str]) -> dict[str, str]:
    ours = {name for values in SETTINGS.values() for name in values}
    return {name: value for name, value in os.environ.items() if name not in ours} | setting


def fit(count: int, items: int, values: dict[str, Any], epochs: int) -> list[float]:
    """Return seconds, and processor seconds, of a fit in this process."""
    train = made_up(count, items)
    values = {**values, "epochs": epochs, "patience": epochs}
    model = SASRec(SASRec.Config.create(values, "sasrec"))
    with TemporaryDirectory() as folder:
        bench = bench_for(train, items, Path(folder), lambda _: None)
        before = np.array([time.perf_counter(), used()])
        model.fit(train, bench)
        spent: list[float] = (np.array([time.perf_counter(), used()]) - before).tolist()
    return spent


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
