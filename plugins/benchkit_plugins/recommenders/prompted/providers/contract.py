"""The contract of a provider: train a model, report its status, sample completions.

A distribution brings one by an entry point in group ``benchkit_providers``: the name is what the
parameter `provider` takes, the value a class derived from `Provider`, loaded where it is chosen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar, Literal

from benchkit.contracts.config import Value
from benchkit.contracts.errors import PluginError, one_line
from benchkit.contracts.prompted import Conversation, Pairs, Work
from benchkit.toolkit.digests import digest_of
from benchkit.toolkit.isolation import interruptible, stdout_on_stderr
from benchkit_plugins.recommenders.prompted.config import PromptedConfig
from benchkit_plugins.recommenders.prompted.providers.registry import entry_point, origin

Prompts = Sequence[Conversation]
Allow = Callable[[float], None]  # called with dollars before they are spent; raises beyond the cap
Report = Callable[[str], None]  # receives a line of progress


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn.

    Attributes:
        samples: completions a prompt.
        temperature: 0 for the likeliest answer, which all samples then are.
        top_p: mass of the likeliest tokens that are sampled from, 1 for all.
        max_tokens: longest completion.
        seed: of the draws; a server may ignore it.
        most: titles after which a completion may end; None: where the model ends it.
    """

    samples: int
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    most: int | None = None


@dataclass(frozen=True)
class Completions:
    """One prompt's answers, as soon as they are there.

    Attributes:
        texts: the completions, as many as were asked for; "" for an answer without content.
        prompt_tokens: tokens read.
        completion_tokens: tokens written, in all completions.
        dollars: US dollars that they cost.
        reserved: dollars that `allow` was told for them; what they cost takes its place.
        seconds: wall time of the call, or a share of its batch's.
        earlier: those of the dollars that another process has paid, and has counted.
    """

    texts: tuple[str, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0
    reserved: float = 0.0
    seconds: float = 0.0
    earlier: float = field(default=0.0, compare=False)

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens


Answers = Iterator[tuple[int, Completions]]  # of prompts, by their index, in any order


@dataclass(frozen=True)
class FineTune:
    """A fine-tuning: what decides the model that comes out of it.

    Attributes:
        base: identity of the base model (`Provider.identity`).
        recipe: how it is trained (`Provider.recipe`).
        pairs: the examples.
        seed: of everything random.
    """

    base: Mapping[str, Value]
    recipe: Mapping[str, Value]
    pairs: Pairs
    seed: int

    @cached_property
    def key(self) -> str:
        """Digest of all of it, 16 hex digits: a job at a provider carries it."""
        return digest_of(asdict(self))


@dataclass(frozen=True)
class Trained:
    """A fine-tuned model.

    Attributes:
        model: what the provider calls it.
        tokens: tokens trained on, all epochs.
        dollars: US dollars that it cost.
        seconds: wall time.
        reserved: dollars that `allow` was told for it; what it cost takes its place.
        earlier: as of `Completions`.
    """

    model: str
    tokens: int = 0
    dollars: float = 0.0
    seconds: float = 0.0
    reserved: float = field(default=0.0, compare=False)  # of the caller, not of the model
    earlier: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Status:
    """How a fine-tuning stands.

    Attributes:
        state: ``none`` where the provider knows nothing of it.
        detail: one line, free of secrets: progress, or why it failed.
        trained: the model, once it has succeeded.
    """

    state: Literal["none", "running", "succeeded", "failed", "cancelled"]
    detail: str = ""
    trained: Trained | None = None


class Provider(ABC):
    """Base of every provider; making one opens no connection and loads no model.

    Args:
        config: the recommender's parameters.
        workspace: folder that keeps what was trained here.

    Attributes:
        name: value of the parameter `provider`.
        paid: whether it costs money.
        validation: sessions usually kept out of fine-tuning.
        ends_early: whether it ends completions after the titles that are looked at.
        runs_here: whether the model runs on this machine, on a GPU where there is one.
    """

    name: ClassVar[str]
    paid: ClassVar[bool]
    validation: ClassVar[int]
    ends_early: ClassVar[bool] = False
    runs_here: ClassVar[bool] = False

    def __init__(self, config: PromptedConfig, workspace: Path) -> None:
        self.config, self.workspace = config, workspace

    @abstractmethod
    def why_unavailable(self) -> str | None:
        """Return why it cannot be asked from here (an extra, a key), or None; quick."""

    def downloads(self) -> str | None:
        """Return the model that must be downloaded first, or None."""
        return None

    @abstractmethod
    def identity(self) -> dict[str, Value]:
        """Return all that decides the base model's answers, but for secrets and the machine.

        It is computable without a key: kept answers are found by it.
        """

    @abstractmethod
    def recipe(self) -> dict[str, Value]:
        """Return the parameters that decide the result of fine-tuning."""

    def exports(self, pairs: Pairs) -> Mapping[str, str]:  # noqa: ARG002
        """Return the files that its fine-tuning takes, by name; none where it takes none.

        Raises:
            DataError: it would refuse them; the message says which pair and why.
        """
        return {}

    @abstractmethod
    def training_work(self, pairs: Pairs) -> Work:
        """Return the estimated work of fine-tuning."""

    @abstractmethod
    def sampling_work(self, prompts: Prompts, sampling: Sampling) -> Work:
        """Return the estimated work of sampling."""

    @abstractmethod
    def status(self, fine_tune: FineTune) -> Status:
        """Return the status of a fine-tuning, whichever process began it.

        Raises:
            UnavailableError: the provider cannot be asked.
        """

    def has(self, fine_tune: FineTune) -> bool:  # noqa: ARG002
        """Return whether a trained model still exists; quick, nothing is sent."""
        return True

    @abstractmethod
    def train(self, fine_tune: FineTune, allow: Allow, report: Report) -> Trained:
        """Fine-tune to the end, going on with what an earlier call began.

        Args:
            fine_tune: what to train.
            allow: to be called with the estimated dollars before anything is begun that costs
                money; raises where the cap would be exceeded.
            report: told a line at a time how it goes.

        Raises:
            UnavailableError: it failed, or the provider cannot be asked.
        """

    @abstractmethod
    def sample(
        self, model: str | None, prompts: Prompts, sampling: Sampling, allow: Allow, report: Report
    ) -> Answers:
        """Yield (index of the prompt, its completions) in any order, as they arrive.

        A prompt that the provider refuses for its content, or that the model has not the room to
        read and answer, gets empty texts. A prompt's answers do not depend on the other prompts, as
        far as the provider's own arithmetic permits.

        Args:
            model: a fine-tuned model as `train` called it; None for the base model.
            prompts: distinct conversations.
            sampling: how to draw.
            allow: as in `train`, called before each request.
            report: as in `train`.

        Raises:
            UnavailableError: the provider cannot be asked, no longer has the model, or did not take
                some of the prompts; the others have been yielded.
            BenchkitError: the cap would be exceeded; what has arrived has been yielded.
        """


@cache
def provider_class(name: str) -> type[Provider]:
    """Return the class of a provider, imported at the first call.

    Raises:
        ConfigError: there is none of that name.
        PluginError: it is broken, or several distributions have one.
    """
    point = entry_point(name)
    try:
        with interruptible() as pressed, stdout_on_stderr():
            kind = point.load()
    except BaseException as error:  # a stranger's code may raise anything
        if pressed:
            raise
        raise PluginError(
            f"provider {name!r} of {origin(point)} cannot be loaded: {one_line(error)}"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Provider)) or kind.name != name:
        raise PluginError(
            f"provider {name!r} of {origin(point)}: {point.value} is no class derived from "
            f"Provider with the name {name!r}"
        )
    return kind
