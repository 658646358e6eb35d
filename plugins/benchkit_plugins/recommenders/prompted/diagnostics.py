"""Diagnostics of the answers (paper Table 7), beside how well they rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchkit.contracts.sessions import Sessions
from benchkit_plugins.recommenders.prompted.matching import Matches
from benchkit_plugins.recommenders.prompted.titles import Title


def diagnose(
    answers: Sequence[Sequence[Sequence[Title]] | None], matches: Matches, prompts: Sessions
) -> dict[str, float]:
    """Return the diagnostics by name; {} where nothing was answered.

    A title is the same in any case, and counts once a prompt.

    - ``answered_prompts``: prompts that got an answer.
    - ``distinct_texts``: distinct titles in all answers together, as generated, before they are
      mapped to items (paper Table 7).
    - ``distinct_recommendations``: distinct items in all lists together, after mapping.
    - ``hallucinations``: share of answered titles that are not in the catalog or, of Class and
      Rank, not among the categories or candidates (paper Table 7).
    - ``hallucination_similarity``: mean cosine of such a title and the item that takes its place;
      absent without any (paper Table 7).
    - ``off_list``: share of answered titles that are hallucinations though the catalog has them;
      absent where the whole catalog was to choose from.
    - ``repeats``: share of answered titles that stand in the prompt: copied, they are no
      hallucinations.
    - ``parse_failures``: share of completions that give no title at all.
    - ``short_lists``: share of answered prompts whose list is not full.

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
