"""Text that is safe to show, and that fits."""

from __future__ import annotations


def visible(text: object) -> str:
    r"""Return text in one line where nothing acts: controls and the like appear as ``\x1b``.

    Names and reasons come from plugins and files. Escape sequences could rule a terminal,
    bidirectional controls could show one name as another.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in str(text)
    )


def fold(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` terminal cells, at spaces where there are any."""
    from rich.cells import cell_len

    lines = [""]
    for word in text.split(" "):
        candidate = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(candidate) <= width:
            lines[-1] = candidate
            continue
        first, *rest = _cut(word, width)
        lines[len(lines) if lines[-1] else -1 :] = [first]
        lines.extend(rest)
    return lines


def _cut(word: str, width: int) -> list[str]:
    """Cut a word into pieces of at most `width` cells, after a hyphen where there is one."""
    from rich.cells import cell_len

    pieces = []
    while cell_len(word) > width:
        end = next(n for n in range(len(word), 0, -1) if n == 1 or cell_len(word[:n]) <= width)
        hyphen = word.rfind("-", 0, end) + 1
        end = hyphen if hyphen > 1 else end
        pieces.append(word[:end])
        word = word[end:]
    return [*pieces, word]
