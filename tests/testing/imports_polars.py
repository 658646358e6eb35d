"""A plugin module that makes every `benchkit list` wait."""

import polars  # noqa: F401

from tests.testing.right import Words


class Slow(Words):
    """Words, slowly."""
