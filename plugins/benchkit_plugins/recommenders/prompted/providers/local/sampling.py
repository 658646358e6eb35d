"""Completions of a loaded model, in the quickest way that it permits."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from benchkit import UnavailableError
from benchkit_plugins.recommenders.prompted.providers.contract import Completions, Sampling
from benchkit_plugins.recommenders.prompted.providers.local.branching import enable_tree_attention
from benchkit_plugins.recommenders.prompted.providers.local.decoding import Decoder
from benchkit_plugins.recommenders.prompted.providers.local.loading import Causal
from benchkit_plugins.recommenders.prompted.providers.local.tree import Tree


class Sampler:
    """Draws completions of a model's prompts.

    By `decoding`, or, where the model cannot read trees or looks back only so far (a window), by
    its own `generate`, prompt by prompt.
    """

    def __init__(self, causal: Causal) -> None:
        self.causal = causal
        self._own_attention = causal.model.config._attn_implementation
        with torch.inference_mode():
            self._token_bytes = enable_tree_attention(causal.model)

    def __call__(
        self,
        prompts: Sequence[list[int]],
        sampling: Sampling,
        report: Callable[[str], None] = lambda _line: None,
    ) -> Iterator[tuple[int, Completions]]:
        """Yield (index, completions) of each prompt, given by its tokens.

        One that the model has not the room to read and answer gets empty ones; `report` is told.

        Raises:
            UnavailableError: there is no room for any.
        """
        room = self.causal.context - sampling.max_tokens
        fitting = [index for index, prompt in enumerate(prompts) if 0 < len(prompt) <= room]
        lacking = sorted(set(range(len(prompts))) - set(fitting))
        if lacking:
            problem = (
                f"{len(lacking):,} of {len(prompts):,} prompts are too long for the model, which "
                f"has room for {self.causal.context:,} tokens, answers of {sampling.max_tokens:,} "
                "included (max_tokens); last_n_items shows it fewer items"
            )
            if not fitting:
                raise UnavailableError(problem)
            report(f"{problem}; their answers are empty")
        for index in lacking:
            yield index, Completions(("",) * sampling.samples)
        if fitting:
            given = [prompts[index] for index in fitting]
            for place, tree in self._grown(given, sampling, report):
                yield fitting[place], self._completions(tree, sampling)

    def _grown(
        self, prompts: Sequence[list[int]], sampling: Sampling, report: Callable[[str], None]
    ) -> Iterator[tuple[int, Tree]]:
        longest = max(map(len, prompts)) + sampling.max_tokens
        if self._token_bytes is not None and longest <= self._window():
            yield from Decoder(self.causal, self._token_bytes, sampling)(prompts)
            return
        self.causal.model.set_attn_implementation(self._own_attention)
        self._token_bytes = None
        report("this model is asked by its own `generate`, prompt by prompt, which is slow")
        for index, prompt in enumerate(prompts):
            yield index, generated(self.causal, prompt, sampling)

    def _completions(self, tree: Tree, sampling: Sampling) -> Completions:
        drawn = tree.written
        texts = [self.causal.chat.text(tokens) for tokens in drawn]
        copies = sampling.samples // len(texts)  # at temperature 0 one stands for all
        return Completions(
            texts=tuple(texts * copies),
            prompt_tokens=len(tree.prompt),
            completion_tokens=copies * sum(map(len, drawn)),
            seconds=tree.seconds,
        )

    def _window(self) -> int:
        config = self.causal.model.config
        return getattr(config, "sliding_window", None) or self.causal.context


def generated(causal: Causal, prompt: Sequence[int], sampling: Sampling) -> Tree:
    """Return one prompt's completions as the model's own `generate` draws them."""
    from transformers import GenerationConfig, StoppingCriteriaList

    started = time.perf_counter()
    warm = sampling.temperature > 0
    tree = Tree(prompt, sampling.samples if warm else 1, sampling.seed)
    drawing: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    # all that is not said here is off: what the model's authors set would change the distribution
    settings = GenerationConfig(
        do_sample=warm,
        top_k=0 if warm else None,
        num_return_sequences=len(tree.written),
        max_new_tokens=sampling.max_tokens,
        eos_token_id=sorted(causal.chat.stops) or None,
        pad_token_id=min(causal.chat.stops, default=0),
        **(drawing if warm else {}),
    )

    def enough(tokens: Tensor, _scores: Any) -> Tensor:
        written = tokens[:, len(prompt) :].tolist()
        done = [causal.chat.gives_all(each, sampling.most) for each in written]
        return torch.tensor(done, device=tokens.device)

    ids = torch.tensor([prompt], device=causal.device)
    devices = [causal.device] if causal.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.inference_mode():
        torch.manual_seed(tree.draw_seed())
        out = causal.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=settings,
            stopping_criteria=StoppingCriteriaList([enough]),
        )
    tree.written = [
        list(itertools.takewhile(lambda token: token not in causal.chat.stops, tokens))
        for tokens in out[:, len(prompt) :].tolist()
    ]
    tree.seconds = time.perf_counter() - started
    return tree
