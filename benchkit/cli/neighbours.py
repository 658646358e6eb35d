"""`benchkit neighbours`: an item's nearest items, so that people see what an embedding means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import raw_option, read_assignments, set_option
from benchkit.data.open import take_values

if TYPE_CHECKING:
    from benchkit.contracts.arrays import Float32
    from benchkit.contracts.catalog import Catalog


@click.command()
@click.argument("dataset", metavar="DATASET|TOML")
@click.argument("title")
@click.option(
    "-e", "--embedder", "name", metavar="NAME", help="Embedder.  [default: the best free one]"
)
@click.option("--reducer", metavar="NAME", help="Reducer of the vectors.  [default: as they are]")
@click.option("--dim", type=click.IntRange(1), help="Dimensions to reduce to.")
@click.option(
    "-n", "count", type=click.IntRange(1), default=10, show_default=True, help="How many to show."
)
@raw_option
@set_option
def neighbours(
    dataset: str,
    title: str,
    name: str | None,
    reducer: str | None,
    dim: int | None,
    count: int,
    raw: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Print the items of DATASET that are nearest to the one with TITLE, by cosine similarity.

    Part of a title is enough, and an item's id will do.

    \b
    benchkit neighbours beauty "rose hand cream"
    benchkit neighbours steam "portal" --embedder lsa --reducer pca --dim 64
    """
    from benchkit.data.open import open_dataset
    from benchkit.embeddings.embed import default_embedder
    from benchkit.toolkit.workspace import workspace

    if dim is not None and reducer is None:
        raise click.UsageError("--dim needs --reducer")
    values = read_assignments(assignments)
    prepared = open_dataset(dataset, workspace(), raw, take_values(values, dataset))
    item = find(prepared.catalog, title)
    vectors = _vectors(prepared.catalog, name or default_embedder(), reducer, dim, values)
    if not vectors[item].any():
        raise click.UsageError(f"{_shown(prepared.catalog, item)} has no vector: it has no text")
    similar = vectors @ vectors[item]
    similar[~vectors.any(axis=1)] = -2.0  # without text: not near to anything
    similar[item] = -2.0
    click.secho(_shown(prepared.catalog, item), bold=True)
    for other in (-similar).argsort(kind="stable")[:count]:
        if similar[other] > -2.0:
            click.echo(f"{similar[other]:7.3f}  {_shown(prepared.catalog, int(other))}")


def find(catalog: Catalog, query: str) -> int:
    """Return the item with that id, that title, or the shortest title that holds all its words.

    Raises:
        DataError: there is none; the most similar titles are in the message.
    """
    from benchkit.contracts.errors import DataError

    if query in catalog.ids:
        return list(catalog.ids).index(query)
    folded = [title.casefold() for title in catalog.titles]
    phrase = " ".join(query.casefold().split())
    words = phrase.split()
    holding = [i for i, title in enumerate(folded) if words and all(w in title for w in words)]
    if holding:
        # as it was typed, then in that order of words, then the shortest
        return min(
            holding, key=lambda i: (folded[i] != phrase, phrase not in folded[i], len(folded[i]))
        )
    near = " or ".join(f"'{_shown(catalog, item)}'" for item in _similar(folded, phrase))
    raise DataError(f"no title holds {query!r}" + (f"; did you mean {near}?" if near else ""))


def _similar(titles: Sequence[str], phrase: str, count: int = 3) -> list[int]:
    """Return the items whose titles share the most groups of three letters with a text."""
    wanted = _trigrams(phrase)
    scored = [
        (2 * len(wanted & has) / max(1, len(wanted) + len(has)), -item)
        for item, has in enumerate(map(_trigrams, titles))
    ]
    return [-item for share, item in sorted(scored, reverse=True)[:count] if share > 0]


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)} if text else set()


def _vectors(
    catalog: Catalog,
    name: str,
    reducer: str | None,
    dim: int | None,
    values: dict[str, dict[str, str]],
) -> Float32:
    """Return the items' vectors at length 1, from the store where embedding costs money."""
    import numpy as np

    from benchkit.components.registry import registry
    from benchkit.contracts.errors import BenchkitError
    from benchkit.embeddings.embed import embed_catalog, missing, to_embed
    from benchkit.embeddings.reduce import reduce_items
    from benchkit.evaluation.display import counting
    from benchkit.toolkit.arrays import normalised
    from benchkit.toolkit.spending import Account
    from benchkit.toolkit.workspace import workspace

    for component in (*([reducer] if reducer else []), *values):
        registry().find(component)
    lacking, estimate = missing(name, values, to_embed(catalog), workspace())
    if estimate.dollars > 0:
        raise BenchkitError(
            f"{len(lacking):,} texts are not in the store of {name}; `benchkit embed` asks for "
            "them, and tells the price"
        )
    with counting(name, "texts") as progress:
        vectors = embed_catalog(catalog, name, values, workspace(), Account(cap=0.0), progress)
    if reducer is not None:
        vectors = reduce_items(
            vectors,
            reducer,
            vectors.shape[1] if dim is None else dim,
            values.get(reducer, {}),
            catalog.classes,
            np.ones(len(catalog), dtype=bool),
            0,
            workspace(),
        )
    return normalised(vectors)


def _shown(catalog: Catalog, item: int) -> str:
    """Return an item's title for a terminal; titles are hostile text."""
    from benchkit.components.describe import printable

    return printable(catalog.titles[item] or catalog.texts[item] or catalog.ids[item])
