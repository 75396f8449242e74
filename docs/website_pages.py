"""The pages of the site that are made: one for each method from its card, their index, and the reference."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import hashbench
from hashbench.plugins.registry import find, plugins
from hashbench.records import Record
from hashbench.reporting.card import MethodCard, Pair, card_of, pairs_of

# What is on the pages of plugins and of deep methods; all other names of ``hashbench`` are on its own page.
_PLUGINS = ("HashMethod", "Dataset", "Images", "Feature", "TrainedFeature", "Task", "Split", "Protocol")
_TRAINING = (
    "hashbench.training.DeepHashMethod",
    "hashbench.training.Batch",
    "hashbench.training.Epoch",
    "hashbench.training.TrainingData",
    "hashbench.contracts.recipe.Recipe",
)


def method_pages(records: Iterable[Record], root: Path) -> dict[str, tuple[str, str]]:
    """The index of methods and a page for each: (place in the repository, text) by place on the site."""
    by_method: dict[str, list[Record]] = {}
    for record in records:
        by_method.setdefault(record.cell.method, []).append(record)
    pages, cards = {}, {}
    for name in plugins("method"):
        cls = find("method", name)
        cards[name] = cls, card_of(cls)
        place = f"methods/{name}.py"
        text = method_page(cards[name][1], pairs_of(name, by_method.get(name, [])), root)
        pages[f"methods/{name}.md"] = place, text
    return {"methods/index.md": ("methods/README.md", index(cards)), **pages}


def index(cards: Mapping[str, tuple[Any, MethodCard]]) -> str:
    """The table of all methods, a row each."""
    rows = [
        (f"[{name}]({name}.py)", card.title, cls.family(), cls.supervision, card.formula)
        for name, (cls, card) in cards.items()
    ]
    return (
        f"# Methods\n\n{len(rows)} methods and controls. The last column says where the formula was read; "
        "each page says what departs from the paper. [What is left out, and why](../docs/left-out.md).\n\n"
        + table(("name", "title", "family", "supervision", "formula"), rows)
    )


def method_page(card: MethodCard, pairs: Sequence[Pair], root: Path) -> str:
    """A method's page."""
    name, departures = card.name, card.departures or "not stated."
    departures = departures[0].upper() + departures[1:]
    more = f"[A page of its claims and results](../docs/pages/{name}.md).\n\n"
    facts = "".join(f"- {fact}\n" for fact in (*card.facts, f"formula: {card.formula}"))
    source = (root / "methods" / f"{name}.py").read_text(encoding="utf-8")
    return (
        f"# {card.title}\n\n`{name}`\n\n{facts}\n"
        + (more if (root / "docs" / "pages" / f"{name}.md").exists() else "")
        + (f"``` {{ .text .formulas }}\n{card.text}\n```\n\n" if card.text else "")
        + f"## Departures from the paper\n\n{cell(departures)}\n\n"
        + f"## Parameters\n\n{parameters(card)}\n"
        + f"## mAP, ours and published\n\n{results(pairs)}\n"
        + f"## Code\n\n`methods/{name}.py`; `hashbench info {name}` shows this page in a terminal.\n\n"
        + f"```python\n{source}```\n"
    )


def parameters(card: MethodCard) -> str:
    """A table of a method's own parameters, and the names of the others."""
    rows = [(f"`{p.name}`", f"`{p.type}`", f"`{p.default}`" if p.default else "", p.text) for p in card.own]
    shared = ", ".join(f"`{parameter.name}`" for parameter in card.shared)
    own = table(("name", "type", "default", "meaning"), rows) if rows else "None of its own.\n"
    return f"{own}\nShared with other methods: {shared}.\n"


def results(pairs: Sequence[Pair]) -> str:
    """A table of our values beside published ones."""
    if not pairs:
        return "No record of retrieval with default parameters in `results/`.\n"
    rows = [
        (
            f"{pair.dataset} `{pair.protocol}`" + (f", {pair.recipe}" if pair.recipe else ""),
            pair.features,
            str(pair.bits),
            f"{pair.ours:.3f}",
            str(pair.n),
            _published(pair),
            "; ".join(pair.quote.reasons) if pair.quote else "",
        )
        for pair in pairs
    ]
    heads = ("data", "features", "bits", "ours", "repetitions", "published", "why not comparable (‡)")
    return table(heads, rows)


def _published(pair: Pair) -> str:
    if pair.quote is None or pair.difference is None:
        return ""
    value = f"{pair.quote.number.value:.3f}"
    return f"{value} ‡" if pair.quote.reasons else f"{value} ({pair.difference:+.3f})"


def reference_pages() -> dict[str, tuple[str, str]]:
    """The pages of the reference: (place in the repository, text) by place on the site."""
    names = [name for name in hashbench.__all__ if name not in (*_PLUGINS, "DeepHashMethod")]
    pages = {
        "hashbench": ("hashbench", "What `import hashbench` gives, plugins apart.", _paths(names)),
        "plugins": (
            "What a plugin is",
            "The base classes of plugins, and the values that they take and give.",
            _paths(_PLUGINS),
        ),
        "training": ("Deep methods", "What a deep method inherits, sees and may ask for.", _TRAINING),
    }
    return {
        f"reference/{page}.md": (
            f"docs/reference/{page}.md",
            f"# {title}\n\n{text}\n\n" + "".join(f"::: {path}\n\n" for path in paths),
        )
        for page, (title, text, paths) in pages.items()
    }


def _paths(names: Iterable[str]) -> list[str]:
    """Where each object of ``hashbench`` is defined."""
    found = [getattr(hashbench, name) for name in names]
    return [f"{inspect.unwrap(one).__module__}.{one.__qualname__}" for one in found]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; vertical bars in cells are escaped."""
    lines = [heads, ["---"] * len(heads), *([cell(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(text: str) -> str:
    """Text for a cell or a paragraph, in one line; what Markdown would take for more than text is escaped."""
    parts = " ".join(text.split()).replace("``", "`").split("`")
    for i, part in enumerate(parts):
        if i % 2 == 0:  # outside code
            plain = part.replace("<", "&lt;").replace("*", "\\*").replace("|", "&#124;")
            parts[i] = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", plain)  # inside a word it is no emphasis
    return "`".join(parts)
