"""`benchkit compare`: how two rows of a leaderboard differ, and what is gained on average."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchkit.cli.options import format_option, out_option
from benchkit.cli.results import print_sheets, results_of, wanted_options, write
from benchkit.contracts.errors import ConfigError
from benchkit.toolkit.texts import visible

FORMATS = ("rich", "csv", "json")


@click.command()
@click.argument("dataset")
@click.argument("first", required=False)
@click.argument("second", required=False)
@click.option(
    "--metric",
    metavar="METRIC[,...]",
    help="Such as hr@10 or mrr; otherwise all that the truth's rank decides, ndcg@20 for --pairs. "
    "The first one is compared in groups, too.",
)
@click.option(
    "--pairs",
    metavar="A:B[,...]",
    help="Relative gains of each A over its B on all DATASETs (paper 7.2), and their mean.",
)
@format_option(*FORMATS)
@wanted_options
@out_option
def compare(
    dataset: str,
    first: str | None,
    second: str | None,
    metric: str | None,
    pairs: str | None,
    style: str,
    protocol: str | None,
    ties: str | None,
    data: str | None,
    out: Path,
) -> None:
    """Show how the rows FIRST and SECOND of DATASET's leaderboard differ.

    A row is named by its label, or by its recommender where one row has it. With --pairs, DATASET
    may be several names with commas between them.

    \b
    benchkit compare beauty llm2sasrec sasrec
    benchkit compare beauty,steam --pairs llm2sasrec:sasrec,llm2gru4rec:gru4rec --metric ndcg,hr
    """
    from benchkit.analysis import compare_render as render
    from benchkit.api.results import Leaderboard, leaderboard, relative_gains

    def board_of(name: str) -> Leaderboard:
        [name] = results_of(out, name, here=False)
        board = leaderboard(name, **wanted)
        for warning in board.warnings:
            click.echo(f"Warning: {visible(warning)}", err=True)
        return board

    wanted: dict[str, Any] = {"out": out, "protocol": protocol, "ties": ties, "data": data}
    metrics = metric.split(",") if metric else None
    if pairs is not None:
        if first or second:
            raise ConfigError("rows are named by --pairs or as FIRST and SECOND, not both")
        named = _pairs(pairs)
        boards = [board_of(name) for name in dict.fromkeys(map(str.strip, dataset.split(",")))]
        gains = relative_gains(boards, named, metrics=metrics)
        if style == "rich":
            print_sheets([render.sheet_of_gains(gains)])
        else:
            write(render.csv_of_gains(gains) if style == "csv" else render.json_of_gains(gains))
        return
    if not first or not second:
        raise ConfigError("name two rows, FIRST and SECOND, or give --pairs A:B")
    comparison = board_of(dataset).compare(first, second, metrics=metrics)
    if style == "rich":
        print_sheets([render.sheet_of(comparison)])
    else:
        write(render.csv_of([comparison]) if style == "csv" else render.json_of(comparison))


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for part in text.split(","):
        first, _, second = (name.strip() for name in part.partition(":"))
        if not (first and second):
            raise ConfigError(f"--pairs takes A:B, with commas between pairs, not {part!r}")
        pairs.append((first, second))
    return pairs
