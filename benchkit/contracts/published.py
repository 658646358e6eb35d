"""What others have published about a dataset: statistics, results, trials, answers of models.

A figure is a number as printed, or None where a dash (or NA) is printed. What is not printed at all
is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Figures = Mapping[str, float | None]


@dataclass(frozen=True)
class PublishedRow:
    """A recommender's row in a published table of results.

    Attributes:
        label: the row's name as printed.
        figures: by metric and cutoff, ``{"novelty@10": 9.187}``.
        source: where the row is from if it is not in the printed table; "" if it is.
        protocol: the protocol that it was evaluated by, one of ours.
        notes: what a reader should know of single figures, by metric and cutoff.
    """

    label: str
    figures: Figures
    source: str = ""
    protocol: str = "paper"
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedAnswers:
    """What a language model's answers were like.

    Attributes:
        recommender: the task, by the name of the recommender here.
        model: the model as printed, ``GPT base``.
        figures: by metric and cutoff, or by the name of a diagnostic.
    """

    recommender: str
    model: str
    figures: Figures


@dataclass(frozen=True)
class Published:
    """Everything published about one dataset.

    Attributes:
        source: where it is from.
        statistics: by the names that `benchkit data info` gives them.
        results: rows by the name of the recommender here, in the order of the table.
        trials: configurations that a search tried, by the name of the recommender here.
        answers: rows of a table about answers of language models.
    """

    source: str = ""
    statistics: Figures = field(default_factory=dict)
    results: Mapping[str, PublishedRow] = field(default_factory=dict)
    trials: Figures = field(default_factory=dict)
    answers: Sequence[PublishedAnswers] = ()
