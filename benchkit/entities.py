"""HTML entities in titles and other texts of strangers."""

from __future__ import annotations

import html


def unescaped(text: str) -> str:
    """Decode entities (``&amp;``); a text with a number longer than Python reads stays as it is."""
    try:
        return html.unescape(text)
    except ValueError:
        return text
