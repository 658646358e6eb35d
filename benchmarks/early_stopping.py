"""When to stop training: rules of early stopping, compared on real learning curves.

    python benchmarks/early_stopping.py beauty=FOLDER steam=FOLDER mine.toml ... [--models NAME,...]
        [--set PARAM=VALUE,...] [--fold N] [--epochs N] [--keep FOLDER]

A dataset is a built-in one and the folder of its raw files, or a TOML file. Each model is trained
with its defaults and `--set` on a fold's training sessions, far beyond where any rule stops it.
After every epoch its NDCG@20 is measured twice: on the sessions held out of training, which early
stopping sees, and on the fold's later sessions, which are what counts. All rules are then replayed
on the same curve. A line shows a rule, and for each curve the epochs that it trains and the fold's
NDCG@20 of the weights that it keeps; the last lines the best epoch of all, and popularity.
`--keep` keeps the curves, and a curve that is there is not made again.

`patience N` waits N epochs for a better held-out NDCG@20. The other rules wait likewise once the
model has left its plateau, and tell that by what it does better than popularity: rank the held-out
items (`ranking`), have a training loss below the items' entropy, which a constant answer has
(`loss`), or one of the two (`either`). `falling`: up to there, an epoch that lowers the training
loss counts as a better one; so nothing waits for a model whose loss falls no more. That rule is the
networks' own, with patience 10.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np

from benchkit.components.configure import Presets
from benchkit.contracts.protocol import Protocol
from benchkit.data.open import open_dataset
from benchkit.data.split import Fold, split_sessions
from benchkit.evaluation.bench import Workbench
from benchkit.toolkit.ranking import excluded

Curve = dict[str, Any]
MODELS = "gru4rec,sasrec"
PATIENCES = (2, 3, 5, 10, 20)
# Epochs without a better held-out score after which no rule here would still train.
HOPELESS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--set", default="", help="PARAM=VALUE,... of all models")
    parser.add_argument("--fold", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    values = dict(pair.split("=", 1) for pair in args.set.split(",") if pair)
    with TemporaryDirectory() if args.keep is None else nullcontext(args.keep) as name:
        curves = [
            curve(Path(name), dataset, model, values, args.fold, args.epochs)
            for dataset in args.datasets
            for model in args.models.split(",")
        ]
    print_table(curves)


def curve(
    folder: Path, dataset: str, model: str, values: dict[str, str], fold: int, epochs: int
) -> Curve:
    """Return the learning curve of a model, from the folder where it is there."""
    name, _, raw = dataset.partition("=")
    title = " ".join([Path(name).stem, model, *(f"{k}={v}" for k, v in values.items())])
    file = folder / f"{title} fold {fold}.json"
    if not file.exists():
        prepared = open_dataset(name, folder, Path(raw) if raw else None, {})
        folds = list(split_sessions(prepared, Protocol()).folds())
        made = trained(prepared.catalog, folds[fold - 1], model, {**values, "epochs": str(epochs)})
        file.write_text(json.dumps({"title": title, **made}))
    found: Curve = json.loads(file.read_text())
    return found


def trained(catalog: Any, fold: Fold, name: str, values: dict[str, str]) -> Curve:
    """Return what each epoch shows: training loss, held-out and fold NDCG@20, seconds."""
    from benchkit_plugins.recommenders.neural import training
    from benchkit_plugins.recommenders.neural.validation import Validation, hold_out, ndcg

    patient = {**values, "patience": str(HOPELESS)}
    model: Any = Presets(preset="default").configure(name, patient)
    epochs: list[tuple[float, float]] = []
    started = time.perf_counter()

    def watched(network: Any, examples: Any, held_out: Validation) -> float:
        seconds = time.perf_counter() - started - sum(spent)
        before = time.perf_counter()
        epochs.append((ndcg(network, examples, later_of(model, fold)), seconds))
        spent.append(time.perf_counter() - before)
        return ndcg(network, examples, held_out)

    spent = [0.0]
    counts = np.bincount(fold.train.items, minlength=len(catalog))
    bench = Workbench(catalog, fold.train, counts)
    with mock.patch.object(training, "ndcg", watched):
        model.fit(fold.train, bench)
    rng = bench.rng("held-out sessions")
    learnt, held = hold_out(model._vocabulary.encode(fold.train), model.config, rng)
    frequencies = np.bincount(learnt.items, minlength=len(model._vocabulary))
    shares = frequencies[frequencies > 0] / frequencies.sum()
    rows = [
        [*shown, *measured] for shown, measured in zip(model.training.curve, epochs, strict=True)
    ]
    return {
        "epochs": rows,
        # What the best constant answer has of a softmax; the other losses have no such mark.
        "entropy": -float((shares * np.log(shares)).sum()) if model.config.loss == "softmax" else 0,
        "popularity": popularity(Validation.of(held, model.config), frequencies),
        "popularity later": popularity(later_of(model, fold), frequencies),
    }


def later_of(model: Any, fold: Fold) -> Any:
    """Return the fold's later sessions as the model would be asked for them."""
    from benchkit_plugins.recommenders.neural.validation import Validation

    prompts = model._vocabulary.encode(fold.withheld.prompts)
    read = prompts.last(model.config.last_n_items)
    truth = np.searchsorted(model._vocabulary.codes, fold.withheld.truth)
    return Validation(read, excluded(prompts, read, model.config.exclude_seen), truth)


def popularity(prompts: Any, frequencies: Any) -> float:
    """Return NDCG@20 of ranking by frequency, what each prompt excludes left out."""
    gain = 0.0
    for row, truth in enumerate(prompts.truth):
        better = frequencies >= frequencies[truth]
        better[prompts.exclude[row]] = False
        rank = int(better.sum())
        gain += 1 / np.log2(rank + 1) if better[truth] and rank <= 20 else 0.0
    return gain / len(prompts.truth)


def print_table(curves: list[Curve]) -> None:
    print("\t".join(["rule", *(shown["title"] for shown in curves)]))
    for left in ("", "ranking", "loss", "either", "falling"):
        for patience in PATIENCES:
            name = f"patience {patience}" + f", {left}" * bool(left)
            cells = [replay(shown, patience, left) for shown in curves]
            print("\t".join([name, *(f"{epochs} {ndcg:.4f}" for epochs, ndcg in cells)]))
    bests = [max((row[2], place) for place, row in enumerate(c["epochs"], 1)) for c in curves]
    print("\t".join(["best", *(f"{epoch} {ndcg:.4f}" for ndcg, epoch in bests)]))
    print("\t".join(["popularity", *(f"{shown['popularity later']:.4f}" for shown in curves)]))
    print("\t".join(["seconds an epoch", *(f"{seconds(shown):.1f}" for shown in curves)]))


def replay(shown: Curve, patience: int, left: str) -> tuple[int, float]:
    """Return the epochs that a rule trains, and the fold's NDCG@20 of its best weights."""
    best, kept, waited, lowest = -1.0, 0.0, 0, float("inf")
    for epoch, (loss, score, later, _) in enumerate(shown["epochs"], 1):
        waited += 1
        if score > best:
            best, kept, waited = score, later, 0
        if not any(signs(shown, best, min(lowest, loss), left)) and (
            left != "falling" or loss < lowest
        ):
            waited = 0
        lowest = min(lowest, loss)
        if waited >= patience:
            return epoch, kept
    return len(shown["epochs"]), kept


def signs(shown: Curve, best: float, lowest: float, left: str) -> Iterator[bool]:
    """Yield what tells that the model has left its plateau."""
    yield not left
    if left != "loss":
        yield best > shown["popularity"]
    if left != "ranking":
        yield lowest < shown["entropy"]


def seconds(shown: Curve) -> float:
    return float(np.median(np.diff([row[3] for row in shown["epochs"]])))


if __name__ == "__main__":
    main()
