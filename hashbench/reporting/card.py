"""The card of a method: what it is, how faithful it is, its parameters, published numbers beside ours.

All of it comes from the method's file, its class, ``published.csv`` and records.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from statistics import fmean
from typing import Any, get_type_hints

from hashbench.contracts.method import HashMethod
from hashbench.plugins.guard import named
from hashbench.records import Record
from hashbench.reporting.published import TASK, Quote, quotes
from hashbench.reporting.selection import grouped, latest, recipe_texts
from hashbench.system.text import repr_of

# Where the formula of a method was read, the surest first: a docstring has "Formula: GRADE (where)."
GRADES = (
    "read in the authors' code",
    "in the paper's text",
    "from a port",
    "from memory",
    "ours",  # a control or a baseline that is no published method
)
HEADLINE = "map"
_FORMULA = re.compile(rf"^Formula: ({'|'.join(GRADES)})\b(.*?\.)$\n?", re.MULTILINE | re.DOTALL)
_DEPARTURES = re.compile(r"^Departures from the paper:\s*(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Parameter:
    """A parameter, its type and default as text, and what its class says of it."""

    name: str
    type: str
    default: str
    text: str

    @property
    def line(self) -> str:
        """``n_iter: int = 50``."""
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default else "")


@dataclass(frozen=True)
class MethodCard:
    """grade, where: how faithful the formula is; None and "" where the file does not say.

    text: the docstring of its file without title, formula and departures. own: the parameters that its class
    adds; shared: those of its base classes.
    """

    name: str
    title: str
    facts: tuple[str, ...]
    grade: str | None
    where: str
    text: str
    departures: str
    own: tuple[Parameter, ...]
    shared: tuple[Parameter, ...]

    @property
    def formula(self) -> str:
        """``read in the authors' code (jiangqy/DPSH)``."""
        return f"{self.grade} {self.where}".replace(" ,", ",").strip() if self.grade else "not stated"


@dataclass(frozen=True)
class Pair:
    """Our mean over ``n`` repetitions, and published numbers to set beside it, the preferred one first.

    recipe: as in ``hashbench.reporting.selection.Compatible``.
    """

    dataset: str
    protocol: str
    recipe: str
    features: str
    bits: int
    ours: float
    n: int
    quotes: tuple[Quote, ...]

    @property
    def quote(self) -> Quote | None:
        """The preferred published number, if there is one."""
        return self.quotes[0] if self.quotes else None

    @property
    def difference(self) -> float | None:
        """Ours less the published number."""
        return None if self.quote is None else self.ours - self.quote.number.value


def card_of(cls: type[HashMethod]) -> MethodCard:
    """The card of a method's class."""
    docstring = inspect.cleandoc(sys.modules[cls.__module__].__doc__ or "")
    title, _, text = docstring.partition("\n")
    formula, departures = _FORMULA.search(text), _DEPARTURES.search(text)
    for found in (formula, departures):
        text = text.replace(found[0], "") if found else text
    parameters = parameters_of(cls, f"method '{cls.name()}'")
    own = {name for name in vars(cls).get("__annotations__", {}) if name in parameters}
    return MethodCard(
        name=cls.name(),
        title=title.rstrip("."),
        facts=_facts(cls),
        grade=formula[1] if formula else None,
        where=_joined(formula[2]).rstrip(".") if formula else "",
        text=re.sub(r"\n{3,}", "\n\n", text).strip(),
        departures=_joined(departures[1]) if departures else "",
        own=tuple(p for p in parameters.values() if p.name in own),
        shared=tuple(p for p in parameters.values() if p.name not in own),
    )


def pairs_of(name: str, records: Iterable[Record]) -> list[Pair]:
    """A method's results in retrieval with its default parameters, each beside a published number.

    Those of another recipe stand apart.
    """
    done = [
        record
        for record in latest(records)
        if record.cell.method == name
        and not record.cell.params
        and record.cell.bits
        and HEADLINE in record.metrics
        and record.protocol.get("task", {}).get("name", TASK) == TASK
    ]
    settings = grouped(done, lambda r: (r.cell.dataset, r.cell.protocol))
    texts = {setting: recipe_texts(members) for setting, members in settings.items()}

    def place(r: Record) -> tuple[str, str, str, str, int]:
        recipe = texts[r.cell.dataset, r.cell.protocol].get(r.digests.recipe, "")
        return r.cell.dataset, r.cell.protocol, recipe, r.cell.reads, r.cell.bits or 0

    pairs = []
    for (dataset, protocol, recipe, features, bits), members in sorted(grouped(done, place).items()):
        cell, card = members[0].cell, members[0].card
        learned_from = card.learned_from if card else None
        found = quotes(name, dataset, protocol, HEADLINE, bits, cell.features, cell.backbone, learned_from)
        ours = fmean(record.metrics[HEADLINE] for record in members)
        pairs.append(Pair(dataset, protocol, recipe, features, bits, ours, len(members), tuple(found)))
    return pairs


def parameters_of(cls: type[Any], owner: str) -> dict[str, Parameter]:
    """The parameters of a plugin's class, by name. Raises BrokenPluginError where a default fails."""
    hints, texts = _hints(cls), _texts(cls)
    found = {}
    for field in fields(cls):
        with named(f"parameter {field.name} of {owner}"):
            default = field.default if field.default_factory is MISSING else field.default_factory()
        hint = hints[field.name]
        shown = hint.__name__ if isinstance(hint, type) else inspect.formatannotation(hint)
        written = "" if default is MISSING else repr_of(default)
        found[field.name] = Parameter(field.name, shown, written, texts.get(field.name, ""))
    return found


def _facts(cls: type[HashMethod]) -> tuple[str, ...]:
    reads = f"{cls.inputs} and their texts" if cls.reads_text else cls.inputs
    sees = {
        "unsupervised": "no labels",
        "semi-supervised": "some labels, and images without labels",
        "supervised": "labels",
    }[cls.supervision]
    codes = "codes" if cls.output == "codes" else "vectors, ranked by cosine"
    made_for = ", ".join(task.replace("_", "-") for task in cls.made_for)
    return (
        f"family: {cls.family()}",
        f"reads: {reads}",
        f"learns from: {sees}",
        f"makes: {codes}",
        f"made for: {made_for}",
    )


def _hints(cls: type) -> dict[str, Any]:
    """The types of a class's fields; as they are written, where one of them cannot be resolved."""
    try:
        return get_type_hints(cls)
    except Exception:  # whatever evaluating a plugin's text raises
        return {field.name: field.type for field in fields(cls)}


def _texts(cls: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say of each field, as in ``name, name: ...``."""
    names = [field.name for field in fields(cls)]
    begins = re.compile(rf"(?:^|(?<=\. ))(?:{'|'.join(names)})(?:, (?:{'|'.join(names)}))*:", re.MULTILINE)
    texts: dict[str, str] = {}
    for owner in cls.__mro__:
        doc = (
            inspect.cleandoc(vars(owner).get("__doc__") or "")
            if "__dataclass_fields__" in vars(owner)
            else ""
        )
        starts = list(begins.finditer(doc))
        for start, following in pairwise([*starts, None]):
            assert start is not None
            said = doc[start.end() : following.start() if following else len(doc)].partition("\n\n")[0]
            for name in start[0].rstrip(":").split(", "):
                texts.setdefault(name, _joined(said))
    return texts


def _joined(text: str) -> str:
    return " ".join(text.split())
