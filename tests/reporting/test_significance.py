"""Tests and intervals against scipy, by hand, and by how often they are right."""

from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from hashbench.reporting.significance import RESAMPLES, half_width, holm, paired_bootstrap


def test_the_interval_of_many_queries_is_that_of_the_central_limit():
    differences = np.random.default_rng(1).exponential(size=(3, 4000)) - [[1.0], [0.95], [0.5]]
    for row, found in zip(differences, paired_bootstrap(differences), strict=True):
        normal = stats.norm.interval(0.95, row.mean(), row.std() / 4000**0.5)
        assert found.mean == pytest.approx(row.mean(), abs=1e-12)
        assert (found.low, found.high) == pytest.approx(normal, abs=1e-3)
        assert found.p == pytest.approx(2 * stats.norm.sf(abs(row.mean()) / row.std() * 4000**0.5), abs=0.015)


def test_intervals_are_those_of_scipy_with_the_same_draws():
    row = np.random.default_rng(2).exponential(size=150) - 0.9
    theirs = stats.bootstrap(
        (row,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0)
    )
    [found] = paired_bootstrap(row[None])
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)


def test_the_smallest_p_is_that_of_no_draw_at_all_and_no_difference_has_p_1():
    [sure, none] = paired_bootstrap(np.array([[1.0, 1.1, 0.9] * 20, [0.0] * 60]))
    assert sure.p == 1 / 10_000
    assert (none.mean, none.low, none.high, none.p) == (0, 0, 0, 1)


def test_it_is_wrong_as_often_as_it_says():
    differences = np.random.default_rng(0).normal(size=(400, 200))  # of methods that do not differ
    found = np.mean([tested.p <= 0.05 for tested in paired_bootstrap(differences)])
    assert 0.02 < found < 0.09


def test_rows_do_not_change_each_other_and_signs_only_turn_the_result():
    rows = np.random.default_rng(3).normal(0.1, 1, size=(2, 300))
    together = paired_bootstrap(rows)
    for row, found in zip(rows, together, strict=True):
        [alone], [turned] = paired_bootstrap(row[None]), paired_bootstrap(-row[None])
        assert astuple(alone) == pytest.approx(astuple(found))
        assert astuple(turned) == pytest.approx((-found.mean, -found.high, -found.low, found.p))


def test_holm_by_hand():
    # sorted .01 .02 .03 .04: times 4 3 2 1 is .04 .06 .06 .04, and none may be below one before it
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


def test_half_the_interval_of_a_mean_is_scipys():
    values = [0.70, 0.71, 0.735]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert half_width(np.std(values, ddof=1), 3) == pytest.approx((high - low) / 2)
