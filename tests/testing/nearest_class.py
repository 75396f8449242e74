"""Are the nearest images of one's own class? A small task for tests."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hashbench.contracts.codes import Codes
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.task import MetricInfo, Outcome, Split, Stored, Task
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.identity.digest import seed_of

METRICS = {
    "hits": MetricInfo("share of the nearest images that are of the query's class"),
    "distance": MetricInfo("distance of the nearest image, in bits", better="lower", decimals=1),
    "distinct_codes": MetricInfo("number of different codes", better=None, decimals=0, of="codes"),
}


@dataclass(frozen=True)
class NearestClass(Task):
    """queries: how many images ask."""

    unit: ClassVar[tuple[str, str]] = ("query", "queries")
    default_metrics: ClassVar[tuple[str, ...]] = ("hits", "distance")

    queries: int = 60

    def split(self, images, dataset):
        if len(images) < 2 * self.queries:
            raise InvalidInputError(f"{dataset} has {len(images)} images, needs {2 * self.queries}")
        order = np.random.default_rng(seed_of(dataset, "queries")).permutation(len(images))
        query, database = np.sort(order[: self.queries]), np.sort(order[self.queries :])
        parts = {"query": query, "database": database}
        counts = {name: len(index) for name, index in parts.items()}
        train = database[::2]
        return Split(train, parts, np.setdiff1d(database, train), counts, f"{len(query)} queries")

    def evaluate(self, encode, images, split, device):
        stored = {
            name: Stored(Codes.from_real(encode.at(index)), images.labels[index])
            for name, index in split.parts.items()
        }
        return self.rescore(stored, (), device)

    def rescore(self, stored, metrics, device):
        for name in metrics:
            self.describe(name)
        query, database = stored["query"], stored["database"]
        distance = (query.codes.unpack()[:, None] != database.codes.unpack()).sum(2)
        nearest = distance == distance.min(1, keepdims=True)
        right = nearest & (query.labels[:, None] == database.labels)
        per_unit = {"hits": right.sum(1) / nearest.sum(1), "distance": distance.min(1).astype(float)}
        return Outcome(
            values={name: float(values.mean()) for name, values in per_unit.items()},
            per_unit=per_unit,
            health={"distinct_codes": float(len(np.unique(database.codes.packed, axis=0)))},
            stored=stored,
        )

    @classmethod
    def describe(cls, metric):
        if metric not in METRICS:
            raise UnknownNameError("metric", metric, METRICS)
        return METRICS[metric]

    @classmethod
    def metrics(cls):
        return METRICS


PROTOCOLS = (
    Protocol(
        name="nearest", description="60 queries; half of the others are learned on", task=NearestClass()
    ),
    Protocol(
        name="nearest-many", description="as nearest, 10,000 queries", task=NearestClass(queries=10_000)
    ),
)
