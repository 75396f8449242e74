"""Records to panels: means, intervals and curves, worked out by hand."""

import numpy as np
import pytest

from hashbench.records import read_record_files, write_record
from hashbench.reporting import UnitValues
from hashbench.reporting.figures import styles
from hashbench.reporting.panels import (
    Interval,
    by_bits,
    intervals,
    training_losses,
)

LOOK = styles({"mu_liu": "-", "dsh": "-", "real_valued": "--"})


def test_repetitions_give_students_t(make):
    records = [make("mu_liu", 12, value, repetition=r) for r, value in enumerate((0.60, 0.62, 0.64))]
    found = intervals({"mu_liu": records}, UnitValues({}), "map")["mu_liu", 12]
    half = 4.30265 * 0.02 / 3**0.5  # the 97.5 % point of t with 2 degrees of freedom
    assert (found.over, found.n) == ("repetitions", 3)
    assert (found.mean, found.low, found.high) == pytest.approx((0.62, 0.62 - half, 0.62 + half), abs=1e-6)


def test_a_single_repetition_gives_a_bootstrap_over_its_queries_or_no_interval(make, tmp_path):
    values = np.random.default_rng(0).normal(0.6, 0.2, 400)
    split = {"queries": 400, "train": 100, "database": 1000}
    write_record(tmp_path / "a.json", make("mu_liu", 12, float(values.mean()), split=split))
    np.savez(tmp_path / "a.per_unit.npz", map=values)
    files = read_record_files(tmp_path)
    rows = {"mu_liu": [*files.values()], "dsh": [make("dsh", 12, 0.5), make("dsh", 24, None)]}
    found = intervals(rows, UnitValues(files), "map")
    ours, half = found["mu_liu", 12], 1.96 * 0.2 / 400**0.5
    assert (ours.over, ours.n) == ("units", 400)
    assert (ours.low, ours.high) == pytest.approx((ours.mean - half, ours.mean + half), abs=0.1 * half)
    assert found["dsh", 12] == Interval(0.5, 0.5, 0.5, None, 1)
    assert ("dsh", 24) not in found, "it failed"


def test_code_lengths_stand_side_by_side_and_no_codes_are_a_level_line():
    found = {
        ("mu_liu", 48): Interval(0.7, 0.6, 0.8, "repetitions", 3),
        ("mu_liu", 12): Interval(0.6, 0.5, 0.7, "repetitions", 3),
        ("dsh", 48): Interval(0.5, 0.5, 0.5, None, 1),
        ("real_valued", None): Interval(0.9, 0.8, 1.0, "units", 100),
    }
    panel = by_bits("t", "mAP", found, LOOK, {"abstract": 0.74})
    ours, dsh, real_valued = panel.lines
    assert panel.ticks == {0.0: "12", 1.0: "48"}
    assert (ours.y, ours.low, ours.high) == ([0.6, 0.7], [0.5, 0.6], [0.7, 0.8])
    assert ours.x[1] - ours.x[0] == pytest.approx(1)
    assert ours.x[1] < dsh.x[0], "error bars beside each other"
    assert (dsh.y, dsh.low) == ([0.5], ())
    assert (real_valued.y, real_valued.low) == ([0.9, 0.9], ())


def test_losses_are_absolute_or_relative_to_their_first_epoch(make):
    rows = {"mu_liu": [make("mu_liu", curves={"loss": [4.0, 2.0, 1.0]})], "dsh": [make("dsh")]}
    for relative, expected in ((True, [1.0, 0.5, 0.25]), (False, [4.0, 2.0, 1.0])):
        [line] = training_losses("t", rows, LOOK, "loss", "loss", relative).lines
        assert (line.name, list(line.x), line.y) == ("mu_liu", [1, 2, 3], expected)
