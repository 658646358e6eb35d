"""Prices of models: data with a date, which a parameter overrides."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchkit.contracts.errors import ConfigError, UnavailableError


@dataclass(frozen=True)
class Price:
    """The price of a model.

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


def price(service: str, model: str, dollars: float | None) -> Price:
    """Return a model's price, the user's where one is given.

    Raises:
        UnavailableError: it is not known.
    """
    if dollars is not None:
        return Price(dollars, "tokens")
    data = _prices()
    if model not in data[service]:
        raise UnavailableError(
            f"the price of {model!r} is not known, only of {', '.join(sorted(data[service]))}; "
            f"give it by --set {service}.price_per_million_tokens=DOLLARS, 0 where it costs nothing"
        )
    entry = data[service][model]
    return Price(entry["dollars"], entry["per_million"], data["as_of"])


@dataclass(frozen=True)
class Rates:
    """Prices of a model that writes completions, in US dollars per million tokens.

    Attributes:
        input: tokens read.
        output: tokens written.
        training: tokens trained on; None where they are not known.
        batch: share of the price that a batch API takes.
    """

    input: float
    output: float
    training: float | None = None
    batch: float = 1.0

    def of(self, read: int, written: int, batch: bool = False) -> float:
        """Return the US dollars of so many tokens read and written."""
        dollars = (self.input * read + self.output * written) / 1e6
        return dollars * self.batch if batch else dollars

    def of_training(self, tokens: int) -> float:
        """Return the US dollars of training on so many tokens.

        Raises:
            UnavailableError: they are not known.
        """
        if self.training is None:
            raise UnavailableError(f"what training the model costs is not known; {_GIVE}")
        return self.training * tokens / 1e6


_GIVE = (
    "give it in US dollars per million tokens by --set RECOMMENDER.price=INPUT/OUTPUT/TRAINING, "
    "0/0/0 where it costs nothing"
)


def rates(prices: Mapping[str, Any], model: str, tuned: bool, own_price: str | None) -> Rates:
    """Return the prices of a model's completions, the user's where they are set.

    Args:
        prices: of a service's models, by name: fields of `Rates`, and under ``tuned`` those that
            differ for a fine-tuned model.
        model: the base model's name.
        tuned: whether a fine-tuned model of it is asked.
        own_price: INPUT/OUTPUT/TRAINING of the user.

    Raises:
        ConfigError: the user's prices cannot be read.
        UnavailableError: they are not known.
    """
    if own_price is not None:
        return replace(parsed(own_price), batch=prices.get(model, {}).get("batch", 1.0))
    if model not in prices:
        listed = f", only of {', '.join(sorted(prices))}" if prices else ""
        raise UnavailableError(f"the price of {model!r} is not known{listed}; {_GIVE}")
    entry = dict(prices[model])
    own = entry.pop("tuned", {})
    return Rates(**(entry | own if tuned else entry))


def parsed(text: str) -> Rates:
    """Return the prices that a user gives as INPUT/OUTPUT/TRAINING.

    Raises:
        ConfigError: they are not three numbers.
    """
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or not all(0 <= number < math.inf for number in numbers):
        raise ConfigError(
            f"price takes INPUT/OUTPUT/TRAINING in US dollars per million tokens, such as "
            f"0.4/1.6/5, not {text!r}"
        )
    return Rates(*numbers)


@lru_cache(maxsize=1)
def _prices() -> dict[str, Any]:
    text = Path(__file__).with_name("prices.json").read_text(encoding="utf-8")
    prices: dict[str, Any] = json.loads(text)
    return prices
