"""What models cost: data with a date, which a parameter overrides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchkit import UnavailableError


@dataclass(frozen=True)
class Price:
    """What a model costs.

    Attributes:
        dollars: US dollars per million.
        unit: million of what, ``tokens`` or ``characters``.
        as_of: date of the price; "" where the user gave it.
    """

    dollars: float
    unit: str
    as_of: str = ""

    def of(self, tokens: int, characters: int) -> float:
        """Return the US dollars for so many tokens and characters."""
        return self.dollars * (characters if self.unit == "characters" else tokens) / 1e6


def price(service: str, model: str, given: float | None) -> Price:
    """Return a model's price, the user's where one is given.

    Raises:
        UnavailableError: nobody knows it.
    """
    if given is not None:
        return Price(given, "tokens")
    data = _prices()
    if model not in data[service]:
        raise UnavailableError(
            f"the price of {model!r} is not known, only of {', '.join(sorted(data[service]))}; "
            f"give it by --set {service}.price_per_million_tokens=DOLLARS, 0 where it costs nothing"
        )
    entry = data[service][model]
    return Price(entry["dollars"], entry["per_million"], data["as_of"])


@lru_cache(maxsize=1)
def _prices() -> dict[str, Any]:
    text = Path(__file__).with_name("prices.json").read_text(encoding="utf-8")
    prices: dict[str, Any] = json.loads(text)
    return prices
