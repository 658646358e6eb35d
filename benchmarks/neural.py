"""Speed and memory of the neural recommenders, beside a plain PyTorch loop and RecBole.

    python benchmarks/neural.py [--raw FOLDER] [--repeats N] [--threads N] [--recbole PYTHON]

- SASRec, one epoch of Beauty's training sessions (embedding 64, 2 layers, 2 heads, N = 20, batch
  256, full softmax): `ours` with early stopping, progress and checkpoints on; `plain`, the loop
  below and nothing else, the floor. Each in a process of its own, by turns; epochs after the
  first, medians; in bfloat16, too, where the hardware multiplies that itself.
- GRU4Rec and BERT4Rec of the same size, ours. BERT4Rec masks a fifth, as RecBole does; an epoch of
  ours has eleven cases a session, one of RecBole's has one for each beginning, so compare
  milliseconds a case. RecBole's sessions are not filled with masks; ours are, too, by default.
- Recommending for Beauty's 4,463 prompts, beside one matrix product and top-k.
- One epoch over a catalog of 1,000,000 items with a sampled loss: peak memory.
- RecBole 1.2.1, where `--recbole` names a Python that has it (`setuptools<81 numpy<2 pandas<2.2
  scipy<1.13`); its three models on the same sessions, one epoch each.

Without `--raw`, sessions of Beauty's size are made up: speed depends on their shape alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from os.path import abspath
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np

from benchkit import Sessions
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.sessions import offsets_of
from benchkit.evaluation.bench import Workbench

SESSIONS, PROMPTS, ITEMS = 17_865, 4_463, 11_957
SIDES = ("plain", "ours")
EPOCHS = 4
OTHERS: dict[str, dict[str, Any]] = {
    "gru4rec": {"hidden": 64},
    "bert4rec": {"mask_prob": 0.2, "fill": False},
    "bert4rec filled": {"mask_prob": 0.2},
}
SHAPE: dict[str, Any] = {"dim": 64, "layers": 2, "heads": 2, "batch_size": 256, "epochs": EPOCHS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--raw", type=Path, help="folder with Beauty's raw files")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recbole", help="a Python that has RecBole")
    parser.add_argument("--models", default="SASRec,GRU4Rec,BERT4Rec", help="of RecBole's")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        import torch

        torch.set_num_threads(args.threads)
        print(json.dumps(measure(args.side, args.raw)))
        return
    compare_epochs(args)
    for name in OTHERS:
        print_line(f"ours {name}", elsewhere(args, f"other {name}"))
    print_line("recommending", elsewhere(args, "recommend"))
    print_line("1,000,000 items, sampled softmax", elsewhere(args, "million"))
    if args.recbole:
        print(recbole(args))


def compare_epochs(args: argparse.Namespace) -> None:
    import torch

    from benchkit_plugins.hardware import has_fast_bfloat16

    kinds = ["float32"] + ["bfloat16"] * has_fast_bfloat16(torch.device("cpu"))
    sides = [f"{side} {kind}" for kind in kinds for side in SIDES]
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(args.repeats):
        for side in sides:
            found[side].append(elsewhere(args, side))
    for side, runs in found.items():
        print_line(side, {k: statistics.median(run[k] for run in runs) for k in runs[0]})


def elsewhere(args: argparse.Namespace, side: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--threads", str(args.threads)]
    if args.raw:
        command += ["--raw", str(args.raw)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def print_line(name: str, numbers: dict[str, float]) -> None:
    print(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in numbers.items()))


def measure(side: str, raw: Path | None) -> dict[str, float]:
    kind, _, dtype = side.partition(" ")
    if kind == "plain":
        numbers = plain(sessions(raw)[0], dtype)
    elif kind == "ours":
        numbers = ours(sessions(raw)[0], "sasrec", {"dtype": dtype})
    elif kind == "other":
        numbers = ours(sessions(raw)[0], dtype.partition(" ")[0], OTHERS[dtype])
    else:
        numbers = recommending(*sessions(raw)) if kind == "recommend" else million()
    return {**numbers, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def sessions(raw: Path | None) -> tuple[Sessions, Sessions]:
    """Return training sessions and prompts."""
    if raw is not None:
        from benchkit.contracts.protocol import Protocol
        from benchkit.data.open import open_dataset
        from benchkit.data.split import temporal_split

        with tempfile.TemporaryDirectory() as home:
            prepared = open_dataset("beauty", Path(home), raw, {"p_core": 1})
            split = temporal_split(prepared, Protocol())
        return split.train, split.test.prompts
    return made_up(SESSIONS, ITEMS), made_up(PROMPTS, ITEMS)


def made_up(count: int, items: int) -> Sessions:
    """Return sessions of at least five items, eight on average, of skewed popularity."""
    draw = np.random.default_rng(0)
    lengths = 4 + draw.geometric(1 / 4.06, size=count)
    offsets = offsets_of(lengths)
    codes = np.minimum(items * draw.random(offsets[-1]) ** 2, items - 1).astype(np.int32)
    return Sessions(
        codes, offsets, np.arange(len(codes), dtype=np.int64), np.arange(count, dtype=np.int32)
    )


def bench_for(train: Sessions, items: int, checkpoints: Path, report: Any) -> Workbench:
    names = [""] * items
    none = np.zeros(0, dtype=np.int32)
    catalog = Catalog(names, names, names, names, np.zeros(items + 1, dtype=np.int64), none, [])
    counts = np.bincount(train.items, minlength=items)
    return Workbench(catalog, train, counts, checkpoints=checkpoints, report=report)


def ours(train: Sessions, name: str, values: dict[str, Any]) -> dict[str, float]:
    from benchkit.components.registry import registry

    stamps = [time.perf_counter()]
    model = registry().recommender(name)
    known = {field.name for field in model.Config.fields()}
    shape = {key: value for key, value in SHAPE.items() if key in known}
    config: Any = model.Config.create({**shape, **values, "patience": EPOCHS}, name)
    with tempfile.TemporaryDirectory() as folder:
        bench = bench_for(
            train,
            int(train.items.max()) + 1,
            Path(folder),
            lambda _: stamps.append(time.perf_counter()),
        )
        fitted: Any = model(config)
        fitted.fit(train, bench)
    seconds = statistics.median(np.diff(stamps)[1:])
    if name != "bert4rec":  # a case is a session: it holds what RecBole makes many cases of
        return {"seconds an epoch": seconds}
    learnt = train.between(0, len(train) - config.validation_limit)
    cases = fitted.examples(int(train.items.max()) + 1).count(learnt)
    return {"seconds an epoch": seconds, "ms a case": 1000 * seconds / cases}


def recommending(train: Sessions, prompts: Sessions) -> dict[str, float]:
    import torch

    from benchkit_plugins.recommenders.sasrec import SASRec

    config = SASRec.Config.create({**SHAPE, "epochs": 1}, "sasrec")
    with tempfile.TemporaryDirectory() as folder:
        bench = bench_for(train, int(train.items.max()) + 1, Path(folder), lambda _: None)
        model = SASRec(config)
        model.fit(train, bench)
    queries, table = torch.randn(len(prompts), SHAPE["dim"]), model._network.table.detach()
    floor = best_time(lambda: (queries @ table.T).topk(20, dim=1))
    full = best_time(lambda: model.recommend(prompts, 20))
    return {"seconds": full, "product and top-k": floor, "times the floor": full / floor}


def best_time(run: Any) -> float:
    times = []
    for _ in range(7):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def million() -> dict[str, float]:
    from benchkit_plugins.recommenders.sasrec import SASRec

    train = made_up(4_000, 1_000_000)
    everything = np.arange(1_000_000, dtype=np.int32).reshape(-1, 10)
    rest = Sessions.from_lists(everything)  # so that every item is trained
    train = Sessions(
        np.concatenate((train.items, rest.items)),
        np.concatenate((train.offsets, rest.offsets[1:] + train.offsets[-1])),
        np.concatenate((train.times, rest.times)),
        np.arange(len(train) + len(rest), dtype=np.int32),
    )
    values = {**SHAPE, "epochs": 1, "loss": "sampled-softmax", "batch_size": 512}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = bench_for(train, 1_000_000, Path(folder), lambda _: None)
        SASRec(SASRec.Config.create(values, "sasrec")).fit(train, bench)
    return {"seconds an epoch": time.perf_counter() - started, "sessions": len(train)}


def plain(train: Sessions, dtype: str) -> dict[str, float]:
    """Train SASRec the straightforward way, without anything that a harness needs."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    kind = getattr(torch, dtype)
    items, dim, limit, chunk = int(train.items.max()) + 1, SHAPE["dim"], 20, 512
    padded = -(-items // 64) * 64
    tail = train.last(limit + 1)
    rows = [torch.from_numpy(tail[s].astype(np.int64)) for s in range(len(tail))]

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
            self.up, self.down = nn.Linear(dim, dim), nn.Linear(dim, dim)
            self.one, self.two, self.drop = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.Dropout(0.2)

        def forward(self, x: Any) -> Any:
            b, n, _ = x.shape
            q, k, v = self.qkv(self.one(x)).view(b, n, 3, SHAPE["heads"], -1).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.drop(self.out(mixed.transpose(1, 2).reshape(b, n, dim)))
            return x + self.drop(self.down(F.relu(self.up(self.two(x)))))

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.empty(padded, dim).uniform_(-0.05, 0.05))
            self.bias = nn.Parameter(torch.zeros(padded))
            self.places = nn.Parameter(torch.empty(limit, dim).uniform_(-0.05, 0.05))
            self.blocks = nn.Sequential(*(Block() for _ in range(SHAPE["layers"])))
            self.head, self.drop = nn.Linear(dim, dim), nn.Dropout(0.2)

        def forward(self, inputs: Any, real: Any) -> Any:
            x = self.drop(F.embedding(inputs, self.table) + self.places[: inputs.shape[1]])
            return F.relu(self.head(self.blocks(x)[real]))

    scores = torch.empty(chunk, padded, dtype=kind)
    shares = torch.empty(chunk, padded, dtype=kind)

    class CrossEntropy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, h: Any, table: Any, bias: Any, targets: Any) -> Any:
            low, low_bias = table.to(kind), bias.to(kind)
            of_h, of_table = torch.empty_like(h), torch.zeros_like(table)
            of_bias, loss = h.new_zeros(padded), h.new_zeros(())
            for start in range(0, len(h), chunk):
                part, right = (
                    h[start : start + chunk].to(kind),
                    targets[start : start + chunk, None],
                )
                s, p = scores[: len(part)], shares[: len(part)]
                torch.addmm(low_bias, part, low.T, out=s)
                torch.softmax(s, 1, out=p)
                loss = loss - p.gather(1, right).float().log().sum()
                p.scatter_add_(1, right, torch.full_like(right, -1, dtype=kind))
                of_h[start : start + chunk] = p @ low
                if kind == torch.float32:
                    of_table.addmm_(p.T, part)
                else:
                    of_table += p.T @ part
                of_bias = of_bias + p.sum(0)
            ctx.save_for_backward(of_h / len(h), of_table / len(h), of_bias / len(h))
            return loss / len(h)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return *(grads[0] * g for g in ctx.saved_tensors), None

    model = Plain()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    times = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        order = sorted(torch.randperm(len(rows)).tolist(), key=lambda s: len(rows[s]))
        starts = range(0, len(order), SHAPE["batch_size"])
        for at in torch.randperm(len(starts)).tolist():
            batch = [rows[s] for s in order[starts[at] : starts[at] + SHAPE["batch_size"]]]
            whole = nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=-1)
            real = whole[:, 1:] >= 0
            optimizer.zero_grad()
            hidden = model(whole[:, :-1].clamp(min=0), real)
            loss = CrossEntropy.apply(hidden, model.table, model.bias, whole[:, 1:][real])  # type: ignore[no-untyped-call]
            loss.backward()
            optimizer.step()
        times.append(time.perf_counter() - started)
    return {"seconds an epoch": statistics.median(times[1:])}


RECBOLE = r"""
import json, sys, time
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
for name in sys.argv[3].split(","):
    config = Config(model=name, dataset="made", config_dict={
        "data_path": folder, "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id",
        "TIME_FIELD": "timestamp", "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": 20, "train_neg_sample_args": None, "train_batch_size": 256,
        "hidden_size": 64, "embedding_size": 64, "inner_size": 64, "n_layers": 2, "n_heads": 2,
        "epochs": 1, "loss_type": "CE", "use_gpu": False, "state": "ERROR",
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user",
                      "mode": "full"}})
    train, _, _ = data_preparation(config, create_dataset(config))
    model = get_model(name)(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    started = time.perf_counter()
    trainer._train_epoch(train, 0)
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - started
    cases = len(train.dataset)
    print(f"RecBole {name}: seconds an epoch {seconds:.1f}, cases {cases}, "
          f"ms a case {1000 * seconds / cases:.3f}, peak MB {peak:.0f}", flush=True)
"""


def recbole(args: argparse.Namespace) -> str:
    train = sessions(args.raw)[0]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "made", "made.inter")
        target.parent.mkdir()
        with target.open("w") as file:
            file.write("user_id:token\titem_id:token\ttimestamp:float\n")
            for user, item, at in zip(train.owners, train.items, train.positions, strict=True):
                file.write(f"{user}\t{item}\t{at}\n")
            # RecBole takes the last two items of each session away: let those be no real ones.
            for user, at in enumerate(train.lengths):
                file.write(f"{user}\tend\t{at}\n{user}\tend of all\t{at + 1}\n")
        done = subprocess.run(
            [
                abspath(which(args.recbole) or args.recbole),
                "-c",
                RECBOLE,
                folder,
                str(args.threads),
                args.models,
            ],
            check=True,
            capture_output=True,
            text=True,
            cwd=folder,  # it writes its logs where it runs
        )
    return "\n".join(line for line in done.stdout.splitlines() if line.startswith("RecBole"))


if __name__ == "__main__":
    main()
