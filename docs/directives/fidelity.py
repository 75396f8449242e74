"""Ours beside published numbers: the differences, and whether methods come in the same order."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from directives.page import SEVERAL, Files, Page, title
from hashbench.reporting.card import HEADLINE, Pair, pairs_of
from hashbench.reporting.published import Quote
from hashbench.reporting.selection import grouped, rivals

# explained: methods whose differences the page explains under a heading of their own.
_EXPLAINED = {("--explained",): SEVERAL}
FIDELITY = {("--tolerance",): {"type": float, "default": 0.02}, **_EXPLAINED}
ORDER = {
    ("--min-methods",): {"type": int, "default": 4},
    ("--gap",): {"type": float, "default": 0.01},
    **_EXPLAINED,
}
_ALL = "all sources, comparable numbers only"
_HEADS = "| method | data | features | bits | ours | n | published | difference | source |{}"
_RULE = "|---|---|---|---:|---:|---:|---:|---:|---|{}"


class Beside(NamedTuple):
    """A method's number of ours, and a published one."""

    method: str
    pair: Pair
    quote: Quote

    @property
    def gap(self) -> float:
        """Ours less the published number."""
        return self.pair.ours - self.quote.number.value


def fidelity(page: Page, files: Files, options: Namespace) -> str:
    """Tables of numbers whose split and features are ours, and of those whose split is another."""
    pairs = list(_pairs(files))
    quoted = [Beside(method, pair, pair.quote) for method, pair in pairs if pair.quote]
    same = [one for one in quoted if not one.quote.reasons]
    near = [one for one in quoted if one.quote.reasons and not one.quote.other_features]
    sources = {one.quote.number.source: one.quote.number.url for one in (*same, *near)}
    parts = []
    for name, members in (("same split, metric and features", same), ("same features, another split", near)):
        if members:
            numbers = {source: i for i, source in enumerate(sources, 1)}
            counts = _counts(members, options)
            parts += [f"### {name.capitalize()}", _table(members, numbers, options.tolerance), counts]
    listed = [f"{i}. {source}, <{url}>" for i, (source, url) in enumerate(sources.items(), 1)]
    parts += ["### Sources\n\n" + "\n".join(listed)] if listed else []
    elsewhere = {one.method for one in quoted if one.quote.other_features}
    none = {method for method, pair in pairs if not pair.quote} - {one.method for one in quoted}
    lines = {
        "Published for other features or another backbone only, so without a difference": elsewhere,
        f"No published {HEADLINE} of this data, split and features at these lengths": none,
    }
    for what, names in lines.items():
        parts += [f"{what}: {', '.join(f'`{name}`' for name in sorted(names))}."] if names else []
    return "\n\n".join(parts)


def _pairs(files: Files) -> Iterator[tuple[str, Pair]]:
    """Our numbers by method, with what was published."""
    for method, records in sorted(grouped(rivals(files.values()), lambda record: record.cell.method).items()):
        yield from ((method, pair) for pair in pairs_of(method, records))


def _table(members: Sequence[Beside], sources: Mapping[str, int], tolerance: float) -> str:
    with_reason = any(one.quote.reasons for one in members)
    lines = [_HEADS.format(" what differs |" * with_reason), _RULE.format("---|" * with_reason)]
    for one in members:
        method, pair, quote = one
        gap = f"{one.gap:+.3f}"
        cells = (
            f"`{method}`",
            title((pair.dataset, pair.protocol)),
            pair.features,
            str(pair.bits),
            f"{pair.ours:.3f}",
            str(pair.n),
            f"{quote.number.value:.3f}",
            f"**{gap}**" if abs(one.gap) > tolerance else gap,
            f"[{sources[quote.number.source]}](#sources)",
            *quote.reasons,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _counts(members: Sequence[Beside], options: Namespace) -> str:
    far = [one for one in members if abs(one.gap) > options.tolerance]
    methods = {one.method for one in members}
    said = (
        f"**{len(members) - len(far)} of {len(members)} numbers are within {options.tolerance:g}, and "
        f"{len(methods - {one.method for one in far})} of {len(methods)} methods at every length.**"
    )
    if not far:
        return said
    named = [f"`{one.method}` at {one.pair.bits} bits, {one.gap:+.3f} ({_why(options, one)})" for one in far]
    return f"{said} The others: {'; '.join(named)}."


def _why(options: Namespace, *members: Beside) -> str:
    """Where the page of fidelity explains it, or that what differs is known."""
    explained = [one.method for one in members if one.method in options.explained]
    if explained:
        return "see " + ", ".join(f"[{method}](fidelity.md#{method})" for method in explained)
    differs = dict.fromkeys(reason for one in members for reason in one.quote.reasons)
    return f"not comparable: {'; '.join(differs)}" if differs else "unexplained"


def order(page: Page, files: Files, options: Namespace) -> str:
    """Kendall's tau between each published table and ours, and the pairs of methods that change places."""
    from scipy.stats import kendalltau

    lines = [
        "| source | data | our features | bits | methods | comparable | tau | reversed pairs |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    surprises = []
    for (source, dataset, protocol, features, bits), members in _by_source(files).items():
        if len(members) < options.min_methods:
            continue
        tau = kendalltau([one.pair.ours for one in members], [one.quote.number.value for one in members])
        pairs = list(combinations(sorted(members, key=lambda one: -one.quote.number.value), 2))
        turned = [(a, b) for a, b in pairs if _published_gap(a, b) > 0 and a.pair.ours < b.pair.ours]
        where = f"{title((dataset, protocol))} | {features} | {bits}"
        comparable = sum(not one.quote.reasons for one in members)
        counts = f"{len(members)} | {comparable} | {tau.statistic:.2f} | {len(turned)} of {len(pairs)}"
        lines.append(f"| {_short(source)} | {where} | {counts} |")
        turned = [
            (a, b)
            for a, b in turned
            if _published_gap(a, b) > options.gap and b.pair.ours - a.pair.ours > options.gap
        ]
        together = grouped(turned, lambda pair: (pair[0].method, _why(options, *pair)))
        surprises += [
            f"- {_short(source)}, {dataset}, {features}, {bits} bits: {_both(same[0][0])} above "
            f"{', '.join(_both(b) for _, b in same)}: {why}."
            for (_, why), same in together.items()
        ]
    if len(lines) == 2:
        return f"No source has {options.min_methods} of these methods at one length."
    head = f"Reversed by more than {options.gap:g} both there and here, with their values there and here:"
    none = f"No pair is reversed by more than {options.gap:g} both there and here."
    return "\n".join([*lines, "", head if surprises else none, "", *surprises])


def _both(one: Beside) -> str:
    """A method with the published number and ours."""
    return f"`{one.method}` ({one.quote.number.value:.3f}, {one.pair.ours:.3f})"


def _short(source: str) -> str:
    """The authors, or the repository."""
    return source if source == _ALL else source.partition(",")[0]


def _published_gap(a: Beside, b: Beside) -> float:
    return a.quote.number.value - b.quote.number.value


def _by_source(files: Files) -> dict[tuple[str, str, str, str, int], list[Beside]]:
    """One number of each method, the preferred one, by source, data set, protocol, our features and bits.

    Also of all sources together, the numbers whose split and features are ours.
    """
    found: dict[tuple[str, str, str, str, int], dict[str, Beside]] = {}
    for method, pair in _pairs(files):
        together = [(_ALL, quote) for quote in pair.quotes[:1] if not quote.reasons]
        for source, quote in [*together, *((quote.number.source, quote) for quote in pair.quotes)]:
            key = source, pair.dataset, pair.protocol, pair.features, pair.bits
            found.setdefault(key, {}).setdefault(method, Beside(method, pair, quote))
    return {key: list(members.values()) for key, members in sorted(found.items())}
