"""The split card: what a split did, for a person to judge it by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

RARE = 5
_MANY = 0.1  # share of the prompts whose odd truths are warned of


@dataclass(frozen=True)
class SplitCard:
    """What the split did; `rows` says what each figure counts.

    Attributes:
        cut_time: last timestamp of the last training session, seconds since 1970.
        dropped_test_sessions: test sessions with too few items left to withhold one.
        dropped_test_interactions: interactions of test sessions with items never trained on.
        moved_truths: prompts whose truth is not the session's real last item.
        untrained_truths: prompts whose truth was never trained on: what reads texts may list it,
            what knows trained items alone cannot.
        commonest_truth_trained: how often that item occurs in training: where it is rarely,
            whether a model happens to rank it first decides much of its accuracy.
        seen_truths: prompts that hold their truth already: who excludes seen items misses them.
    """

    sessions: int
    items: int
    interactions: int
    train_sessions: int
    train_items: int
    train_interactions: int
    prompts: int
    cut_time: int
    dropped_test_sessions: int
    dropped_test_interactions: int
    moved_truths: int
    untrained_truths: int
    rare_truths: float
    commonest_truth: int
    commonest_truth_trained: int
    tied_interactions: float
    tied_sessions: float
    tied_truths: float
    seen_truths: int
    repeated_truths: int
    prompt_interactions_before_cut: int
    prompt_interactions: int

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, value) pairs as `benchkit data info` prints them."""
        day = datetime.fromtimestamp(self.cut_time, timezone.utc).strftime("%Y-%m-%d")
        older = self.prompt_interactions_before_cut / max(1, self.prompt_interactions)
        odd = [
            ("prompts that hold their truth already", self.seen_truths),
            ("prompts whose truth repeats their last item", self.repeated_truths),
        ]
        return [
            ("sessions", f"{self.sessions:,}"),
            ("items", f"{self.items:,}"),
            ("interactions", f"{self.interactions:,}"),
            ("training sessions", f"{self.train_sessions:,}"),
            ("training items", f"{self.train_items:,}"),
            ("training interactions", f"{self.train_interactions:,}"),
            ("test prompts", f"{self.prompts:,}"),
            ("cut (last training session ends)", day),
            ("test sessions dropped, under two items", f"{self.dropped_test_sessions:,}"),
            ("test interactions dropped, untrained item", f"{self.dropped_test_interactions:,}"),
            ("prompts whose truth moved to an earlier item", f"{self.moved_truths:,}"),
            ("prompts whose truth was never trained on", f"{self.untrained_truths:,}"),
            (f"prompts with a truth trained on {RARE} times or less", f"{self.rare_truths:.1%}"),
            ("prompts that share the commonest truth", f"{self.commonest_truth:,}"),
            ("interactions with it in training", f"{self.commonest_truth_trained:,}"),
            ("interactions tied with another in time", f"{self.tied_interactions:.1%}"),
            ("sessions with tied interactions", f"{self.tied_sessions:.1%}"),
            ("sessions whose last two items tie", f"{self.tied_truths:.1%}"),
            ("prompt interactions older than the cut", f"{older:.1%}"),
            *((label, f"{count:,}") for label, count in odd if count),
        ]

    def warnings(self) -> list[str]:
        """Return what of the split decides results, a sentence each."""
        warnings = []
        if self.seen_truths >= _MANY * self.prompts:
            warnings.append(
                f"{self.seen_truths:,} of {self.prompts:,} prompts hold their truth already, "
                f"{self.repeated_truths:,} of them as their last item: recommenders that exclude "
                f"seen items (exclude_seen) cannot hit it"
            )
        if self.untrained_truths > self.prompts / 2:
            warnings.append(
                f"{self.untrained_truths:,} of {self.prompts:,} truths were never trained on: "
                f"recommenders that know trained items alone cannot hit them"
            )
        return warnings
