"""`benchkit show`: everything about one component."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import click

from benchkit.cli.list import warn
from benchkit.cli.options import format_option
from benchkit.components.describe import Facts, details
from benchkit.components.registry import registry
from benchkit.contracts.component import KINDS
from benchkit.contracts.config import show_value
from benchkit.contracts.dataset import Dataset

INDENT = "    "


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="Where several kinds share the name.")
@format_option("text", "json")
def show(name: str, kind: str | None, style: str) -> None:
    """Explain component NAME: what it is and every parameter with its range and meaning."""
    plugins = registry()
    warn(plugins)
    components = [details(entry) for entry in plugins.find(name, kind)]
    if style == "json":
        click.echo(json.dumps(components, indent=2))
        return
    for number, component in enumerate(components):
        click.echo("\n" * bool(number), nl=False)
        for line in _lines(component):
            click.echo(line)
    for entry in plugins.find(name, kind):
        if issubclass(entry.component, Dataset):
            _print_published(entry.component)


def _print_published(dataset: type[Dataset]) -> None:
    from benchkit.cli.results import print_sheets
    from benchkit.leaderboards.render.beside import sheets

    if dataset.published.results:
        click.echo()
        print_sheets(sheets(dataset.name, dataset.published))


def _lines(component: Facts) -> Iterator[str]:
    yield click.style(f"{component['name']} ({component['kind']})", bold=True)
    yield from _wrapped(component["headline"])
    yield ""
    yield from _entry("source", component["source"] or "not stated")
    yield from _entry("from", f"{component['distribution']} {component['version']}")
    if component["unavailable"]:
        yield from _entry("cannot run", component["unavailable"])
    yield from _of_kind(component)
    yield ""
    yield click.style("Parameters" if component["parameters"] else "No parameters", bold=True)
    for parameter in component["parameters"]:
        yield from _parameter(parameter)
    if component["presets"]:
        yield ""
        yield click.style("Presets", bold=True)
        for dataset, values in component["presets"].items():
            yield from _entry(dataset, _assignments(values) or "the defaults")


def _of_kind(component: Facts) -> Iterator[str]:
    if component["kind"] == "metric":
        low, high = component["bounds"]
        better = {True: "higher is better", False: "lower is better", None: "neither end is better"}
        yield from _entry("formula", component["formula"])
        yield from _entry("direction", better[component["higher_is_better"]])
        yield from _entry("bounds", f"{_bound(low, '-')} to {_bound(high, '')}")
        if component["ours"]:
            yield from _entry("note", "an addition of benchkit's; the paper does not report it")
    if component["kind"] == "dataset":
        yield from _entry("raw files", ", ".join(component["files"]) or "none by a fixed name")
        if component["advice"]:
            yield from _entry("advice", component["advice"])


def _bound(value: float | None, sign: str) -> str:
    return f"{sign}infinity" if value is None else f"{value:g}"


def _parameter(parameter: Facts) -> Iterator[str]:
    yield from _entry(
        parameter["name"], f"{parameter['type']}, default {show_value(parameter['default'])}"
    )
    unit = f" [{parameter['unit']}]" if parameter["unit"] else ""
    yield from _wrapped(f"{parameter['meaning']}{unit}", INDENT * 2)
    for words in _limits(parameter):
        yield from _wrapped(words, INDENT * 2)


def _limits(parameter: Facts) -> Iterator[str]:
    if parameter["search"]:
        yield f"searched: {parameter['search']['text']}"
    bounds = [
        f"{words} {parameter[key]:g}"
        for key, words in (("at_least", "at least"), ("at_most", "at most"))
        if parameter[key] is not None
    ]
    if bounds:
        yield f"permitted: {', '.join(bounds)}"
    if parameter["when"]:
        yield f"matters only with {_assignments(parameter['when'])}"


def _assignments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_either(value)}" for name, value in values.items())


def _either(value: Any) -> str:
    options = value if isinstance(value, list) else [value]
    return " or ".join(show_value(option) for option in options)


def _entry(label: str, text: str) -> Iterator[str]:
    """Yield lines of `text` behind a label; continued lines are indented deeper."""
    yield from _wrapped(f"{label}: {text}", "  ", INDENT * 2)


def _wrapped(text: str, indent: str = "", later: str | None = None) -> Iterator[str]:
    width = min(100, shutil.get_terminal_size((80, 24)).columns)
    yield from textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent if later is None else later
    )
