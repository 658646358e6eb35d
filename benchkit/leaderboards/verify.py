"""Whether a record and its ranks can be true, and whether other code than ours made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from benchkit.components.registry import registry
from benchkit.contracts.arrays import Float64
from benchkit.contracts.errors import PluginError
from benchkit.contracts.protocol import REVISION, Protocol
from benchkit.leaderboards.ranks import Ranks
from benchkit.leaderboards.record import Record
from benchkit.leaderboards.significance import EQUAL, rank_metrics, values_of

_DIGESTS = {"rules", "fingerprint", "revision"}


def problem_of(record: Record, ranks: Ranks | None) -> str:
    """Return why a record, or it and its ranks together, cannot be true; "" where they can."""
    return (
        _problem_of_protocol(record)
        or _problem_of_counts(record)
        or ("" if ranks is None else _problem_of_ranks(record, ranks))
    )


def _problem_of_protocol(record: Record) -> str:
    """Compute its digests again; those of a later revision are taken as they are."""
    content, protocol = record.identity.protocol, Protocol.of(record.identity.protocol)
    revision = content.get("revision", 1)
    if revision > REVISION or content.keys() - _DIGESTS - {*vars(protocol)}:
        return ""
    if protocol.rules(revision) != content["rules"]:
        return "the rules of its protocol are not those of their digest"
    if protocol.ties != "file" and protocol.fingerprint("", revision) != content["fingerprint"]:
        return "its protocol is not that of its fingerprint"
    return ""


def _problem_of_counts(record: Record) -> str:
    depth, prompts = record.identity.depth, record.split.get("prompts", record.prompts)
    most = record.identity.protocol.get("max_prompts")
    if not isinstance(prompts, int):
        return "the prompts of its split are not a number"
    if record.prompts != (expected := prompts if most is None else min(prompts, most)):
        return f"it has {record.prompts} prompts, its split {expected}"
    for key in record.metrics:
        cutoff = key.rpartition("@")[2]
        if cutoff.isdecimal() and int(cutoff) > depth:
            return f"{key} is deeper than its lists, which hold {depth} items"
    return ""


def _problem_of_ranks(record: Record, ranks: Ranks) -> str:
    depth, prompts = record.identity.depth, record.prompts
    if not len(ranks.ranks) == len(ranks.sessions) == prompts:
        return f"it has {prompts} prompts, its ranks {len(ranks.ranks)} of {len(ranks.sessions)}"
    if prompts and not 0 <= ranks.ranks.min() <= ranks.ranks.max() <= depth:
        return f"its ranks go from {ranks.ranks.min()} to {ranks.ranks.max()}, its lists to {depth}"
    sessions = np.unique(ranks.sessions)
    for key, stated in record.metrics.items():
        gains = _gains(key)
        if gains is None or _is_strangers(key, record):
            continue
        actual = float(values_of(ranks, gains, sessions).mean()) if prompts else 0.0
        if differs(actual, stated):
            return f"its {key} is {stated:.6g}, that of its ranks {actual:.6g}"
    return ""


def differs(one: float, other: float) -> bool:
    """Return whether two figures differ by more than rounding explains."""
    return abs(one - other) > EQUAL * max(1.0, abs(one))


@cache
def _gains(key: str) -> Float64 | None:
    return rank_metrics([key]).get(key)


def _is_strangers(key: str, record: Record) -> bool:
    """Return whether a metric is not ours and was, or may have been, another one then."""
    name = key.rpartition("@")[0]
    entry = registry().components["metric"][name]
    return not entry.built_in and record.metric_sources.get(name) != entry.source_digest()


def other_prompts(records: Mapping[str, tuple[Record, Ranks | None]]) -> Iterator[str]:
    """Yield a sentence where records of the same data and protocol have other prompts.

    Nothing in a record says which of them are right. Tables take such rows as untested.

    Args:
        records: by key, with their ranks, of one dataset.
    """
    groups: dict[tuple[str, str], Counter[tuple[int, bytes]]] = {}
    members: dict[tuple[tuple[str, str], tuple[int, bytes]], str] = {}
    for key, (record, ranks) in records.items():
        about = record.identity
        group = about.dataset["fingerprint"], about.protocol["fingerprint"]
        sessions = b"" if ranks is None else np.sort(ranks.sessions).tobytes()
        prompts = record.prompts, sessions
        groups.setdefault(group, Counter())[prompts] += 1
        members[group, prompts] = f"{about.recommender['name']} {key}"
    for group, counts in groups.items():
        ranked = {prompts: count for prompts, count in counts.items() if prompts[1]}
        numbers = {number for number, _ in counts}
        if len(ranked) > 1 or len(numbers) > 1:
            rare = min(ranked if len(ranked) > 1 else counts, key=lambda p: (counts[p], p))
            yield (
                f"{counts[rare]} of {counts.total()} records of the data {group[0][:8]} and the "
                f"protocol {group[1][:8]} have other prompts than the rest, "
                f"{members[group, rare]} among them; they are kept, and not tested against the rest"
            )


def other_code(records: Iterable[Record]) -> list[str]:
    """Return a sentence for each component that made records and is another one here."""
    counts = Counter(part for record in records for part in _components(record))
    return [
        f"{count} record{'s' if count > 1 else ''} made by {kind} {name} of {distribution} "
        f"{version} (code {source or 'unknown'}), {here}"
        for (kind, name, distribution, version, source), count in sorted(counts.items())
        if (here := _here(kind, name, (distribution, version, source)))
    ]


def _components(record: Record) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield kind, name, distribution, version and source of all that shaped a record."""
    about = record.identity
    parts: dict[str, Any] = {
        f"recommender:{about.recommender['name']}": about.recommender,
        **about.builds_on,
    }
    for part, origin in parts.items():
        kind, _, name = part.partition(":")
        if isinstance(origin, Mapping):  # else the digest of a file
            texts = (str(origin.get(key, "")) for key in ("distribution", "version", "source"))
            yield kind, name, *texts  # type: ignore[misc]


@cache
def _here(kind: str, name: str, origin: tuple[str, str, str]) -> str:
    """Return what is installed here in place of a component, "" where it is the same."""
    try:
        installed = registry().get(kind, name).origin()
    except (PluginError, KeyError):
        return "which is not installed here"
    if (*installed.values(),) == origin:
        return ""
    return "while {distribution} {version} (code {source}) is installed here".format(**installed)
