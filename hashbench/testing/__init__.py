"""The checks that a plugin must pass: ``hashbench check NAME``, our tests, and yours.

Each check is a function of the plugin's class that raises AssertionError, whose message names the fault and
the fix, or InvalidInputError. One that does not apply to the plugin returns why, in words. Checks use toy
data, except those of data sets, and take about a second each.

>>> from hashbench.testing import check_method
>>> check_method("itq")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from hashbench.contracts.method import HashMethod
from hashbench.contracts.task import Task
from hashbench.plugins.registry import Kind, find
from hashbench.testing import (
    behaviour,
    cross_view,
    datasets,
    declarations,
    encoders,
    features,
    refusals,
    tasks,
)

__all__ = [
    "DATASET_CHECKS",
    "FEATURE_CHECKS",
    "METHOD_CHECKS",
    "TASK_CHECKS",
    "TEXT_CHECKS",
    "Finding",
    "check_method",
    "findings",
    "iter_checks",
]


class Finding(NamedTuple):
    """What a check found: an error, or why it does not apply; neither where the plugin passes it."""

    check: str
    error: Exception | None = None
    not_applicable: str | None = None


# Of methods that read texts; every other method passes them.
TEXT_CHECKS: list[Callable[[type[HashMethod]], None]] = [
    cross_view.encodes_texts_into_the_space_of_images,
    cross_view.encodes_each_text_by_itself,
    cross_view.learns_from_texts_alike,
    cross_view.finds_images_by_text,
    cross_view.refuses_wrong_texts,
]
METHOD_CHECKS: list[Callable[[type[HashMethod]], str | None]] = [
    declarations.declares_what_it_is,
    declarations.documents_its_source,
    declarations.keeps_its_parameters,
    declarations.refuses_a_misspelt_parameter,
    behaviour.gives_values_and_codes_of_the_right_shape,
    behaviour.encodes_each_item_by_itself,
    behaviour.is_deterministic,
    behaviour.leaves_its_input_alone,
    behaviour.makes_codes_that_differ,
    behaviour.beats_chance,
    behaviour.knows_a_copy,
    behaviour.trains_every_parameter,
    encoders.is_kept_in_a_file,
    refusals.sees_only_the_labels_it_declares,
    refusals.refuses_wrong_input,
    *TEXT_CHECKS,
]
DATASET_CHECKS: list[Callable[[datasets.DatasetOrClass], str | None]] = [
    datasets.documents_its_source,
    datasets.says_what_to_do_without_its_files,
    datasets.loads_images,
    datasets.labels_every_class,
    datasets.has_a_sound_official_split,
    datasets.loads_the_same_twice,
    datasets.gives_each_image_a_text,
]
FEATURE_CHECKS: list[Callable[[features.FeatureOrClass], str | None]] = [
    features.declares_what_it_is,
    features.documents_its_source,
    features.gives_finite_rows,
    features.makes_each_row_by_itself,
    features.is_deterministic,
    features.leaves_its_input_alone,
    features.gives_other_images_the_same_rows,
]
TASK_CHECKS: list[Callable[[type[Task]], None]] = [
    tasks.declares_what_it_is,
    tasks.documents_its_source,
    tasks.has_protocols,
    tasks.splits_by_name_and_labels_alone,
    tasks.keeps_its_parts_apart,
    tasks.scores_every_default_metric,
    tasks.scores_stored_codes_alike,
    tasks.explains_its_metrics,
]


def check_method(name_or_class: str | type[HashMethod]) -> None:
    """Run all checks of a method; raises the first error."""
    cls = find("method", name_or_class) if isinstance(name_or_class, str) else name_or_class
    for check in METHOD_CHECKS:
        check(cls)


def iter_checks(kind: Kind, cls: Any) -> Iterator[tuple[str, Exception | None]]:
    """As ``findings``, without those that do not apply: (what is checked, the error or None) each."""
    for finding in findings(kind, cls):
        if finding.not_applicable is None:
            yield finding.check, finding.error


def findings(kind: Kind, cls: Any) -> Iterator[Finding]:
    """Run the checks one by one.

    cls: the plugin's class; a data set or a feature that takes an argument is passed as an object instead.
    Checks of texts are left out where the method reads none.
    """
    silent = kind == "method" and not cls.reads_text
    checks: dict[Kind, Iterable[Callable[[Any], str | None]]] = {
        "method": [check for check in METHOD_CHECKS if not (silent and check in TEXT_CHECKS)],
        "dataset": DATASET_CHECKS,
        "feature": FEATURE_CHECKS,
        "task": TASK_CHECKS,
    }
    for check in checks[kind]:
        name = check.__name__.replace("_", " ")
        try:
            not_applicable = check(cls)
        except Exception as error:  # any error of the plugin is the finding
            yield Finding(name, error)
        else:
            yield Finding(name, not_applicable=not_applicable)
