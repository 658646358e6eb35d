"""The completions of one prompt while they are drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def common_length(texts: Sequence[list[int]]) -> int:
    """Return how many tokens all texts begin with; there is one text at least."""
    low, high = min(texts), max(texts)  # what these two share, all between them share
    pairs = enumerate(zip(low, high, strict=False))
    return next((place for place, (a, b) in pairs if a != b), len(low))


class Tree:
    """Samples of one prompt; those that have drawn the same so far share a branch.

    Each sample draws by uniform numbers of its own, so the samples are independent, as if each had
    a branch to itself, and stand in no particular order. The numbers come from the seed and the
    prompt alone: what else is asked has no say.

    Args:
        prompt: the prompt's tokens.
        samples: completions to draw.
        seed: of the draws.

    Attributes:
        written: tokens of each sample so far, without the one that ended it.
        tokens: tokens to be read next, ``int64[tokens]``.
        positions: how far each is from the prompt's beginning, ``int64[tokens]``.
        sees: what each sees of its row: tokens read so far, and these, ``bool[tokens, columns]``.
        branches: how many of the tokens to be read, the last ones, are ends of branches.
        seconds: wall time, its share of each step's.
    """

    def __init__(self, prompt: Sequence[int], samples: int, seed: int) -> None:
        self.prompt = np.array(prompt, dtype=np.int64)
        self.written: list[list[int]] = [[] for _ in range(samples)]
        digest = hashlib.sha256(self.prompt.tobytes()).digest()
        self._rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
        self._branch = np.zeros(samples, dtype=np.int64)  # of each sample, -1 once it has ended
        self.seconds = 0.0
        self.begin(0)

    def begin(self, known: int) -> None:
        """Read the prompt but its first tokens, which are not in its row but known already."""
        self.tokens, self.positions = self.prompt[known:], np.arange(known, len(self.prompt))
        self.sees: Bools = np.tri(len(self.tokens), dtype=np.bool_)
        self.branches = 1

    @property
    def done(self) -> bool:
        """Whether all samples have ended."""
        return not bool((self._branch >= 0).any())

    @property
    def columns(self) -> int:
        """Tokens of its row, those to be read next included."""
        return int(self.sees.shape[1])

    def uniforms(self) -> Floats:
        """Draw a number in [0, 1) for each sample, ``float64[samples]``."""
        return self._rng.random(len(self._branch))

    def draw_seed(self) -> int:
        """Draw a seed for a generator of others."""
        return int(self._rng.integers(2**63))

    def grow(
        self, drawn: Ints, stops: frozenset[int], enough: Callable[[Sequence[int]], bool]
    ) -> None:
        """Let each sample go on with the token that its number draws.

        Args:
            drawn: what each number draws after each branch, ``int64[branches, samples]``.
            stops: tokens that end a sample.
            enough: tells from a sample's tokens whether it ends without one.
        """
        tokens = np.zeros_like(self._branch)
        for sample in np.flatnonzero(self._branch >= 0):
            token = tokens[sample] = drawn[self._branch[sample], sample]
            if token not in stops:
                self.written[sample].append(int(token))
            if token in stops or enough(self.written[sample]):
                self._branch[sample] = -1
        if not self.done:
            self._fork(self._branch >= 0, tokens)

    def _fork(self, going: Bools, tokens: Ints) -> None:
        """Make a branch of each pair of a branch and a token that a sample goes on with."""
        pairs = np.stack([self._branch[going], tokens[going]])
        (parents, self.tokens), branch = np.unique(pairs, axis=1, return_inverse=True)
        self._branch[going] = branch.ravel()
        ends = self.sees[-self.branches :]
        self.branches = len(parents)
        self.positions = np.full(self.branches, self.positions[-1] + 1)
        self.sees = np.hstack([ends[parents], np.eye(self.branches, dtype=np.bool_)])
