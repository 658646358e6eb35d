"""`benchkit analyse`: when recommenders hit, from the kept lists, without training again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchkit.cli.options import folder_option, format_option, out_option
from benchkit.cli.results import (
    collected,
    of_each,
    only,
    print_sheets,
    results_of,
    say_others,
    wanted_options,
    write,
)
from benchkit.leaderboards.files import tables_of
from benchkit.leaderboards.selection import Wanted, others, select

if TYPE_CHECKING:
    from benchkit.analysis.rates import Analysis
    from benchkit.leaderboards.tables import Table

FORMATS = ("rich", "markdown", "csv", "json")
BY = ("popularity", "position", "length")  # what kept lists answer, and so what is shown unasked
CUT = "cut"


@dataclass(frozen=True)
class _Request:
    """What the options say."""

    out: Path
    names: Sequence[str]
    k: int
    by: Sequence[str]
    wanted: Wanted


@click.command()
@click.argument("dataset", required=False)
@click.option("-r", "--recommender", "names", multiple=True, metavar="NAME", help="Only this one.")
@click.option("--k", type=click.IntRange(min=1), default=20, show_default=True, help="Cutoff.")
@click.option("--by", type=click.Choice((*BY, CUT)), multiple=True, help="Only this question.")
@format_option(*FORMATS)
@folder_option("--pictures", "Also draw each question, as SVG and PNG.")
@wanted_options
@out_option
def analyse(
    dataset: str | None,
    names: tuple[str, ...],
    k: int,
    by: tuple[str, ...],
    style: str,
    pictures: Path | None,
    protocol: str | None,
    ties: str | None,
    data: str | None,
    out: Path,
) -> None:
    """Show when recommenders hit on DATASET, or on every dataset that has results.

    Hit rates come from the lists that earlier runs kept; for cut alone recommenders are asked
    again. Rows are those of one table of `benchkit leaderboard`, in its order; several runs of a
    row are averaged.

    popularity: in how many sessions the prompt's last item occurs (paper, Figure 9); groups of
    about as many prompts each.

    position: how far from the prompt's end its latest item stands that shares a training session
    with the truth, 1 for the last item; none where no item does.

    length: how many items the prompt has.

    cut: each position of a prompt treated as the last (paper, Figure 10); the prompt is cut there
    and asked again, its truth stays. Kept weights serve, else the recommender is fitted again.
    Language models are asked where -r names them, but never paid. Not shown unless asked for.

    \b
    benchkit analyse beauty
    benchkit analyse beauty -r sknn -r v-sknn --by popularity --pictures DIR
    benchkit analyse beauty -r sasrec --by cut
    """
    request = _Request(out, names, k, by or BY, Wanted(protocol, ties, data))
    if pictures:
        from benchkit.toolkit.pictures import altair

        altair()  # a missing extra is said before the work, not after
    analyses = of_each(results_of(out, dataset), lambda name: _analyse(request, name))
    _print([analysis for analysis, _ in analyses], style)
    for analysis, tables in analyses:
        say_others("analyse", analysis.table.dataset, tables)
        if pictures:
            _draw(analysis, pictures)


def _analyse(request: _Request, dataset: str) -> tuple[Analysis, list[tuple[Table, Wanted]]]:
    """Return a dataset's analysis, and its other tables with what each can be had by."""
    from benchkit.analysis.hits import analyse as run
    from benchkit.leaderboards.render import sorted_tables

    results = only(collected(request.out, dataset, here=True), request.names)
    every = tables_of(results, request.out, dataset)
    table = select(every, request.wanted)
    (ranked,) = sorted_tables([table])
    analysis = run(
        request.out,
        ranked,
        request.k,
        request.by,
        models=bool(request.names),
        report=lambda line: click.echo(line, err=True),
    )
    return analysis, others(every, table)


def _print(analyses: Sequence[Analysis], style: str) -> None:
    import json

    from benchkit.analysis import render as breakdown
    from benchkit.leaderboards.render import markdown

    sheets = [sheet for analysis in analyses for sheet in breakdown.sheets(analysis)]
    if style == "rich":
        print_sheets(sheets)
    elif style == "markdown":
        write("\n\n".join(map(markdown.render, sheets)))
    elif style == "csv":
        write(breakdown.csv(analyses).removesuffix("\n"))
    else:
        plain = [breakdown.plain(analysis) for analysis in analyses]
        write(json.dumps(plain[0] if len(plain) == 1 else plain, indent=1))


def _draw(analysis: Analysis, folder: Path) -> None:
    from benchkit.analysis.pictures import draw

    for path in draw(analysis, folder):
        click.echo(f"Drawn: {path}", err=True)
