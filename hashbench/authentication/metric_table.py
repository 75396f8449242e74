"""The metrics of authentication: their names, what they stand for, which way is better.

A name is a statistic, perhaps with a number, and in brackets the distances that it is about where they are
not the usual ones: ``auc``, ``tpr@fpr0.001``, ``auc[tampered]``, ``accepted@r31[pairs]``, ``nhd[jpeg 70]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from hashbench.authentication.manipulations import MANIPULATIONS
from hashbench.authentication.tampering import COLUMNS, SAVED
from hashbench.contracts.task import MetricInfo
from hashbench.errors import InvalidInputError, UnknownNameError

# The distances of an image from its copies, and those that are no copies', with what they are in words.
SAME: Mapping[str, str] = {
    "usual": "all copies but shifted, cropped and padded ones",
    "moved": "shifted, cropped and padded copies",
    "combined": "copies changed in several ways",
    "all": "all copies",
    **{one.name: f"copies '{one.name}'" for one in MANIPULATIONS},
}
DIFFERENT: Mapping[str, str] = {
    "pairs": "all pairs of different images",
    "class": "pairs of different images of one class",
    "nearest": "each image and the nearest other one",
    "tampered": "each image and its tampered versions",
    f"tampered{SAVED}": "each image and its tampered versions, saved as JPEG",
    **{name: f"each image and its version '{name}'" for name in COLUMNS},
}
LEFT_OUT = "left-out"

_SET: Final = "set"
_LOWER: Final = "lower"
STATISTICS: Mapping[str, MetricInfo] = {
    "auc": MetricInfo("probability that a copy is nearer than a different image, half for ties", decimals=4),
    "eer": MetricInfo(
        "equal error rate: as many copies refused as different images accepted, between two whole distances",
        _LOWER,
        4,
        _SET,
    ),
    "tpr@fprP": MetricInfo(
        "part of the copies accepted at the largest distance that accepts at most P of the different images",
        of=_SET,
    ),
    "d_prime": MetricInfo(
        "difference of the mean distances of copies and different images, over the root of their mean "
        "variance",
        of=_SET,
    ),
    "accepted": MetricInfo("part accepted at the threshold of equal errors of the calibration images"),
    "accepted@fprP": MetricInfo(
        "part accepted at the largest distance that accepts at most P of the pairs of calibration images"
    ),
    "accepted@rR": MetricInfo("part accepted at a distance of at most R bits"),
    "nhd": MetricInfo("mean distance over the number of bits", _LOWER),
    "threshold": MetricInfo(
        "distance in bits at which the calibration images have equal errors", None, 0, _SET
    ),
    "threshold@fprP": MetricInfo(
        "largest distance in bits that accepts at most P of the pairs of calibration images", None, 0, _SET
    ),
}
HEALTH: Mapping[str, MetricInfo] = {
    name: MetricInfo(text, None, decimals, "codes")
    for name, text, decimals in (
        (
            "effective_bits",
            "m (1 - m) / v of the mean m and variance v of distances of different images over the number of "
            "bits: as many independent fair bits vary as much (Daugman, IEEE Transactions on Circuits and "
            "Systems for Video Technology 14(1), 2004)",
            1,
        ),
        ("least_bit_rate", "part of the original images in which the rarest bit is set", 3),
        ("most_bit_rate", "part of the original images in which the most frequent bit is set", 3),
        ("near_constant_bits", "bits set in less than 2 % or more than 98 % of the original images", 0),
        ("distinct_codes", "number of different codes of the original images", 0),
    )
}


class Name(NamedTuple):
    """A metric's name, read: its pattern in ``STATISTICS``, its number, its distances."""

    statistic: str
    number: float | None
    about: str


def read_name(name: str) -> Name:
    """The parts of a name. Raises UnknownNameError."""
    match = re.fullmatch(r"([a-z_]+)(?:@(fpr|r)([0-9.]+))?(?:\[(.+)\])?", name)
    known = [*STATISTICS, *HEALTH]
    if match is None:
        raise UnknownNameError("metric", name, known)
    stem, kind, number, about = match.groups()
    statistic = f"{stem}@{kind}{'P' if kind == 'fpr' else 'R'}" if kind else stem
    if statistic not in STATISTICS:
        raise UnknownNameError("metric", name, known)
    value = None if number is None else _number(name, kind, number)
    allowed = {**SAME, **DIFFERENT}
    if stem == "threshold":
        allowed = {}
    elif statistic == "accepted":
        allowed[LEFT_OUT] = ""
    if about is not None and about not in allowed:
        raise UnknownNameError("metric", name, [f"{stem}[{choice}]" for choice in allowed] or known)
    if about == "usual" or (about == "pairs" and stem in ("auc", "eer", "tpr", "d_prime")):
        raise UnknownNameError("metric", name, [name.replace(f"[{about}]", "")])  # one name for one thing
    return Name(statistic, value, about or "usual")


def _number(name: str, kind: str, text: str) -> float:
    pattern = r"0|[1-9][0-9]*" if kind == "r" else r"0\.[0-9]*[1-9]"
    if not re.fullmatch(pattern, text):
        form = "a whole distance, such as 31" if kind == "r" else "a rate, such as 0.001"
        raise InvalidInputError(f"metric '{name}': '{text}' is not {form}")
    return float(text)


def describe(name: str) -> MetricInfo:
    """What a metric's name stands for. Raises UnknownNameError, InvalidInputError."""
    if name in HEALTH:
        return HEALTH[name]
    statistic, number, about = read_name(name)
    info = STATISTICS[statistic]
    text = re.sub(r"\b[PR]\b", f"{number:g}", info.definition) if number is not None else info.definition
    if statistic.startswith("threshold"):
        return replace(info, definition=text)
    if about == LEFT_OUT:
        text += ", of which the copies of the same kind are left out"
        return replace(info, definition=f"{text}; {SAME['usual']}")
    better = info.better
    if statistic.startswith(("accepted", "nhd")):
        words = SAME.get(about) or DIFFERENT[about]
        if about in DIFFERENT:
            better = "higher" if statistic == "nhd" else "lower"
    elif about in SAME:
        words = f"{SAME[about]}, against {DIFFERENT['pairs']}"
    else:
        words = f"{SAME['usual']}, against {DIFFERENT[about]}"
    return replace(info, definition=f"{text}; {words}", better=better)
