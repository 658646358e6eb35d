"""Diagnostics of the answers (paper Table 7), beside how well they rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchkit.contracts.sessions import Sessions
from benchkit_plugins.recommenders.prompted.matching import Matches
from benchkit_plugins.recommenders.prompted.titles import Title


@dataclass(frozen=True)
class Diagnostic:
    """One number about all answers.

    Attributes:
        name: its key.
        meaning: what it says.
        bounds: smallest and largest value; None for no bound.
        higher_is_better: which end is better; None: neither.
        source: where it is described.
    """

    name: str
    meaning: str
    bounds: tuple[float, float | None]
    higher_is_better: bool | None
    source: str


_SHARE = (0.0, 1.0)
DIAGNOSTICS = (
    Diagnostic("answered_prompts", "prompts that got an answer", (0, None), None, "ours"),
    Diagnostic(
        "distinct_texts",
        "distinct titles in all answers together, as generated, before they are mapped to items; a "
        "title is the same in any case",
        (0, None),
        None,
        "paper Table 7",
    ),
    Diagnostic(
        "distinct_recommendations",
        "distinct items in all lists together, after mapping",
        (0, None),
        True,
        "ours",
    ),
    Diagnostic(
        "hallucinations",
        "share of answered titles that are not in the catalog or, of Class and Rank, not among the "
        "categories or candidates; a title counts once a prompt",
        _SHARE,
        False,
        "paper Table 7",
    ),
    Diagnostic(
        "hallucination_similarity",
        "mean cosine of such a title and the item that takes its place; absent without any",
        (-1.0, 1.0),
        True,
        "paper Table 7",
    ),
    Diagnostic(
        "off_list",
        "share of answered titles that are hallucinations though the catalog has them: they were "
        "not to choose from; absent where the whole catalog is",
        _SHARE,
        False,
        "ours",
    ),
    Diagnostic(
        "repeats",
        "share of answered titles that stand in the prompt: copied, they are no hallucinations; a "
        "title counts once a prompt",
        _SHARE,
        None,
        "ours",
    ),
    Diagnostic(
        "parse_failures", "share of completions that give no title at all", _SHARE, False, "ours"
    ),
    Diagnostic(
        "short_lists", "share of answered prompts whose list is not full", _SHARE, False, "ours"
    ),
)


def diagnose(
    answers: Sequence[Sequence[Sequence[Title]] | None], matches: Matches, prompts: Sessions
) -> dict[str, float]:
    """Return the values of `DIAGNOSTICS`; {} where nothing was answered.

    Args:
        answers: titles of each completion of each prompt; None for a prompt that was not asked.
        matches: what became of them.
        prompts: what was asked, whole.
    """
    answered = np.array([answer is not None for answer in answers], dtype=bool)
    if not answered.any():
        return {}
    completions = [titles for answer in answers if answer is not None for titles in answer]
    items = matches.lists.items[answered]
    shares = {
        "answered_prompts": float(answered.sum()),
        "distinct_texts": float(len({t.key for titles in matches.counted for t in titles})),
        "distinct_recommendations": float(len(np.unique(items[items >= 0]))),
        "hallucinations": matches.hallucinations / max(1, matches.titles),
        "repeats": _repeats(matches.counted, prompts) / max(1, matches.titles),
        "parse_failures": sum(not titles for titles in completions) / max(1, len(completions)),
        "short_lists": float((items < 0).any(axis=1).mean()),
    }
    if matches.similarities:
        shares["hallucination_similarity"] = float(np.mean(matches.similarities))
    if matches.off_list is not None:
        shares["off_list"] = matches.off_list / max(1, matches.titles)
    return shares


def _repeats(counted: Sequence[Sequence[Title]], prompts: Sessions) -> int:
    shown = (set(prompts[row].tolist()) for row in range(len(prompts)))
    return sum(
        not items.isdisjoint(title.items)
        for items, titles in zip(shown, counted, strict=True)
        for title in titles
    )
