r"""Tables for papers: booktabs, one heading over each group, best bold and second underlined."""

from __future__ import annotations

from collections.abc import Sequence

from benchkit.leaderboards.render.sheet import Cell, Line, Sheet
from benchkit.toolkit.texts import visible

_SPECIALS = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "'": r"\textquotesingle{}",
        "`": r"\textasciigrave{}",
        "[": "{[}",  # after a line break it would begin an argument, as would the star
        "]": "{]}",
        "*": "{*}",
        "-": "{-}",  # no ligatures: two hyphens would become a dash
        "±": r"$\pm$",
        "—": "---",
        "–": "--",
        "†": r"\textdagger{}",
    }
)


def render(sheet: Sheet) -> str:
    """Return a ``table`` environment; it needs the packages booktabs and textcomp."""
    lines = [r"% \usepackage{booktabs,textcomp}", r"\begin{table*}", r"\centering", r"\small"]
    lines.append(rf"\caption{{{_caption(sheet)}}}")
    if sheet.lines:
        lines += _tabular(sheet)
    lines += [rf"\par\footnotesize {_note(n)} {escape(t)}" for n, t in enumerate(sheet.notes, 1)]
    lines += [rf"\par\footnotesize Not in the table: {escape(text)}" for text in sheet.failures]
    return "\n".join([*lines, r"\end{table*}"])


def escape(text: object) -> str:
    """Return text that LaTeX prints as it is; characters beyond ASCII stay UTF-8."""
    return visible(text).translate(_SPECIALS)


def _caption(sheet: Sheet) -> str:
    alarm = rf"\textbf{{{escape(sheet.alarm)}}} " if sheet.alarm else ""
    words = [f"{sheet.title}.", sheet.legend("bold", "†", "underlined"), *sheet.caption]
    return alarm + escape(" ".join(filter(None, words)))


def _tabular(sheet: Sheet) -> list[str]:
    order = [place for _, places in sheet.groups() for place in places]
    headings = [escape(sheet.columns[place].heading) for place in order]
    return [
        rf"\begin{{tabular}}{{l{'r' * len(order)}}}",
        r"\toprule",
        *_groups(sheet),
        " & ".join(["Recommender", *headings]) + r" \\",
        r"\midrule",
        *(_line(line, order) for line in sheet.lines),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _groups(sheet: Sheet) -> list[str]:
    """Return the line of group headings and the rules below them."""
    heads, rules, start = [""], "", 2
    for name, places in sheet.groups():
        stop = start + len(places) - 1
        heads.append(rf"\multicolumn{{{len(places)}}}{{c}}{{{escape(name)}}}")
        rules += rf"\cmidrule(lr){{{start}-{stop}}}" if name else ""
        start = stop + 1
    return [" & ".join(heads) + r" \\", rules] if rules else []


def _line(line: Line, order: Sequence[int]) -> str:
    indent = r"\quad " if line.beneath else ""
    label = f"{indent}{escape(line.label)}{_note(line.note)}"
    return " & ".join([label, *(_cell(line.cells[place]) for place in order)]) + r" \\"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.mark == "tied":
        text = rf"{text}\textdagger{{}}"
    elif cell.mark:
        text = rf"\textbf{{{text}}}" if cell.mark == "best" else rf"\underline{{{text}}}"
    spread = f" {escape(cell.spread)}" if cell.spread else ""
    return f"{text}{_note(cell.note)}{spread}"


def _note(number: int) -> str:
    return f"$^{{{number}}}$" if number else ""
