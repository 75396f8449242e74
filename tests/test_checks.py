import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import torch

from hashbench.contracts.dataset import Dataset, Images, Texts
from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.plugins.registry import find, plugins
from hashbench.testing import DATASET_CHECKS, METHOD_CHECKS, check_method, iter_checks
from hashbench.testing.toy import toy


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", plugins("method"))
def test_method(name, check):
    check(find("method", name))


@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", plugins("dataset"))
def test_dataset(name, check, tmp_path):
    dataset = find("dataset", name)
    try:
        dataset.from_argument(None)
    except InvalidInputError:
        dataset = dataset.from_argument(str(write_folder(tmp_path)))
    try:
        check(dataset)
    except MissingDataError as error:
        pytest.skip(str(error))


def write_folder(path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (path / label).mkdir()
        for i in range(3):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path / label / f"{i}.png")
    return path


# -- the checks themselves: each must find the fault that it is there for ---------------------------


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Sound(HashMethod):
    def _fit(self, X, y, generator):
        self.mean_ = X.mean(0)
        self.normals_ = torch.randn(X.shape[1], self.n_bits, generator=generator)

    def _project(self, X):
        return (X - self.mean_) @ self.normals_


def faults(cls, **changes):
    """The names of the checks that a changed copy of ``cls`` fails."""
    changed = type("Changed", (cls,), {"__module__": __name__, **changes})
    changed = dataclasses.dataclass(eq=False, repr=False, kw_only=True)(changed)
    return {name for name, error in iter_checks("method", changed) if error is not None}


def test_a_sound_method_lacks_only_its_docstring():
    assert faults(Sound) == {"documents its source"}


def draws_globally(self, X, y, generator):
    Sound._fit(self, X, y, generator)
    self.normals_ = torch.randn(X.shape[1], self.n_bits)


def constant(self, X):
    return torch.ones(len(X), self.n_bits)


def peeks(self, X, y=None):
    HashMethod.fit(self, X)
    if y is not None:
        self.mean_ = self.mean_ + 1
    return self


def mutates(self, X, y, generator):
    Sound._fit(self, X, y, generator)
    X -= self.mean_


def swallows(self, X):
    return HashMethod.project(self, np.nan_to_num(np.asarray(X, np.float32)))


def hides(self, X, y, generator):
    Sound._fit(self, X, y, generator)
    self.shift = X.mean()  # learned, under a name that does not say so


def holds_code(self, X, y, generator):
    Sound._fit(self, X, y, generator)
    self.shifted_ = lambda X: X


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"supervision": "semi"}, "declares what it is"),
        ({"__init__": lambda self, **parameters: Sound.__init__(self)}, "refuses a misspelt parameter"),
        ({"_project": lambda self, X: X}, "gives values and codes of the right shape"),
        ({"_project": lambda self, X: (X - X.mean(0)) @ self.normals_}, "encodes each item by itself"),
        ({"_fit": draws_globally}, "is deterministic"),
        ({"_fit": mutates}, "leaves its input alone"),
        ({"_project": constant}, "makes codes that differ"),
        ({"_project": constant}, "beats chance"),
        ({"fit": peeks}, "sees only the labels it declares"),
        ({"supervision": "supervised", "_check_labels": lambda *_: None}, "sees only the labels it declares"),
        ({"project": swallows}, "refuses wrong input"),
        (
            {"_fit": hides, "_project": lambda self, X: Sound._project(self, X) + getattr(self, "shift", 0)},
            "is kept in a file",
        ),
        ({"_fit": holds_code}, "is kept in a file"),
    ],
)
def test_each_fault_is_found(changes, expected):
    assert expected in faults(Sound, **changes)


def test_a_class_without_the_decorator_is_found():
    class Bare(Sound):
        pass

    assert "declares what it is" in {name for name, error in iter_checks("method", Bare) if error}


def test_a_parameter_that_the_loss_ignores_is_found():
    from hashbench.training import DeepHashMethod

    @dataclasses.dataclass(eq=False, repr=False, kw_only=True)
    class Idle(DeepHashMethod):
        def make_state(self, data):
            return torch.nn.Linear(2, 2)

        def loss(self, z, batch):
            return z.square().mean()

    (check,) = [check for check in METHOD_CHECKS if check.__name__ == "trains_every_parameter"]
    with pytest.raises(AssertionError, match=r"no finite gradient for .*state"):
        check(Idle)


def test_check_method_raises_the_first_fault():
    check_method("lsh")
    with pytest.raises(AssertionError, match="must begin with one line"):
        check_method(Sound)


def test_toy_classes_are_apart_and_alike_in_all_draws():
    for inputs in ("features", "images"):
        (X, y), (Z, z) = toy(inputs, 0), toy(inputs, 1)
        X, Z = (part.reshape(len(part), -1).astype(float) for part in (X, Z))
        nearest = y[np.square(Z[:, None] - X).sum(2).argmin(1)]
        assert (nearest == z).all()
        assert not np.array_equal(X, Z)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dots(Dataset):
    licence: ClassVar[str] = "CC0"
    names: ClassVar = ("a", "b")

    def load(self, root):
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (20, 1, 4, 4), np.uint8)
        return Images(pixels=pixels, labels=np.arange(20) % 2, class_names=self.names)


def draws_anew(self, root):
    pixels = np.random.default_rng().integers(0, 256, (20, 1, 4, 4), np.uint8)
    return Images(pixels=pixels, labels=np.arange(20) % 2, class_names=self.names)


def texts_drawn_anew(self, images, view):
    if view != "v1":
        return Dataset.texts(self, images, view)
    return Texts(np.random.default_rng().integers(0, 2, (20, 9), np.uint8), tuple("abcdefghi"))


def texts_all_alike(self, images, view):
    if view != "v1":
        return Dataset.texts(self, images, view)
    return Texts(np.ones((20, 2), np.uint8), ("a", "b"))


def texts_of_any_view(self, images, view):
    return Texts(np.eye(20, dtype=np.uint8), tuple("abcdefghijklmnopqrst"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "documents its source"),  # this file has no docstring
        ({"licence": ""}, "documents its source"),
        ({"files": ("dots.bin",)}, "says what to do without its files"),
        ({"names": ("a", "b", "c")}, "labels every class"),
        ({"names": ("a", "a")}, "labels every class"),
        ({"load": draws_anew}, "loads the same twice"),
        ({"text_views": ("v1",)}, "gives each image a text"),
        ({"text_views": ("v1",), "texts": texts_drawn_anew}, "gives each image a text"),
        ({"text_views": ("v1",), "texts": texts_all_alike}, "gives each image a text"),
        ({"texts": texts_of_any_view}, "gives each image a text"),
    ],
)
def test_each_fault_of_a_data_set_is_found(changes, expected):
    changed = type("Changed", (Dots,), {"__module__": __name__, **changes})
    found = {name for name, error in iter_checks("dataset", changed) if error is not None}
    assert expected in found
    assert found <= {expected, "documents its source"} or "files" in changes
