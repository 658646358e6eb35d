"""The columns of a table: which there are, what they show, how they sort."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchkit.components.registry import registry
from benchkit.contracts.errors import ConfigError, unknown_name
from benchkit.contracts.metric import Metric
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.rows import Row
from benchkit.leaderboards.tables import Table
from benchkit.toolkit.texts import visible

Value = float | str | None
INTERVALS = "ci"
_COUNTED = ("done", "pruned", "failed")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: ``ndcg@20``, or a name such as ``fit-seconds``.
        heading: as printed; each word may stand on a line of its own.
        group: columns of a group stand under one heading, ``Top@20``; "" for none.
        value: what a row has there, at full precision; None where it has nothing.
        show: how a number is printed.
        better: 1 where more is better, -1 where less is, 0 where neither.
        order: place among the columns of its group.
        extra: whether it shows only when asked for.
        spread: standard deviation of what a row has there; None where there is none.
    """

    key: str
    heading: str
    group: str
    value: Callable[[Row], Value]
    show: Callable[[float], str]
    better: int = 0
    order: tuple[int, str] = (0, "")
    extra: bool = False
    spread: Callable[[Row], float | None] = lambda _row: None

    @property
    def is_metric(self) -> bool:
        """Whether it holds a metric, which can have a spread and fail."""
        return "@" in self.key

    @property
    def name(self) -> str:
        """How a sentence names it: NDCG@20."""
        return f"{self.heading}@{_cutoff(self)[1]}" if self.is_metric else self.heading


def fact(
    key: str,
    heading: str,
    of: Callable[[Record], Value],
    over: Callable[[Sequence[Value]], Value],
    decimals: int = 0,
    better: int = -1,
) -> Column:
    """Return the column of a fact about records, shown only when asked for.

    Args:
        key: its name.
        heading: as printed.
        of: what a record says.
        over: what a row says of several records, from what they say, the newest last.
        decimals: of a number.
        better: 1 where more is better, -1 where less is, 0 where neither.
    """

    def value(row: Row) -> Value:
        return over([of(run) for run in sorted(row.runs, key=lambda run: run.created)])

    return Column(key, heading, "", value, f"{{:.{decimals}f}}".format, better, extra=True)


def _mean(values: Sequence[Value]) -> Value:
    """Return the mean of numbers; the first value that is none, if any, stands for all."""
    numbers = [value for value in values if isinstance(value, (int, float))]
    others = (value for value in values if not isinstance(value, (int, float)))
    return fmean(numbers) if len(numbers) == len(values) else next(others)


def _largest(values: Sequence[Value]) -> Value:
    """Return the largest number; "" without any."""
    return max((value for value in values if isinstance(value, (int, float))), default="")


def _newest(values: Sequence[Value]) -> Value:
    return values[-1]


def _distinct(values: Sequence[Value]) -> Value:
    return ", ".join(sorted({str(v) for v in values}, key=lambda v: (len(v), v)))


def _cost(run: Record) -> Value:
    """Return US dollars; a word where the cost of what the result rests on is not known."""
    return "unknown" if run.api.get("unknown") else run.api.get("cost", 0.0)


def _version(run: Record) -> Value:
    return f"{run.identity.recommender['distribution']} {run.identity.recommender['version']}"


def _trials(run: Record) -> Value:
    """Return the search's trials: done/pruned/failed."""
    counts = run.search.get("trials", {})
    return "/".join(str(counts.get(kind, 0)) for kind in _COUNTED) if counts else ""


TRIALS = fact("trials", "Trials", _trials, _newest, 1, better=0)
FACTS = (
    fact("fit-seconds", "Fit s", lambda run: run.seconds["fit"], _mean, 1),
    fact("recommend-seconds", "Recommend s", lambda run: run.seconds["recommend"], _mean, 1),
    fact("search-seconds", "Search s", lambda run: run.search.get("seconds", ""), _newest, 1),
    TRIALS,
    fact("memory", "Memory MiB", lambda run: run.peak_memory / 2**20, _largest),
    fact("cost", "Cost US$", _cost, _mean, 2),
    fact("version", "Version", _version, _newest),
    fact("ties", "Ties", lambda run: str(run.identity.ties), _distinct),
    fact("seeds", "Seeds", lambda run: str(run.identity.seed), _distinct),
)


def short(value: float) -> str:
    """Return four decimals, without the zero before the point: the field prints ``.0365``."""
    text = f"{value:.4f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def long(value: float) -> str:
    """Return three decimals, for metrics that are not bounded by one."""
    return f"{value:.3f}"


def available(table: Table, published: Iterable[str] = ()) -> list[Column]:
    """Return every column that a table can show: metrics by cutoff, then the facts of the runs.

    Args:
        table: the table.
        published: metrics of published figures to show with it.
    """
    keys = {key for row in table.rows for key in (*row.metrics, *row.failed_metrics)}
    return [*metrics(keys.union(published)), *FACTS, *diagnostics(table)]


def metrics(keys: Iterable[str]) -> list[Column]:
    """Return the columns of metrics, by cutoff."""
    kinds = registry().metrics()
    columns = [_metric(key, kinds.get(key.rpartition("@")[0])) for key in keys if "@" in key]
    return sorted(columns, key=lambda column: (_cutoff(column), column.order))


def diagnostics(table: Table, published: Iterable[str] = ()) -> list[Column]:
    """Return the columns of what prompted models' answers were like (paper Table 7).

    Args:
        table: the table.
        published: metrics and diagnostics of published figures to show with it.
    """
    return diagnostics_named(
        [*(name for row in table.rows for name in row.diagnostics), *published]
    )


def diagnostics_named(keys: Iterable[str]) -> list[Column]:
    """Return the columns of metrics, then those of diagnostics in the order given."""
    names = dict.fromkeys(keys)
    return [*metrics(names), *(_diagnostic(name) for name in names if "@" not in name)]


def _diagnostic(name: str) -> Column:
    def show(number: float) -> str:
        return f"{number:,.0f}" if number >= 10 else long(number)

    return Column(
        key=name,
        heading=visible(name.capitalize().replace("_", " ")),
        group="",
        value=lambda row: row.diagnostics.get(name, ""),
        show=show,
        extra=True,
    )


def _metric(key: str, kind: type[Metric] | None) -> Column:
    name, _, cutoff = key.rpartition("@")
    # A stranger's metric may lack what the contract asks for; its figures are shown all the same.
    better = getattr(kind, "higher_is_better", None)
    bounds = getattr(kind, "bounds", (0.0, 1.0))
    place = kind.column if kind else 100
    return Column(
        key=key,
        heading=_heading(name),
        group=f"Top@{visible(cutoff)}",
        value=lambda row: row.metrics.get(key),
        show=short if bounds[1] <= 1 else long,
        better=0 if better is None else 1 if better else -1,
        order=(place, name),
        extra=bool(kind and kind.ours),
        spread=lambda row: row.spread.get(key),
    )


def heading_of(key: str) -> str:
    """Return how a sentence names a metric with its cutoff: NDCG@20."""
    name, at, cutoff = key.rpartition("@")
    return f"{_heading(name)}{at}{cutoff}"


def _heading(name: str) -> str:
    """Return a metric's name as a heading: NDCG, HR, MAP, but Gini and Average popularity."""
    abbreviated = len(name) <= 3 or not set(name) & set("aeiouy")
    return visible(name.upper() if abbreviated else name.capitalize().replace("-", " "))


def _cutoff(column: Column) -> tuple[int, str]:
    text = column.key.rpartition("@")[2]
    return (int(text) if text.isdecimal() else 0, text)


def pick(columns: Sequence[Column], wanted: str | None) -> list[Column]:
    """Return the columns that ``--columns`` asks for, by default the metrics of the paper.

    Args:
        columns: all there are.
        wanted: names separated by commas; a metric without a cutoff stands for all its cutoffs,
            ``seconds`` for both times; a leading ``+`` adds to the default. ``ci`` is no column,
            but says that intervals stand beside metrics.

    Raises:
        ConfigError: there is no such column.
    """
    usual = [column for column in columns if not column.extra]
    if wanted is None:
        return usual
    names = _names(wanted)
    chosen = [
        column
        for name in names
        if name != INTERVALS
        for column in named(columns, name, also=[INTERVALS])
    ]
    start = usual if wanted.startswith("+") or not chosen else []
    return _grouped(dict.fromkeys((*start, *chosen)))


def shows_intervals(wanted: str | None) -> bool:
    """Return whether ``--columns`` asks for intervals."""
    return INTERVALS in _names(wanted or "")


def _names(wanted: str) -> list[str]:
    return [name.strip() for name in wanted.lstrip("+").split(",") if name.strip()]


def _grouped(columns: Iterable[Column]) -> list[Column]:
    """Return columns with those of one group together, groups by first appearance."""
    ungrouped = list(columns)
    groups = list(dict.fromkeys(column.group for column in ungrouped))
    return sorted(ungrouped, key=lambda column: (column.group == "", groups.index(column.group)))


def named(
    columns: Sequence[Column], name: str, what: str = "column", also: Sequence[str] = ()
) -> list[Column]:
    """Return the columns that a name stands for.

    Args:
        columns: all there are.
        name: key, or what stands for several.
        what: what the message calls them.
        also: other names that the message offers.

    Raises:
        ConfigError: it stands for none; the message has the nearest names.
    """
    if chosen := [column for column in columns if name in (column.key, base(column))]:
        return chosen
    names = dict.fromkeys(base(column) for column in columns)
    if "@" in name:
        names |= dict.fromkeys(column.key for column in columns)
    raise ConfigError(unknown_name(what, name, [*names, *also]))


def base(column: Column) -> str:
    """Return what stands for a column without its cutoff, and for both times."""
    if column.is_metric:
        return column.key.rpartition("@")[0]
    return "seconds" if column.key in ("fit-seconds", "recommend-seconds") else column.key


def default_sort(columns: Sequence[Column], rows: Sequence[Row]) -> Column | None:
    """Return the first usual metric that a row has, at its largest cutoff; None without any."""
    usual = [column for column in columns if column.is_metric and not column.extra]
    metrics = [column for column in usual if any(column.value(row) is not None for row in rows)]
    first = min(metrics, key=lambda column: column.order, default=None)
    return next((c for c in reversed(metrics) if first and c.order == first.order), None)


def sort_rows(rows: Sequence[Row], column: Column | None) -> list[Row]:
    """Return rows best first; rows without a value last, equal ones by label.

    Where neither direction is better the largest value comes first; words go by the alphabet.
    """
    if column is None:
        return sorted(rows, key=lambda row: row.label)
    sign = -1 if column.better >= 0 else 1

    def place(row: Row) -> tuple[bool, float, str, str]:
        value = column.value(row)
        words = value if isinstance(value, str) else ""
        number = sign * value if isinstance(value, (int, float)) else 0.0
        return value is None, number, words, row.label

    return sorted(rows, key=place)
