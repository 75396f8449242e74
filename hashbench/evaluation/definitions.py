"""What each metric's name stands for, in a line: the one source for listings, tables and the documents.

K stands for any rank, R for any Hamming radius: ``map@1000[hits]``, ``precision@r2``.
"""

from __future__ import annotations

import re

_TIES = "exact expectation over the orders of tied items"
METRIC_DEFINITIONS = {
    "map": f"mean average precision of the whole ranking, {_TIES}",
    "map_optimistic": "mAP with the relevant items first among ties: an upper bound",
    "map_pessimistic": "mAP with the relevant items last among ties: a lower bound",
    "map@K[hits]": f"mAP of the first K, divided by the relevant among them, {_TIES}",
    "map@K[min]": f"mAP of the first K, divided by K or by all relevant if these are fewer, {_TIES}",
    "map@K[total]": f"mAP of the first K, divided by all relevant items, {_TIES}",
    "precision@K": f"part of the first K that is relevant, {_TIES}",
    "recall@K": f"part of the relevant items that is among the first K, {_TIES}",
    "ndcg@K": f"DCG of the first K over the best possible, gain: labels shared, {_TIES}",
    "precision@rR": "part of the items within Hamming radius R that is relevant; an empty ball scores 0",
    "recall@rR": "part of the relevant items that is within Hamming radius R",
    "f1@rR": "harmonic mean of precision and recall within Hamming radius R",
    "map@rR": f"mAP of the items within Hamming radius R, {_TIES}; an empty ball scores 0",
}
# Of the database's codes, whatever the queries.
HEALTH_DEFINITIONS = {
    "bit_balance": "1 where every bit is set in half of the codes, 0 where every bit is constant",
    "bit_correlation": "mean absolute correlation of two bits, 0 for a bit that is constant",
    "distinct_codes": "number of different codes",
    "code_entropy": "entropy of the distribution of codes, in bits",
    "quantization_error": "mean squared distance of codes from real values scaled to their length, per bit",
}


def split_name(name: str) -> tuple[str, int | None]:
    """The pattern that a name follows and its number: ``("map@K[hits]", 1000)``, ``("map", None)``.

    A number has one form, plain digits, so that a metric has one name: ``precision@007`` holds none.
    """
    match = re.search(r"@(r?)(0|[1-9][0-9]*)(?=\[|\Z)", name)
    if match is None:
        return name, None
    return name.replace(match[0], "@rR" if match[1] else "@K", 1), int(match[2])


def define(name: str) -> str:
    """What a metric's name stands for; empty where nothing is known of it."""
    pattern, number = split_name(name)
    text = {**METRIC_DEFINITIONS, **HEALTH_DEFINITIONS}.get(pattern, "")
    return text if number is None else re.sub(r"\b[KR]\b", str(number), text)
