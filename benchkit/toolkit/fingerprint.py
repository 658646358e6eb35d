"""What a component's code says: changed, it is another component.

Comments, docstrings and blank lines say nothing to a machine.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from itertools import accumulate
from pathlib import Path

_SILENT = {tokenize.ENCODING, tokenize.COMMENT, tokenize.NL}
_BLOCKS = {tokenize.INDENT: "{", tokenize.DEDENT: "}"}  # however wide
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(component: type, *, whole: bool) -> str:
    """Return a digest of a component's code, 16 hex digits; "" where it has no files.

    It is the file of the class, then, of a lone module, those in its folder that it imports and
    that these import; of a package, likewise those within it, or all of them.

    Args:
        component: the class.
        whole: whether all files of a package count, whoever imports them.
    """
    try:
        source = Path(inspect.getfile(component))
        digest = hashlib.sha256(_file(source).tokens)
        for path in sorted(_files(component, source, whole=whole) - {source}):
            digest.update(b"\0" + _file(path).tokens)
    except (OSError, TypeError):  # frozen, or defined at a prompt
        return ""
    return digest.hexdigest()[:16]


def _files(component: type, source: Path, *, whole: bool) -> set[Path]:
    names = accumulate(component.__module__.split("."), "{}.{}".format)
    name, top = next((name, path) for name in names if (path := _path_of(name)))
    package = top.name == "__init__.py"  # a namespace has no file
    if package and whole:
        return set(top.parent.rglob("*.py"))
    folder = top.parent.parent if package else top.parent
    files, waiting = {source}, [source]
    while waiting:
        for imported in _file(waiting.pop()).imports:
            within = imported.partition(".")[0] == name if package else "." not in imported
            stem = folder.joinpath(*imported.split("."))
            places = [stem.with_suffix(".py"), *([stem / "__init__.py"] if package else [])]
            new = {path for path in places if within and path.is_file()} - files
            files |= new
            waiting += new
    return files


def _path_of(module: str) -> Path | None:
    path = getattr(sys.modules.get(module), "__file__", None)
    return None if path is None else Path(path)


class _File:
    """A module's file.

    Attributes:
        tokens: what it says to a machine.
        imports: names of all that may be modules and that it imports, wherever in it.
    """

    def __init__(self, content: bytes) -> None:
        self.tokens, self.imports = content, frozenset[str]()
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError):  # edited since it was imported
            return
        self.tokens = "".join(_tokens(content, set(_docstrings(tree)))).encode()
        self.imports = frozenset(_imports(tree))


def _file(path: Path) -> _File:
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _read(path: Path, _changed: int, _size: int) -> _File:
    return _File(path.read_bytes())


def _tokens(content: bytes, docstrings: set[int]) -> Iterator[str]:
    documents = False
    for token in tokenize.tokenize(BytesIO(content).readline):
        ends = documents and token.type == tokenize.NEWLINE
        documents = token.type == tokenize.STRING and token.start[0] in docstrings
        if not (token.type in _SILENT or documents or ends):
            yield _BLOCKS.get(token.type, token.string)


def _docstrings(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that docstrings begin in."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            yield node.body[0].lineno


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
