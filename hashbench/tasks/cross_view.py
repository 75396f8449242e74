"""Cross-view retrieval: rank images for each query text, and texts for each query image.

A text and its image have the same class; an item is relevant if it shares a class with the query. Query and
database are parted by image, so that a query's own text or image is never in the database. A method is fitted
on the images of the training part and their texts; texts of the other parts are read only after that. The
split is that of protocol ``5k``. Metrics are exact, as in ``retrieval``; the database's texts repeat
each other, so that nearly all of their rankings have ties, and the bounds beside the mAP say how many.

Each metric names a direction. Two of them are controls: ``attributes->image`` removes from the query texts
the words that name classes; ``meaning->class`` is what the class words alone can reach, the mAP of a reader
of these words who asks an index of the images' true classes. A ``text->image`` far above it would have to
come from the attributes, or from a leak. Both need texts that say which of their words name classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.recipe import short_recipe
from hashbench.contracts.task import Encoder, MetricInfo, Outcome, Split, Stored, Task
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation import code_health, evaluate, evaluate_vectors, parse_metric
from hashbench.evaluation.evaluate import Evaluation
from hashbench.evaluation.metric_table import describe, metric_infos
from hashbench.images.split import draw_split

# Direction: the stored parts that are the queries and the database.
DIRECTIONS = {
    "text->image": ("query.text", "database"),
    "image->text": ("query", "database.text"),
    "image->image": ("query", "database"),
    "attributes->image": ("query.attributes", "database"),
    "meaning->class": ("query.attributes", "database"),
}
ASKED = {
    "text->image": "query texts, image database",
    "image->text": "query images, text database",
    "image->image": "query images, image database",
    "attributes->image": "query texts without their class words, image database",
    "meaning->class": "the classes that a query text names, an index of the images' true classes: the most "
    "that class words alone can reach in text->image, the same for every method",
}
MEASURES = ("map", "map_optimistic", "map_pessimistic", "map@50[hits]", "map@50[min]", "precision@100")
DISTINCT_TEXTS = MetricInfo(
    "number of different texts in the database; of the data, the same for every method",
    better=None,
    decimals=0,
    of="codes",
)


def _in_direction(metric: str, direction: str) -> str:
    return f"{metric}[{direction}]"


def _default_metrics() -> tuple[str, ...]:
    views = ("text->image", "image->text", "image->image")
    names = [_in_direction(measure, direction) for direction in views for measure in MEASURES]
    return (*names, *(_in_direction("map", control) for control in ("attributes->image", "meaning->class")))


@dataclass(frozen=True, kw_only=True)
class CrossView(Task):
    """Retrieval between images and texts.

    queries: how many images, and texts of the same images, over all classes.
    train: how many labelled images with texts are learned on, over all classes; they are searched too.
    texts: which of the data set's kinds of texts.
    """

    queries: int = 1000
    train: int = 5000
    texts: str = "v1"

    unit: ClassVar = ("query", "queries")
    default_metrics: ClassVar = _default_metrics()
    usual_protocol: ClassVar = "cross-view"

    @property
    def text_view(self) -> str:
        """The field ``texts``."""
        return self.texts

    def split(self, images: Images, dataset: str) -> Split:
        """The split of protocol ``5k``. Raises InvalidInputError where a class is too small."""
        return draw_split(images, dataset, queries=self.queries, train=self.train)

    def evaluate(self, encode: Encoder, images: Images, split: Split, device: str) -> Outcome:
        """Encode images and texts of queries and database apart, and score each direction.

        Real vectors are ranked by cosine; they are not stored.
        """
        texts = images.texts
        assert texts is not None  # they are loaded with the images where text_view names them
        query, database = split.parts["query"], split.parts["database"]
        values = {
            "query": encode.at(query),
            "database": encode.at(database),
            "query.text": encode.of_texts(texts.rows[query]),
            "database.text": encode.of_texts(texts.rows[database]),
        }
        labels = {name: images.labels[split.parts[name.partition(".")[0]]] for name in values}
        if texts.attributes is not None and texts.meaning is not None:
            values["query.attributes"] = encode.of_texts(texts.attributes[query])
            labels["query.attributes"] = texts.meaning[query]  # what ``meaning->class`` asks for
        if encode.output == "vectors":
            return _score(values, labels, self.default_metrics, device)
        stored = {name: Stored(Codes.from_real(values[name]), labels[name]) for name in values}
        outcome = _score_codes(stored, self.default_metrics, device)
        health = dict(outcome.health)
        for view in ("", ".text"):  # with the values, also the error of their quantisation
            name = f"database{view}"
            health |= _health(code_health(stored[name].codes, values[name]).values, view)
        health["distinct_texts"] = float(len(np.unique(texts.rows[database], axis=0)))
        return replace(outcome, health=health)

    def rescore(self, stored: Mapping[str, Stored], metrics: Sequence[str], device: str) -> Outcome:
        """Score stored codes anew."""
        for name in metrics:
            _check_can_be_computed(name, stored)
        return _score_codes(stored, tuple(dict.fromkeys([*self.default_metrics, *metrics])), device)

    @classmethod
    def describe(cls, metric: str) -> MetricInfo:
        """What a metric's name stands for. Raises UnknownNameError."""
        if metric == "distinct_texts":
            return DISTINCT_TEXTS
        measure, direction = _parted(metric)
        if direction is None:
            return describe(measure)
        info = describe(measure)
        of = "codes of texts" if direction == "text" else ASKED[direction]
        better = None if direction == "meaning->class" else info.better  # the same for every method
        return replace(info, definition=f"{info.definition} ({of})", better=better)

    @classmethod
    def ceiling(cls, metric: str) -> tuple[str, str] | None:
        """Of text->image: texts ask by the classes that they name alone, and every image's class is known."""
        measure, _, direction = metric.partition("[")
        if direction != "text->image]":
            return None
        return _in_direction(measure, "meaning->class"), "Class-word oracle (perfect codes of images)"

    @classmethod
    def metrics(cls) -> Mapping[str, MetricInfo]:
        """Every metric by its name or pattern."""
        infos = {}
        for name, info in metric_infos().items():
            for direction in DIRECTIONS if info.of == "units" else ("text",):
                infos[_in_direction(name, direction)] = info
            if info.of == "codes":
                infos[name] = info
        return infos | {"distinct_texts": DISTINCT_TEXTS}


def _parted(metric: str) -> tuple[str, str | None]:
    """A metric's name without its direction, and the direction; ``text`` or None for health.

    Raises UnknownNameError where the direction is missing or unknown.
    """
    match = re.fullmatch(r"(.+)\[([a-z]+(?:->[a-z]+)?)\]", metric)
    measure, direction = (match[1], match[2]) if match else (metric, None)
    known = metric_infos()
    if direction == "text" or direction is None:
        if measure in known and known[measure].of == "codes":
            return measure, direction
    elif direction in DIRECTIONS and describe(measure).of == "units":
        return measure, direction
    raise UnknownNameError("metric", metric, CrossView.metrics(), CrossView.default_metrics)


def _check_can_be_computed(metric: str, stored: Mapping[str, Stored]) -> None:
    """Raise UnknownNameError, or InvalidInputError where the codes do not hold what a metric needs."""
    measure, direction = _parted(metric)
    if direction not in DIRECTIONS:
        raise InvalidInputError(f"'{metric}' is of a set of codes, not of rankings: a run records it")
    absent = [part for part in DIRECTIONS[direction] if part not in stored]
    if absent:
        raise InvalidInputError(
            f"metric '{metric}' needs the stored part '{absent[0]}', which texts have that say which of "
            "their words name classes"
        )
    n_database = len(stored["database"].codes)
    if (parse_metric(measure).rank or 0) > n_database:
        raise InvalidInputError(
            f"metric '{metric}' asks for a rank beyond the {n_database:,} items of the database"
        )


def _score_codes(stored: Mapping[str, Stored], metrics: Sequence[str], device: str) -> Outcome:
    values = {name: part.codes for name, part in stored.items()}
    outcome = _score(values, {name: part.labels for name, part in stored.items()}, metrics, device)
    health = _health(code_health(stored["database"].codes).values, "")
    health |= _health(code_health(stored["database.text"].codes).values, ".text")
    return replace(outcome, health=health, stored=stored)


def _score(
    values: Mapping[str, Codes | NDArray],
    labels: Mapping[str, NDArray],
    metrics: Sequence[str],
    device: str,
) -> Outcome:
    """The metrics that the parts and the size of the database allow, direction by direction."""
    found: dict[str, float] = {}
    per_query: dict[str, NDArray[np.float64]] = {}
    curves: Mapping[str, list[float]] = {}
    of_codes = isinstance(values["database"], Codes)
    for direction, parts in DIRECTIONS.items():
        if not values.keys() >= set(parts):
            continue
        names = [measure for measure, other in map(_parted, metrics) if other == direction]
        known = [parse_metric(name) for name in names]
        names = [
            metric.name
            for metric in known
            if (metric.rank or 0) <= len(values["database"]) and (of_codes or metric.radius is None)
        ]
        if not names:
            continue
        result = _ranked(direction, values, labels, names, device)
        if direction == "text->image":
            curves = result.curves
        found |= {_in_direction(name, direction): value for name, value in result.values.items()}
        per_query |= {_in_direction(name, direction): value for name, value in result.per_query.items()}
    in_order = [name for name in metrics if name in found]
    return Outcome(
        {name: found[name] for name in in_order}, {name: per_query[name] for name in in_order}, curves
    )


def _ranked(
    direction: str,
    values: Mapping[str, Codes | NDArray],
    labels: Mapping[str, NDArray],
    names: list[str],
    device: str,
) -> Evaluation:
    """One direction, evaluated. The labels of ``query.attributes`` are what the texts name, not the truth."""
    query, database = DIRECTIONS[direction]
    if direction == "meaning->class":
        asked, truth = labels[query], labels[database]
        classes = truth if truth.ndim == 2 else np.arange(asked.shape[1]) == truth[:, None]
        named, true = (Codes.from_real(np.where(bits, 1.0, -1.0)) for bits in (asked, classes))
        return evaluate(named, true, labels["query"], truth, names, device)
    of_query = labels["query.text" if direction == "attributes->image" else query]
    left, right = values[query], values[database]
    if isinstance(left, Codes) and isinstance(right, Codes):
        return evaluate(left, right, of_query, labels[database], names, device)
    assert not isinstance(left, Codes)
    assert not isinstance(right, Codes)
    return evaluate_vectors(left, right, of_query, labels[database], names)


def _health(values: Mapping[str, float], view: str) -> dict[str, float]:
    """Properties of the database's codes; of the codes of its texts with ``[text]`` behind the name."""
    return {f"{name}[text]" if view else name: value for name, value in values.items()}


PROTOCOLS = (
    Protocol(
        name="cross-view",
        description="queries, training images and database of 5k; the texts of 5,000 images are learned on; "
        "four texts of five name the class",
        task=CrossView(),
        recipe=short_recipe(5000),
    ),
    Protocol(
        name="cross-view-hard",
        description="as cross-view; half of the texts name the class, the others two classes, a group of "
        "classes, or a wrong class",
        task=CrossView(texts="v2"),
        recipe=short_recipe(5000),
    ),
)
