"""Completions of a loaded model, for the prompts that it has the room to read and answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchkit import UnavailableError
from benchkit_plugins.recommenders.prompted.providers.contract import Completions, Sampling
from benchkit_plugins.recommenders.prompted.providers.local.decoding import Decoder
from benchkit_plugins.recommenders.prompted.providers.local.loading import Causal


def sample(
    causal: Causal,
    prompts: Sequence[list[int]],
    sampling: Sampling,
    report: Callable[[str], None],
) -> Iterator[tuple[int, Completions]]:
    """Yield (index, completions) of each prompt's tokens.

    One that the model has not the room to read and answer gets empty ones, and a line of `report`.

    Raises:
        UnavailableError: there is no room for any.
    """
    room = causal.context - sampling.max_tokens
    fitting = [index for index, prompt in enumerate(prompts) if 0 < len(prompt) <= room]
    lacking = sorted(set(range(len(prompts))) - set(fitting))
    if lacking:
        problem = (
            f"{len(lacking):,} of {len(prompts):,} prompts are too long for the model, which "
            f"has room for {causal.context:,} tokens, answers of {sampling.max_tokens:,} "
            "included (max_tokens); last_n_items shows it fewer items"
        )
        if not fitting:
            raise UnavailableError(problem)
        report(f"{problem}; their answers are empty")
    for index in lacking:
        yield index, Completions(("",) * sampling.samples)
    drawn = Decoder(causal, sampling)([prompts[index] for index in fitting])
    for place, written, seconds in drawn:
        texts = [causal.chat.text(tokens) for tokens in written]
        copies = sampling.samples // len(texts)  # at temperature 0 one stands for all
        yield (
            fitting[place],
            Completions(
                texts=tuple(texts * copies),
                prompt_tokens=len(prompts[fitting[place]]),
                completion_tokens=copies * sum(map(len, written)),
                seconds=seconds,
            ),
        )
