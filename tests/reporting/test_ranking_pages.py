"""The directives of the pages that rank methods and that set them beside published numbers."""

from itertools import combinations

import numpy as np
import pytest

from hashbench.errors import InvalidInputError
from hashbench.reporting.published import quotes
from hashbench.reporting.report.ranks import critical_difference

BITS = (8, 16, 24, 32)
VALUES = {"itq": [0.5, 0.6, 0.7, 0.8], "ksh": [0.6, 0.7, 0.6, 0.9], "sdh": [0.1, 0.2, 0.3, 0.1]}
GIST = {"features": "gist", "learned_from": "nothing"}
# Ours on GIST-512 of CIFAR-10 at 48 bits; CNNH's table has .356, .120 and .295, DPSH's .356.
OURS = {"ksh": 0.350, "lsh": 0.125, "cca_itq": 0.290, "sdh": 0.390}


def ranked(make, **given):
    return [make(m, b, v, **given) for m, values in VALUES.items() for b, v in zip(BITS, values, strict=True)]


def cells(text, method):
    [line] = [line for line in text.splitlines() if line.startswith((f"| {method} |", f"| `{method}` |"))]
    return [cell.strip(" *`") for cell in line.strip("|").split("|")]


def on_gist(make, values=OURS):
    return [make(method, 48, value, **GIST) for method, value in values.items()]


def test_mean_ranks_stand_with_bars_as_long_as_the_critical_difference(make, body):
    text, figures = body(ranked(make), "ranks", "--name", "few")
    assert [cells(text, method)[1] for method in ("ksh", "itq", "sdh")] == ["1.2", "1.8", "3.0"]
    distance = critical_difference(3, 4)
    assert [cells(text, method)[2] for method in ("ksh", "itq", "sdh")] == ["yes", "yes", "no"]
    assert f"{distance:.1f}" in text
    [[[panel]]] = figures.values()
    points, *bars = panel.lines
    assert list(points.x) == [1.25, 1.75, 3.0]
    assert [bar.x[1] - bar.x[0] for bar in bars] == pytest.approx([distance] * 3)
    assert [panel.y_ticks[bar.y[0]] for bar in bars] == ["ksh", "itq", "sdh"]
    assert points.y[0] > points.y[1] > points.y[2], "the best lies above"


def test_a_difference_as_long_as_the_scale_is_said_to_tell_nothing(make, body):
    said = "tell no two of these methods apart"
    assert said not in body(ranked(make), "ranks", "--name", "four")[0]
    two = [record for record in ranked(make) if record.cell.bits in BITS[:2]]
    text, figures = body(two, "ranks", "--name", "two")
    assert said in text
    assert not figures, "all bars would meet"
    need = next(n for n in range(2, 9) if critical_difference(3, n) < 2)
    assert f"at least {need} blocks" in text
    assert body(ranked(make), "ranks", "--name", "more", "--min-blocks", str(need))[1]
    one = [record for record in two if record.cell.bits == 8]
    text, figures = body(one, "ranks", "--name", "one")
    assert "itq` 1, `ksh` 1, `sdh` 1" in text
    assert not figures
    text, figures = body(one, "ranks", "--name", "one", "--min-blocks", "1")
    assert (said in text, figures) == (True, {})


def test_only_what_is_asked_for_is_ranked(make, body):
    records = [*ranked(make), *ranked(make, dataset="mnist", **GIST)]
    text, _ = body(records, "ranks", "--name", "all", "--features", "gist")
    assert "mnist · 5k · gist" in text
    assert "pixels" not in text
    text, figures = body(records, "ranks", "--name", "all", "--supervision", "supervised")
    assert not figures
    assert "`ksh` 8, `sdh` 8." in text
    assert "No records yet" in body(records, "ranks", "--name", "all", "--devices", "gpu", about="ranking")[0]


def test_neighbours_are_compared_query_by_query(make, body, tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.05, 200)
    records = ranked(make)
    for i, record in enumerate(records):
        values = record.metrics["map"] + noise - noise.mean()
        np.savez(tmp_path / f"{i}.headline.npz", map=values)
    text, _ = body(records, "ranks", "--name", "few")
    assert cells(text, "ksh")[3:5] == ["", "better in 3 of 4, worse in 1"]
    assert cells(text, "itq")[3:5] == ["better in 3 of 4, worse in 1", "better in 4 of 4"]
    assert cells(text, "sdh")[3:5] == ["better in 4 of 4", ""]
    (tmp_path / "0.headline.npz").unlink()
    assert cells(body(records, "ranks", "--name", "few")[0], "itq")[4] == "not tested"


def test_a_comparison_on_several_features_is_refused_and_on_one_is_shown(make, body, tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.05, 200)
    noise -= noise.mean()
    records = [make(m, 48, v, **of) for of in ({}, GIST) for m, v in (("ksh", 0.6), ("sdh", 0.5))]
    for i, record in enumerate(records):
        np.savez(tmp_path / f"{i}.headline.npz", map=record.metrics["map"] + noise)
    with pytest.raises(InvalidInputError, match="sdh"):
        body(records, "compare", "--rows", "ksh", "sdh")
    assert "+0.100" in body(records, "compare", "--rows", "ksh", "sdh", "--features", "gist")[0]


def test_differences_stand_beside_comparable_numbers_and_far_ones_are_named(make, body):
    records = [*on_gist(make), make("random", 48, 0.1), make("mu_liu", 48, 0.7)]
    text, _ = body(records, "fidelity", "--explained", "lsh")
    assert [cells(text, "sdh")[i] for i in (4, 6, 7)] == ["0.390", "0.356", "+0.034"]
    assert "| **+0.034** |" in text
    assert cells(text, "ksh")[7] == "-0.006"
    assert "**3 of 4 numbers are within 0.02, and 3 of 4 methods" in text
    assert "`sdh` at 48 bits, +0.034 (unexplained)" in text
    assert "random" not in text
    assert "`mu_liu`" in text.split("No published map")[1]
    explained, _ = body(records, "fidelity", "--explained", "sdh")
    assert "+0.034 (see [sdh](fidelity.md#sdh))" in explained
    assert "**4 of 4 numbers" in body(records, "fidelity", "--tolerance", "0.05")[0]


def test_another_split_stands_apart_with_its_reason_and_other_features_have_no_difference(make, body):
    text, _ = body([make("itq", 48, 0.170, **GIST), make("dpsh", 48, 0.75)], "fidelity")
    assert cells(text, "itq")[7] == "-0.005"
    assert "59,000" in cells(text, "itq")[-1]
    assert not any(line.startswith("| `dpsh`") for line in text.splitlines())
    assert "`dpsh`" in text.split("other features")[1]


def test_tau_is_that_of_a_naive_count_and_reversed_pairs_are_named(make, body):
    text, _ = body(on_gist(make), "order", "--explained", "sdh")
    [line] = [line for line in text.splitlines() if line.startswith("| all sources")]
    theirs = {m: quotes(m, "cifar10", "5k", "map", 48, "gist", None, "nothing")[0].number.value for m in OURS}
    pairs = list(combinations(OURS, 2))
    signs = [np.sign((OURS[a] - OURS[b]) * (theirs[a] - theirs[b])) for a, b in pairs]
    ties = sum(theirs[a] == theirs[b] for a, b in pairs)
    tau = sum(signs) / np.sqrt(len(pairs) * (len(pairs) - ties))
    assert float(line.split("|")[7]) == pytest.approx(tau, abs=0.005)
    assert line.split("|")[8].strip() == "0 of 6"
    turned, _ = body(on_gist(make, {**OURS, "cca_itq": 0.40}), "order", "--explained", "sdh")
    listed = [line for line in turned.splitlines() if line.startswith("- all")]
    assert [line.endswith(": unexplained.") for line in listed] == [True, False]
    assert "`ksh` (0.356, 0.350) above `cca_itq` (0.295, 0.400)" in listed[0]
    assert "see [sdh](fidelity.md#sdh)" in listed[1]
    assert "No source" in body(on_gist(make), "order", "--min-methods", "5")[0]
