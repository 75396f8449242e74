"""``hashbench info``: what a name stands for; of a plugin its source and parameters, of a method its card."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any

from hashbench.errors import FEW, BrokenPluginError, UnknownNameError, nearest
from hashbench.system.text import visible

if TYPE_CHECKING:
    from hashbench.contracts.method import HashMethod
    from hashbench.contracts.task import Task
    from hashbench.plugins.registry import Kind
    from hashbench.records import Record
    from hashbench.reporting.card import Pair, Parameter

WIDTH = 100
CLOSE = 0.02  # a larger difference from a comparable published number is pointed at


def info(*, name: str, results: Path | None, plugins: Sequence[Path]) -> int:
    """Explain a name: what the registry says of each thing that is called so.

    name: may have the argument of a data set or feature, as in ``folder:PATH`` and ``ssl=50``; or a plugin's
    file. Raises UnknownNameError, with what is near.
    """
    from hashbench.plugins.registry import KINDS, find_any, register_file
    from hashbench.plugins.registry import plugins as known

    for file in plugins:
        register_file(file)
    if name.endswith(".py"):
        register_file(name)
        name = Path(name).stem
    takes_argument: tuple[Kind, ...] = ("dataset", "feature")
    forms = ((name, KINDS), (re.split("[:=]", name)[0], takes_argument))
    plugin = next((form for form, kinds in forms for kind in kinds if form in known(kind)), None)
    texts = [text for text in _definitions(name) if text]
    if plugin is None and not texts:
        raise _unknown(name)
    code = 0 if plugin is None else _plugin(*find_any(plugin), results)
    for number, text in enumerate(texts):
        print(("\n\n" if number or plugin else "") + visible(text, keep="\n"))
    return code


def _definitions(name: str) -> Iterator[str]:
    from hashbench.cli.definitions import backbone_text, metric_text, protocol_text, suite_text

    yield protocol_text(name)
    yield suite_text(name)
    yield metric_text(name)
    yield backbone_text(name)


def _unknown(name: str) -> UnknownNameError:
    """The error for a name of nothing: it says what is near, and which lists have it."""
    from hashbench.cli.definitions import metric_names
    from hashbench.execution.suite import suite_names
    from hashbench.plugins.registry import KINDS, protocol_names
    from hashbench.plugins.registry import plugins as known
    from hashbench.training.network import backbone_names

    names = {
        **{f"{kind}s": list(known(kind)) for kind in KINDS},
        "protocols": protocol_names(),
        "metrics": metric_names(),
        "suites": suite_names(),
        "backbones": backbone_names(),
    }
    meant = _methods_titled(name)
    near = meant or nearest(name, (item for listed in names.values() for item in listed))
    lists = [what for what, listed in names.items() if not near or set(near) & set(listed)]
    available = {item for listed in names.values() for item in listed}
    return UnknownNameError("name", name, available, lists=lists, meant=meant)


def _methods_titled(words: str) -> list[str]:
    """Methods whose title has these words, such as ``spectral hashing``, or whose name starts so."""
    from hashbench.plugins.registry import find, plugins, title_of

    found = []
    for name in plugins("method"):
        with suppress(BrokenPluginError):
            title = title_of(find("method", name))
            if re.search(rf"\b{re.escape(words)}\b", title, re.IGNORECASE) or name.startswith(f"{words}_"):
                found.append(name)
    return found if len(found) <= FEW else []


def _plugin(kind: Kind, cls: type[Any], results: Path | None) -> int:
    if kind == "method":
        return _method(cls, results)
    from hashbench.reporting.card import parameters_of

    name = cls.name()
    print(f"{name} ({kind})\n")
    print((sys.modules[cls.__module__].__doc__ or "").strip())
    parameters = parameters_of(cls, f"{kind} '{name}'").values()
    print(f"\nparameters of {cls.__name__}:" + ("" if parameters else " none"))
    _print_parameters(parameters)
    if kind == "dataset":
        print(f"\nlicence: {cls.licence or 'not stated'}")
    elif kind == "feature":
        print(f"\nlearned from: {cls.learned_from}")
    elif kind == "task":
        _print_task(cls)
    return 0


def _method(cls: type[HashMethod], results: Path | None) -> int:
    from hashbench.cli.reading import read_results
    from hashbench.reporting.card import card_of

    card, folder = card_of(cls), results or Path("runs")
    wanted = results is not None or any(folder.rglob("*.json"))
    files, code = read_results(folder) if wanted else ({}, 0)
    print(f"{card.name} (method)\n\n{card.title}\n\n{card.text}\n")
    for fact in (*card.facts, f"formula: {card.formula}"):
        print(fact)
    print("\nDepartures from the paper:\n" + fill(card.departures or "not stated", WIDTH))
    print(f"\nparameters of {cls.__name__}:" + ("" if card.own else " none of its own"))
    _print_parameters(card.own)
    print("\nparameters that it shares with others:")
    _print_parameters(card.shared)
    _print_published(cls.name(), files.values())
    return code


def _print_parameters(parameters: Collection[Parameter]) -> None:
    for parameter in parameters:
        print(f"  {parameter.line}")
        if parameter.text:
            print(indent(fill(parameter.text, WIDTH - 6), "      "))


def _print_published(name: str, records: Iterable[Record]) -> None:
    """Published numbers, a paragraph a source and setting; then ours beside those that may stand there."""
    from hashbench.reporting.card import pairs_of
    from hashbench.reporting.published import published_numbers
    from hashbench.reporting.selection import grouped

    numbers = [number for number in published_numbers() if number.method == name]
    if numbers:
        print("\npublished, as printed by their sources (other protocols and backbones than ours may apply):")
    settings = grouped(numbers, lambda n: (n.dataset, n.metric, n.protocol, n.features, n.source))
    for (dataset, *setting), members in settings.items():
        by_bits = sorted(members, key=lambda number: number.bits or 0)
        values = ", ".join(f"{number.value:.3f} at {number.bits or '?'}" for number in by_bits)
        print(indent(fill(f"{dataset}: {values} bits", WIDTH - 2), "  "))
        print(indent(fill("; ".join(setting), WIDTH - 6), "      "))
    pairs = pairs_of(name, records)
    if pairs:
        print("\nmAP, ours and published (‡: not comparable, for the reason given):")
    for pair in pairs:
        print(f"  {visible(_pair(pair))}")


def _pair(pair: Pair) -> str:
    recipe = f"{pair.recipe}, " if pair.recipe else ""
    where = f"{pair.dataset} {pair.protocol}, {recipe}{pair.features}, {pair.bits} bits"
    ours = f"{where}: {pair.ours:.3f}" + (f" (mean of {pair.n})" if pair.n > 1 else "")
    if pair.quote is None or pair.difference is None:
        return f"{ours}; no published number"
    value = f"{ours}; published {pair.quote.number.value:.3f}"
    if pair.quote.reasons:
        return f"{value} ‡ {'; '.join(pair.quote.reasons)}"
    far = "" if abs(pair.difference) <= CLOSE else f", more than {CLOSE} away"
    return f"{value}, difference {pair.difference:+.3f}{far}"


def _print_task(cls: type[Task]) -> None:
    from hashbench.plugins.registry import protocols

    names = [name for name, protocol in protocols().items() if isinstance(protocol.task, cls)]
    print(f"\nunit: {cls.unit[0]}")
    print(fill(f"metrics: {', '.join(cls.default_metrics)}; others: see 'hashbench list metrics'", WIDTH))
    print(fill(f"protocols: {', '.join(names)}", WIDTH, break_on_hyphens=False))
