"""A failed check says what is wrong with the plugin, and does not blame what is right."""

import dataclasses

import numpy as np
import pytest
import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.testing import findings, refusals
from hashbench.testing.faults import Fault, fault_of, grouped
from hashbench.testing.toy import toy
from hashbench.training import DeepHashMethod

dataclass = dataclasses.dataclass(eq=False, repr=False, kw_only=True)


@dataclass
class Sound(HashMethod):
    def _fit(self, X, y, generator, **options):
        self.mean_ = X.mean(0)
        self.normals_ = torch.randn(X.shape[1], self.n_bits, generator=generator)

    def _project(self, X):
        return (X - self.mean_) @ self.normals_


@dataclass
class Reads(Sound, CrossViewMethod):
    def _project_text(self, T):
        return T @ self.normals_[: T.shape[1]]


def changed(base=Sound, **changes):
    return dataclass(type("Changed", (base,), {"__module__": __name__, **changes}))


def checked(cls):
    """The groups of faults, {words: names of checks}, and {check: why it does not apply}."""
    found = list(findings("method", cls))
    faults = [(item.check, fault_of(item.error, cls)) for item in found if item.error is not None]
    groups = {str(fault): [first, *others] for first, fault, others in grouped(faults)}
    groups = {words: names for words, names in groups.items() if names != ["documents its source"]}
    return groups, {item.check: item.not_applicable for item in found if item.not_applicable}


def cryptic(self, X, y, generator):
    return {}["a"]


def draws(self, X, y, generator):
    Sound._fit(self, X, y, generator)
    self.normals_ = torch.randn(X.shape[1], self.n_bits)


def nan_for_many_labels(self, X, y, generator):
    Sound._fit(self, X, y, generator)
    if y.ndim == 2:
        self.mean_ = self.mean_ * np.nan


def nan(self, X):
    return Sound._project(self, X) * np.nan


def random_values(self, X):
    return Sound._project(self, X) + torch.randn(len(X), self.n_bits)


def test_an_error_of_the_plugin_is_said_once_with_its_type_and_line():
    ((words, checks),) = checked(changed(_fit=cryptic))[0].items()
    line = cryptic.__code__.co_firstlineno + 1
    assert words == f"KeyError: 'a' (test_faults.py, line {line})"
    assert {"is deterministic", "refuses wrong input", "is kept in a file"} <= set(checks)
    assert len(checks) == 9


@pytest.mark.parametrize("hooks", [{"_fit": HashMethod._fit}, {"_project": lambda self, X: X.numpy()}])
def test_a_wrong_hook_is_said_once(hooks):
    ((words, checks),) = checked(changed(**hooks))[0].items()
    assert next(iter(hooks)) in words
    assert len(checks) >= 8


def test_nan_is_said_once_and_blamed_on_nothing_else():
    ((words, checks),) = checked(changed(_project=nan))[0].items()
    assert "NaN" in words
    assert len(checks) == 7
    for alien in ("generator", "labels", "y;", "training mode", "centred", "saved"):
        assert alien not in words


def test_infinity_is_not_called_nan():
    (words,) = checked(changed(_project=lambda self, X: torch.full((len(X), self.n_bits), torch.inf)))[0]
    assert "infinity" in words
    assert "NaN" not in words


@pytest.mark.filterwarnings("ignore:std:UserWarning")
def test_nan_of_one_item_alone_is_a_matter_of_what_is_encoded_with_it():
    groups, _ = checked(changed(_project=lambda self, X: Sound._project(self, X) / X.std(0).mean()))
    ((words, checks),) = groups.items()
    assert checks == ["encodes each item by itself"]
    assert "among others" in words


def test_an_unseeded_draw_is_not_blamed_on_labels():
    groups, left_out = checked(changed(_fit=draws))
    assert list(groups.values()) == [["is deterministic"]]
    assert "sees only the labels it declares" in left_out


def test_values_that_are_random_are_said_to_be():
    ((words, checks),) = checked(changed(_project=random_values))[0].items()
    assert "second time" in words
    assert {"encodes each item by itself", "is deterministic", "is kept in a file"} == set(checks)


def test_texts_with_nan_or_random_values_are_said_to_be():
    wrong = checked(changed(Reads, _project_text=lambda self, T: Reads._project_text(self, T) * np.nan))[0]
    ((words, checks),) = [(words, names) for words, names in wrong.items() if "project_text()" in words]
    assert "NaN" in words
    assert len(checks) >= 4
    random = checked(changed(Reads, _project_text=lambda self, T: torch.randn(len(T), self.n_bits)))[0]
    assert any("project_text()" in words and "second time" in words for words in random)


def test_labels_are_blamed_for_nan_only_where_they_make_it():
    fits = {"supervision": "supervised", "_fit": nan_for_many_labels}
    with pytest.raises(AssertionError, match="NaN for multi-hot labels"):
        refusals.sees_only_the_labels_it_declares(changed(**fits))
    always = {"supervision": "supervised", "_project": nan}
    with pytest.raises(AssertionError, match=r"project\(\)"):
        refusals.sees_only_the_labels_it_declares(changed(**always))


def test_a_loss_of_nan_is_not_answered_by_advice_about_wrong_input():
    @dataclass
    class Diverges(DeepHashMethod):
        pretraining: str = "none"

        def loss(self, z, batch):
            return (z * np.nan).mean()

    with pytest.raises(FloatingPointError):
        refusals.refuses_wrong_input(Diverges)


def test_an_error_on_wrong_input_alone_is_answered_by_the_advice():
    def strict(self, X):
        if X.shape[1:] != (16,):
            raise KeyError("width")
        return HashMethod.project(self, X)

    with pytest.raises(AssertionError, match="raise InvalidInputError instead"):
        refusals.refuses_wrong_input(changed(project=strict))


def test_the_words_of_an_error():
    def error_of(call):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            call()
        return fault_of(caught.value, Sound)

    def bare():
        assert toy is None

    def ours():
        raise InvalidInputError("own: what\n to do")

    def empty():
        raise ValueError

    assert error_of(ours) == Fault("own: what to do")
    assert error_of(bare).words.startswith("AssertionError")
    assert error_of(bare).place.startswith("test_faults.py, line ")
    assert str(error_of(empty)).startswith("ValueError (test_faults.py, line ")
    assert fault_of(StopIteration(), Sound) == Fault("StopIteration")  # raised nowhere


def test_faults_that_differ_in_numbers_alone_are_one_but_not_those_of_two_lines():
    first, again = Fault("loss of shape (16,)"), Fault("loss of shape (48,)")
    other, line = Fault("loss of type (16,)"), Fault("loss of shape (16,)", "own.py, line 3")
    assert grouped([("a", first), ("b", other), ("c", again), ("d", line)]) == [
        ("a", first, ["c"]),
        ("b", other, []),
        ("d", line, []),
    ]
    assert not line.is_like(Fault(line.words, "own.py, line 4"))
