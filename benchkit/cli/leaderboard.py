"""`benchkit leaderboard`: show what runs have found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchkit.cli.merging import check, merge
from benchkit.cli.options import out_option
from benchkit.cli.results import (
    of_each,
    print_sheets,
    results_of,
    say_others,
    wanted_options,
    write,
)
from benchkit.contracts.errors import ConfigError
from benchkit.leaderboards.render.columns import FACTS, base
from benchkit.toolkit.texts import visible

if TYPE_CHECKING:
    from benchkit.api.results import Leaderboard

# A dataset of such a name is shown by `benchkit leaderboard -- NAME`.
SUBCOMMANDS = {"merge": merge, "check": check}
FORMATS = ("rich", "markdown", "csv", "latex", "json")  # printed
HTML = "html"  # a site


class _WithSubcommands(click.Command):
    """A command whose first argument may be a command."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args and args[0] in SUBCOMMANDS:
            name, *rest = args
            return SUBCOMMANDS[name].make_context(f"{info_name} {name}", rest, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_WithSubcommands)
@click.argument("dataset", required=False)
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Best first by this column, such as hr@10; otherwise by ndcg@20, or the first metric at "
    "the largest cutoff.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice((*FORMATS, HTML)),
    default="rich",
    show_default=True,
    help="html writes a site with every table and column (extra report).",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the site that --format html writes.",
)
@click.option(
    "--columns",
    metavar="[+]COLUMN[,...]",
    help=f"Metrics with or without @k, {', '.join(dict.fromkeys(map(base, FACTS)))}, ci for 95 % "
    "intervals; a leading + adds to the usual ones. Trials are done/pruned/failed. JSON always has "
    "everything.",
)
@click.option(
    "--paper",
    is_flag=True,
    help="Set the published figures beside ours, with --columns +trials those of searches too.",
)
@click.option(
    "--diagnostics",
    is_flag=True,
    help="What the answers of prompted models were like, instead of the metrics (paper Table 7).",
)
@wanted_options
@out_option
def leaderboard(
    dataset: str | None,
    style: str,
    folder: Path | None,
    out: Path,
    **options: Any,
) -> None:
    """Show the leaderboard of DATASET, or of every dataset that has results.

    Rows of different data, protocol or ties never share a table; the newest is shown, and how
    to see the others is said on standard error.

    \b
    benchkit leaderboard
    benchkit leaderboard beauty --paper
    benchkit leaderboard beauty --columns +seconds,memory --sort seconds
    benchkit leaderboard --format html --to site
    benchkit leaderboard merge FILE|DIR ...     join what other machines have run
    benchkit leaderboard check FILE|DIR ...     verify it
    benchkit leaderboard -- merge               show a dataset called merge
    """
    if style == HTML:
        _write_site(results_of(out, dataset, here=False), out, folder, options)
        return
    if folder is not None:
        raise ConfigError("--to takes the folder of a site: it goes with --format html")
    from benchkit.api.results import leaderboard as table_of

    def show(name: str) -> Leaderboard:
        shown = table_of(name, out=out, **options)
        for warning in shown.warnings:
            click.echo(f"Warning: {visible(warning)}", err=True)
        return shown

    print_leaderboards(of_each(results_of(out, dataset, here=False), show), style)


def _write_site(
    datasets: Sequence[str], out: Path, folder: Path | None, options: Mapping[str, Any]
) -> None:
    from benchkit.api.site import write_site

    if folder is None:
        raise ConfigError("--format html writes files: name their folder by --to DIR")
    if refused := [f"--{name}" for name, value in options.items() if value]:
        raise ConfigError(f"a site shows every table and column; leave out {', '.join(refused)}")
    site = write_site(folder, datasets, out=out)
    for warning in site.warnings:
        click.echo(f"Warning: {visible(warning)}", err=True)
    click.echo(f"Written: {site.index}, and {len(site.pages)} of datasets")


def print_leaderboards(shown: Sequence[Leaderboard], style: str = "rich") -> None:
    """Print tables, then on standard error how to see others."""
    from benchkit.api.results import to_csv, to_json

    if style == "rich":
        print_sheets(table.sheet() for table in shown)
    elif style == "json":
        write(to_json(shown))
    elif style == "csv":
        write(to_csv(shown).removesuffix("\n"))
    else:
        texts = (t.to_markdown() if style == "markdown" else t.to_latex() for t in shown)
        write("\n\n".join(texts))
    for table in shown:
        say_others("leaderboard", table.table.dataset, table.others)
