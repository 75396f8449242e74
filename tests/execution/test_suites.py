"""The suites of the package and of the user: what they hold, and what is refused."""

import itertools

import pytest

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.execution.grid import expand
from hashbench.execution.suite import make_suite, read_suite, suite_names


def works_of(name):
    return expand(make_suite(read_suite(name), name)).works


def test_the_ablation_holds_the_experiment_of_the_paper_and_its_controls():
    works = works_of("mu-liu-ablation")
    found = {work.label.split()[0] + f": {work.cell.label}" for work in works}
    assert {
        "R0: mu_liu (pretraining=none)",
        "R1: mu_liu (budget=total, pretraining=none)",
        "R2: mu_liu (pretraining=frozen)",
        "R3: mu_liu",
        "R4: mu_liu (pretraining=joint)",
        "R5: itq",
        "R6: classifier",
    } <= found
    assert {work.cell.features for work in works if work.cell.method == "itq"} == {"cnn"}
    assert {(work.cell.dataset, work.cell.bits, work.cell.repetition) for work in works} == set(
        itertools.product(("mnist", "cifar10"), (12, 24, 32, 48), range(3))
    )


def test_ours_holds_our_constants_beside_the_authors():
    works = works_of("ours")
    assert {work.label or work.cell.label for work in works} == {
        *("lsh", "cca_itq", "ksh", "sdh"),
        *("ours: centred", "ours: rho = 1", "ours: whitened", "ours: mean distance, raw rows"),
    }
    assert {
        (work.cell.dataset, work.cell.features, work.cell.bits, work.cell.repetition) for work in works
    } == set(itertools.product(("mnist", "cifar10"), ("pixels", "cnn"), (12, 24, 32, 48), range(3)))


def test_shipped_suites_are_valid():
    assert suite_names() == [
        "authentication",
        "cross-view",
        "drlih",
        "mu-liu-ablation",
        "ours",
        "paper",
        "quick",
        "semi",
    ]
    for name in suite_names():
        suite = make_suite(read_suite(name), name)
        assert suite.description
        assert expand(suite).works


def test_a_suite_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('methods = ["ksh"]\nbits = [8]\n[set]\nksh.n_anchors = 50\n"recipe.lr" = 0.1\n')
    suite = make_suite(read_suite(str(path)), "mine")
    assert suite.set == {"ksh.n_anchors": 50, "recipe.lr": 0.1}
    assert expand(suite).works[0].cell.params == {"n_anchors": 50}


def test_a_suite_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(
        InvalidInputError,
        match=r"mine\.toml' does not exist; give a path, or one of the names authentication, cross-view",
    ):
        read_suite(str(path))
    path.write_text("methods = [lsh]\n")
    with pytest.raises(InvalidInputError, match=r"mine\.toml' is not valid TOML.*line 1"):
        read_suite(str(path))
    with pytest.raises(UnknownNameError, match="unknown suite 'quik'; did you mean 'quick'"):
        read_suite("quik")
