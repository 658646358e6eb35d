"""Pages from templates: text stays text, and nothing runs or loads but what stands in the page."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from benchkit.contracts.errors import UnavailableError, extra_missing
from benchkit.toolkit.texts import visible

if TYPE_CHECKING:
    from jinja2 import Environment

_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def render(template: str, bundle: str = "", data: Any = None, **values: Any) -> str:
    """Return a page, as HTML.

    Args:
        template: its name.
        bundle: script that stands before the page's own, "" for neither.
        data: what the page's script reads, plain.
        values: what the template shows.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
    """
    style = _resource("page.css")
    scripts = [_closed(bundle), _resource("page.js")] if bundle else []
    policy = _POLICY.format(scripts=" ".join(map(_hash, scripts)) or "'none'", styles=_hash(style))
    return (
        environment()
        .get_template(template)
        .render(policy=policy, style=style, scripts=scripts, data=embedded(data), **values)
    )


@cache
def environment() -> Environment:
    """Return where templates are read: all that they print is escaped.

    Raises:
        UnavailableError: the extra ``report`` is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise UnavailableError(extra_missing("report")) from error
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def embedded(data: Any) -> str:
    """Return JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _closed(script: str) -> str:
    """Return a script in whose strings nothing ends or comments out its element."""
    plain = script.replace("\r", "").replace("<!--", "<\\!--")
    return re.sub(r"</(?=script)", r"<\\/", plain, flags=re.IGNORECASE)


@cache
def _resource(name: str) -> str:
    return files("benchkit.report").joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
