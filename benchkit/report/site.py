"""The site: a page for each dataset, and one that leads to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchkit import DISTRIBUTION
from benchkit.analysis.rates import Analysis
from benchkit.contracts.errors import BenchkitError
from benchkit.leaderboards import ranks
from benchkit.leaderboards.files import collect, ranks_file, tables_of
from benchkit.leaderboards.render.captions import headings
from benchkit.leaderboards.rows import Row
from benchkit.report import evidence, pictures
from benchkit.report.origins import Origin, Repeat, origin
from benchkit.report.page import environment, render
from benchkit.report.searches import Searched, searches
from benchkit.report.tables import Shown, show
from benchkit.toolkit.files import write_atomically


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes:
        index: the page that leads to all others.
        pages: one a dataset.
        warnings: sentences about what could not be read or shown.
    """

    index: Path
    pages: Sequence[Path]
    warnings: Sequence[str]


def write_site(
    out: Path, datasets: Sequence[str], folder: Path, repeat: Callable[[Row], Repeat]
) -> Site:
    """Write the pages of some datasets, and return what was written.

    Args:
        out: folder of the leaderboards.
        datasets: names of those to show.
        folder: where to; other files in it stay.
        repeat: says how to run a row again.

    Raises:
        BenchkitError: no dataset has a result that can be used.
        UnavailableError: the extra ``report`` is not installed.
        StorageError: a page cannot be written.
    """
    environment()  # a missing extra is said before the work
    bundle = pictures.bundle()
    about = {"version": f"benchkit {version(DISTRIBUTION)}"}
    entries: list[dict[str, Any]] = []
    problems: dict[str, BenchkitError] = {}
    warnings: list[str] = []
    files = dict(zip(datasets, file_names(datasets), strict=True))
    for dataset in datasets:
        try:
            values, data, problems_here = dataset_page(out, dataset, repeat)
        except BenchkitError as error:
            problems[dataset] = error
            continue
        warnings += problems_here
        write_atomically(
            folder / files[dataset], render("dataset.html", bundle, data, **about, **values)
        )
        entries.append({"file": files[dataset], **values})
    if not entries:
        raise next(iter(problems.values()))
    left_out = [f"left out: {dataset}: {error}" for dataset, error in problems.items()]
    index = folder / "index.html"
    write_atomically(index, render("index.html", **about, entries=entries, left_out=left_out))
    return Site(index, [folder / entry["file"] for entry in entries], [*warnings, *left_out])


def file_names(datasets: Sequence[str]) -> list[str]:
    """Return a file for each dataset's page: safe in any file system, no two alike."""
    names: list[str] = []
    for dataset in datasets:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", dataset)
        taken = {"index", *(name.lower() for name in names)}
        place = 1
        name = plain
        while name.lower() in taken:
            place += 1
            name = f"{plain}-{place}"
        names.append(name)
    return [f"{name}.html" for name in names]


def dataset_page(
    out: Path, dataset: str, repeat: Callable[[Row], Repeat]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return what a dataset's page shows, what its script reads, and what could not be read.

    Args:
        out: folder of the leaderboards.
        dataset: its name.
        repeat: says how to run a row again.

    Raises:
        BenchkitError: there is no result that can be used.
    """
    results = collect(out, dataset)
    kept, problem = ranks.read_or_say(ranks_file(out, dataset))
    tables = tables_of(results, out, dataset, results.warnings)
    profiles = evidence.profiles(tables)
    parts = [
        _part(out, show(table, heading, kept), repeat)
        for table, heading in zip(tables, headings(tables), strict=True)
    ]
    values = {"dataset": dataset, "parts": parts, "profiles": profiles}
    data = {
        "tables": [part.plain for part in parts],
        "front": {scale: pictures.front(scale) for scale in ("linear", "log")},
        "profiles": [
            pictures.portraits({dataset: profile.shapes}) if profile.shapes else []
            for profile in profiles
        ],
    }
    return values, data, [*results.warnings, *filter(None, [problem])]


@dataclass(frozen=True)
class Part:
    """One table of a page with all that belongs to it.

    Attributes:
        shown: the table.
        analysis: its rows' hit rates by groups of prompts; None without.
        lacking: why there are none, or which rows lack; "" for nothing.
        split: what the split did.
        searches: what searches tried.
        origins: where each row comes from.
        plain: what the script reads.
    """

    shown: Shown
    analysis: Analysis | None
    lacking: str
    split: evidence.Facts
    searches: Sequence[Searched]
    origins: Sequence[Origin]
    plain: dict[str, Any]

    breakdown_title = staticmethod(evidence.title)
    breakdown_meaning = staticmethod(evidence.meaning)


def _part(out: Path, shown: Shown, repeat: Callable[[Row], Repeat]) -> Part:
    analysis, lacking = evidence.hit_rates(out, shown.table)
    searched = searches(out, shown.table.dataset, shown.rows)
    breakdowns = analysis.breakdowns if analysis else ()
    plain = {
        **shown.plain(),
        "breakdowns": [
            {**evidence.plain_breakdown(one), "picture": pictures.breakdown(analysis, one)}
            for one in breakdowns
            if analysis
        ],
        "searches": [pictures.search(s.review) if s.review else None for s in searched],
    }
    origins = [origin(row, repeat) for row in shown.rows]
    split = evidence.split_card(shown.table)
    return Part(shown, analysis, lacking, split, searched, origins, plain)
