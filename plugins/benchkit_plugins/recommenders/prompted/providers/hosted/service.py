"""A model at a service: its client's calls, what they cost, what errors mean."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from benchkit import BenchkitError, UnavailableError
from benchkit.contracts.config import Value
from benchkit.contracts.prompted import Conversation
from benchkit_plugins.language_models.calls import CallError, persistently
from benchkit_plugins.language_models.prices import Rates, rates
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
from benchkit_plugins.recommenders.prompted.providers.hosted.answers import Answer

Result = TypeVar("Result")


class Service(ABC):
    """Base of services; making one opens no connection.

    Args:
        config: the recommender's parameters.
        workspace: folder that holds kept completions.

    Attributes:
        name: as of its provider.
        default: model that is asked where the user names none.
        most_samples: most completions a request.
        prices: JSON file of models' prices, as `rates` takes them; None where only the user knows
            them (parameter `price`).
    """

    name: ClassVar[str]
    default: ClassVar[str]
    most_samples: ClassVar[int]
    prices: ClassVar[Path | None] = None

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        self.config, self.workspace = config, workspace
        self.most = self.most_samples  # is lowered where a server takes fewer

    @abstractmethod
    def why_unavailable(self) -> str | None:
        """Return why it cannot be asked from here, or None; quick."""

    @abstractmethod
    def identity(self) -> dict[str, Value]:
        """Return the identity of the base model, as `Provider.identity`."""

    @abstractmethod
    def complete(
        self, model: str | None, prompt: Conversation, sampling: Sampling, count: int, seed: int
    ) -> Answer:
        """Return at most `count` completions, or why the request is refused.

        Called from several threads.
        """

    @abstractmethod
    def call_error(self, error: Exception) -> CallError:
        """Translate an error of the service's client."""

    @property
    def model(self) -> str:
        """The base model's name."""
        return self.config.model or self.default

    def rates(self, tuned: bool) -> Rates:
        """Return the prices of the model."""
        prices: dict[str, Any] = {}
        if self.prices is not None:
            prices = json.loads(self.prices.read_text(encoding="utf-8"))["models"]
        return rates(prices, self.model, tuned, self.config.price)

    def require(self) -> None:
        """Refuse to go on where something is missing.

        Raises:
            UnavailableError: it is.
        """
        if problem := self.why_unavailable():
            raise UnavailableError(f"{self.name} cannot be asked: {problem}")

    def call(
        self,
        function: Callable[[], Result],
        allow: Callable[[], None] = lambda: None,
        stop: threading.Event | None = None,
    ) -> Result:
        """Return the result of a call of the client, retried where that may help."""

        def attempt() -> Result:
            try:
                return function()
            except (BenchkitError, CallError):
                raise
            except Exception as error:
                raise self.call_error(error) from None

        return persistently(attempt, allow, self.config.retries, stop or threading.Event())

    def gone(self, model: str) -> CallError:
        """Return the error for a fine-tuned model that the service has deleted."""
        return CallError(
            f"{self.name} no longer has the fine-tuned model {model}; another --seed trains one"
        )
