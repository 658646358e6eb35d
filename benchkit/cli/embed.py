"""`benchkit embed`: fill the embedding store, and say beforehand what it costs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import raw_option, read_assignments, set_option
from benchkit.data.open import take_values

if TYPE_CHECKING:
    from benchkit.contracts.dataset import PreparedDataset
    from benchkit.contracts.embedder import Estimate
    from benchkit.embeddings.embed import Held


@click.command()
@click.argument("dataset", metavar="DATASET|TOML")
@click.option("-e", "--embedder", "name", required=True, metavar="NAME", help="Embedder to ask.")
@raw_option
@set_option
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Stop before the paid calls of this command cost more; what arrived earlier is not paid "
    "for again.  [default: no cap]",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be asked and what it costs.")
def embed(
    dataset: str,
    name: str,
    raw: Path | None,
    assignments: tuple[str, ...],
    max_cost: float | None,
    dry_run: bool,
) -> None:
    """Embed the texts of DATASET's items and keep the vectors.

    Only texts that the store lacks are asked for. Killed or interrupted, the same command goes on
    where it was.

    \b
    benchkit embed beauty --embedder openai --dry-run
    benchkit embed beauty --embedder openai --max-cost 0.05
    """
    from benchkit.components.registry import registry
    from benchkit.data.open import open_dataset
    from benchkit.embeddings.embed import embed_catalog, held, missing, to_embed
    from benchkit.evaluation.display import counting
    from benchkit.toolkit.spending import Account
    from benchkit.toolkit.workspace import workspace

    values = read_assignments(assignments)
    prepared = open_dataset(dataset, workspace(), raw, take_values(values, dataset))
    for embedder in (name, *values):
        registry().get("embedder", embedder)
    texts = to_embed(prepared.catalog)
    lacking, estimate = missing(name, values, texts, workspace())
    before = held(name, values, texts, workspace())
    _announce(prepared, name, len(texts), len(lacking), estimate, before)
    if dry_run or not lacking:
        return
    spending, start = Account(cap=max_cost), time.perf_counter()
    try:
        with counting(name, "texts") as progress:
            vectors = embed_catalog(prepared.catalog, name, values, workspace(), spending, progress)
    finally:
        if spending.dollars or spending.tokens:
            click.echo(f"{name}: paid {spending.tokens:,} tokens, {_dollars(spending.dollars)}")
    seconds = time.perf_counter() - start
    click.echo(f"{name}: done in {seconds:.1f} s, vectors of {vectors.shape[1]:,} dimensions")
    _tell_of_cuts(name, held(name, values, texts, workspace()).cut, len(texts))


def _announce(
    prepared: PreparedDataset, name: str, texts: int, lacking: int, estimate: Estimate, held: Held
) -> None:
    from benchkit.components.registry import registry
    from benchkit.contracts.embedder import Embedder

    sample = ", a generated sample" if prepared.synthetic else ""
    click.echo(
        f"{prepared.name}{sample}: {len(prepared.catalog):,} items with {texts:,} different texts"
    )
    kind = registry().get("embedder", name).component
    if issubclass(kind, Embedder) and kind.needs_corpus:
        click.echo(f"{name}: made from all texts together whenever it is used; not kept")
    else:
        click.echo(f"{name}: {texts - lacking:,} of them in the store{_paid(held.cost)}")
        _tell_of_cuts(name, held.cut, texts)
    words = f"to ask for: {lacking:,} texts" if lacking else "to ask for: nothing"
    if estimate.tokens:
        words += f", about {estimate.tokens:,} tokens, about {_dollars(estimate.dollars)}"
    click.echo(words)


def _paid(cost: Mapping[str, float]) -> str:
    """Return what vectors have cost, in words that go on a sentence."""
    words = ""
    if cost["tokens"] or cost["cost"]:
        words += f", paid {cost['tokens']:,} tokens, {_dollars(cost['cost'])}"
    if unknown := cost.get("unknown"):
        words += f", the cost of {unknown:,} is not known"
    return words


def _tell_of_cuts(name: str, cut: int, texts: int) -> None:
    if cut:
        click.echo(
            f"{name}: {cut:,} of {texts:,} texts are longer than it reads; their vectors are of "
            "the beginning"
        )


def _dollars(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 10 else f"${amount:.4f}"
