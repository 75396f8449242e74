"""Cards of methods: what is read out of files, classes, published numbers and records."""

import pytest

from hashbench.plugins import registry
from hashbench.plugins.registry import find, plugins
from hashbench.reporting.card import GRADES, card_of, pairs_of


def test_a_card_takes_the_docstring_apart() -> None:
    card = card_of(find("method", "ksh"))
    assert (card.name, card.title) == ("ksh", "Kernel-based supervised hashing (KSH)")
    assert card.grade == "read in the authors' code"
    assert card.formula.startswith("read in the authors' code (Liu")
    assert "CVPR 2012" in card.text
    assert "Formula:" not in card.text
    assert "Departures" not in card.text
    assert card.departures.startswith("all items given to ``fit`` are labelled")
    assert "learns from: labels" in card.facts


def test_parameters_are_told_apart_from_those_that_all_methods_have() -> None:
    card = card_of(find("method", "dpsh"))
    assert [p.line for p in card.own] == ["eta: float = 0.01"]
    assert card.own[0].text == "weight of the quantisation term, eq. (4)."
    shared = {p.name: p.text for p in card.shared}
    assert {"n_bits", "recipe", "budget"} <= shared.keys()
    assert shared["device"].startswith('"auto"')
    assert shared["device"].endswith('"cuda:1".')
    assert "n_labelled" not in " ".join(shared.values())


def test_two_parameters_can_share_a_text() -> None:
    own = {p.name: p.text for p in card_of(find("method", "ssdh")).own}
    assert own["graph_weight"] == own["pseudo_weight"] != own["margin"]


@pytest.mark.parametrize("grade", GRADES)
def test_each_grade_is_found_with_where_it_was_read(make_method, grade) -> None:
    card = card_of(make_method(f"Formula: {grade} (somebody's\nrelease).\n"))
    assert card.grade == grade
    assert card.formula == f"{grade} (somebody's release)"


@pytest.mark.parametrize("line", ["", "Formula: guessed.\n"])
def test_a_method_without_a_known_grade_says_so(make_method, line) -> None:
    card = card_of(make_method(line))
    assert card.grade is None
    assert card.formula == "not stated"


@pytest.fixture
def make_method(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_FILES", {})

    def make(line: str) -> type:
        path = tmp_path / "own.py"
        path.write_text(
            f'"""A method.\n\nSomebody, "Something", 2020.\n{line}Departures from the paper: none.\n"""\n'
            "from hashbench.contracts.method import HashMethod\n\n\nclass Own(HashMethod):\n    pass\n"
        )
        registry.register_file(path)
        return find("method", "own")

    return make


def test_results_with_the_default_parameters_stand_beside_published_numbers(make) -> None:
    records = [
        *(make("dpsh", 48, 0.7 + 0.02 * r, repetition=r) for r in (0, 1)),
        make("dpsh", 48, 0.9, params={"eta": 1.0}),
        make("dpsh", 12, None),
    ]
    [pair] = pairs_of("dpsh", records)
    assert (pair.dataset, pair.protocol, pair.features, pair.bits, pair.n) == (
        "cifar10",
        "5k",
        "images",
        48,
        2,
    )
    assert pair.ours == pytest.approx(0.71)
    assert pair.quote is not None
    assert pair.quote.number.value == 0.7828
    assert pair.difference == pytest.approx(0.71 - 0.7828)
    assert pairs_of("dsh", records) == []


def test_results_of_two_recipes_stand_apart(make) -> None:
    def of(digest, repetition, value):
        given = {"digests": {"recipe": digest}, "recipe": {"epochs": len(digest)}}
        return make("dpsh", 48, value, repetition=repetition, minute=len(digest), **given)

    records = [of("aaaaaaaaaa", 0, 0.5), of("aaaaaaaaaa", 1, 0.7), of("bbbbbbbb", 0, 0.3)]
    found = {pair.recipe: (pair.n, round(pair.ours, 9)) for pair in pairs_of("dpsh", records)}
    assert found == {"epochs=10": (2, 0.6), "epochs=8": (1, 0.3)}
    [alone] = pairs_of("dpsh", records[:2])
    assert (alone.recipe, alone.n) == ("", 2)


@pytest.mark.parametrize("name", plugins("method"))
def test_every_method_says_where_its_formula_was_read_and_what_departs(name) -> None:
    card = card_of(find("method", name))
    assert card.grade in GRADES
    assert card.departures
