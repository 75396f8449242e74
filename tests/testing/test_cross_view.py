"""The checks of methods that read texts find the faults that they are there for."""

import dataclasses

import pytest
import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import canonical_pairs, cholesky, gram
from hashbench.testing import iter_checks

OF_TEXTS = {
    "encodes texts into the space of images",
    "encodes each text by itself",
    "learns from texts alike",
    "finds images by text",
    "refuses wrong texts",
}


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Sound(CrossViewMethod):
    def _fit(self, X, y, generator, texts=None):
        self.mean_, self.text_mean_ = X.mean(0), texts.mean(0)
        X, T = X - self.mean_, texts - self.text_mean_
        roots = [cholesky(gram(view, view), 0.1, relative=True) for view in (X, T)]
        self.A_, self.B_, _ = (part.float() for part in canonical_pairs(*roots, gram(X, T), self.n_bits))

    def _project(self, X):
        return (X - self.mean_) @ self.A_

    def _project_text(self, T):
        return (T - self.text_mean_) @ self.B_


def faults(**changes):
    """The checks of texts that a changed copy of the sound method fails."""
    changed = type("Changed", (Sound,), {"__module__": __name__, **changes})
    changed = dataclasses.dataclass(eq=False, repr=False, kw_only=True)(changed)
    return {name for name, error in iter_checks("method", changed) if error is not None} & OF_TEXTS


def test_a_sound_method_has_no_fault():
    assert faults() == set()


def longer(self, T):
    return torch.nn.functional.pad(Sound._project_text(self, T), (0, 1))


def constant(self, T):
    return torch.ones(len(T), self.n_bits)


def centred_by_the_batch(self, T):
    return (T - T.mean(0)) @ self.B_


def remembers_images(self, X):
    self.text_mean_ = self.text_mean_ + X.mean()
    return Sound._project(self, X)


def opposite(self, T):
    return -Sound._project_text(self, T)


def draws_globally(self, X, y, generator, texts=None):
    Sound._fit(self, X, y, generator, texts)
    self.text_mean_ = self.text_mean_ + 0.01 * torch.rand(1)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"_project_text": longer}, "encodes texts into the space of images"),
        ({"_project_text": constant}, "encodes texts into the space of images"),
        ({"_project_text": centred_by_the_batch}, "encodes each text by itself"),
        ({"_project": remembers_images}, "encodes each text by itself"),
        ({"_fit": draws_globally}, "learns from texts alike"),
        ({"_project_text": opposite}, "finds images by text"),
        ({"_project_text": constant}, "finds images by text"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value.values())).__name__,
)
def test_a_planted_fault_is_found(changes, check):
    assert check in faults(**changes)


def in_place(self, X, y=None, **options):
    fitted = CrossViewMethod.fit(self, X, y, **options)
    options["texts"][0, 0] ^= 1
    return fitted


def accepts_anything(self, T):
    try:
        return Sound._check_texts(self, T)
    except InvalidInputError:
        return torch.zeros(1, self.n_words_).numpy()


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"fit": in_place}, "learns from texts alike"),
        ({"_check_texts": accepts_anything}, "refuses wrong texts"),
    ],
    ids=["in_place", "accepts_anything"],
)
def test_a_planted_fault_of_fit_is_found(changes, check):
    assert check in faults(**changes)
