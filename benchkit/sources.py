"""Which files a stranger's component consists of: whoever edits one has another component."""

from __future__ import annotations

import ast
import contextlib
import inspect
import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from benchkit.contracts.component import Component


def files_beside(component: type[Component]) -> list[Path]:
    """Return the files of a component beside that of its class, in order.

    They are its whole package's, or those in the folder of a lone module that it imports, bases
    and helpers, and that these import.

    Raises:
        OSError: one cannot be read.
        TypeError: the class has no file.
    """
    source = Path(inspect.getfile(component))
    names = accumulate(component.__module__.split("."), "{}.{}".format)
    top = next(filter(None, map(_file_of, names)))  # a namespace has no file
    if top.name == "__init__.py":
        found = set(top.parent.rglob("*.py"))
    else:
        found, waiting = {source}, [source]
        while waiting:
            new = set(_imported(waiting.pop())) - found
            found |= new
            waiting += new
    return sorted(found - {source})


def _file_of(module: str) -> Path | None:
    path = getattr(sys.modules.get(module), "__file__", None)
    return None if path is None else Path(path)


def _imported(source: Path) -> Iterator[Path]:
    """Yield the modules in a module's folder that it imports, wherever in it."""
    names: set[str] = set()
    with contextlib.suppress(SyntaxError, ValueError):  # edited since it was imported
        for node in ast.walk(ast.parse(source.read_bytes())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    for name in names:
        path = source.parent / f"{name}.py"
        if path.is_file():
            yield path
