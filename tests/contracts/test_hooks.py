"""A hook that is missing or gives the wrong kind is an error that names the method and the hook."""

import dataclasses

import numpy as np
import pytest
import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.contracts.dataset import Dataset
from hashbench.contracts.method import HashMethod
from hashbench.errors import BrokenPluginError
from hashbench.testing.toy import SHORT, toy, toy_texts
from hashbench.training import DeepHashMethod


def made(base, **hooks):
    changed = type("Made", (base,), {"__module__": __name__, **hooks})
    return dataclasses.dataclass(eq=False, repr=False, kw_only=True)(changed)


def nothing(self, X, y, generator, **options):
    pass


def fitted_projection(gives):
    return made(HashMethod, _fit=nothing, _project=lambda self, X: gives)(device="cpu").fit(
        toy("features")[0]
    )


def test_a_missing_hook_is_named():
    X, _ = toy("features")
    with pytest.raises(BrokenPluginError, match=r"test_hooks has no _fit\(self, X, y, generator\)"):
        made(HashMethod)(device="cpu").fit(X)
    with pytest.raises(BrokenPluginError, match=r"test_hooks has no _project\(self, X\)"):
        made(HashMethod, _fit=nothing)(device="cpu").fit(X).project(X)
    texts = made(CrossViewMethod, _fit=nothing)(device="cpu").fit(X, texts=toy_texts())
    with pytest.raises(BrokenPluginError, match=r"test_hooks has no _project_text\(self, T\)"):
        texts.project_text(toy_texts())
    deep = made(DeepHashMethod)(device="cpu", recipe=SHORT, pretraining="none")
    with pytest.raises(BrokenPluginError, match=r"test_hooks has no loss\(self, z, batch\)"):
        deep.fit(*toy("images"))


@pytest.mark.parametrize(
    ("value", "kind"), [(np.zeros((96, 8)), r"numpy\.ndarray"), ((1, 2), "tuple"), (None, "None")]
)
def test_values_that_are_no_tensor_are_named(value, kind):
    with pytest.raises(BrokenPluginError, match=rf"_project\(\) of test_hooks gives {kind};.*torch\.Tensor"):
        fitted_projection(value).project(toy("features")[0])
    texts = made(CrossViewMethod, _fit=nothing, _project_text=lambda self, T: value)(device="cpu")
    with pytest.raises(BrokenPluginError, match=rf"_project_text\(\) of test_hooks gives {kind};"):
        texts.fit(toy("features")[0], texts=toy_texts()).project_text(toy_texts())


@pytest.mark.parametrize("pretraining", ["none", "joint"])
@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda self, z, batch: z.square().mean(1), r"shape \(48,\); a scalar"),
        (lambda self, z, batch: z.square().mean()[None], r"shape \(1,\); a scalar"),
        (lambda self, z, batch: z.square().mean().item(), r"float; a torch\.Tensor"),
        (lambda self, z, batch: None, r"None; a torch\.Tensor"),
    ],
)
def test_a_loss_that_is_no_scalar_is_named(loss, said, pretraining):
    method = made(DeepHashMethod, loss=loss)(device="cpu", recipe=SHORT, pretraining=pretraining)
    with pytest.raises(BrokenPluginError, match=rf"loss\(\) of test_hooks gives {said}"):
        method.fit(*toy("images"))


def test_a_readout_that_is_no_tensor_is_named():
    method = made(
        DeepHashMethod,
        loss=lambda self, z, batch: z.square().mean(),
        readout=lambda self, z: z.numpy(),
    )(device="cpu", recipe=SHORT, pretraining="none")
    X, y = toy("images")
    method.fit(X, y)
    with pytest.raises(BrokenPluginError, match=r"readout\(\) of test_hooks gives numpy\.ndarray"):
        method.project(X)


def test_a_tensor_passes_as_it_is():
    values = torch.arange(96 * 4, dtype=torch.float64).reshape(96, 4)
    assert (fitted_projection(values).project(toy("features")[0]) == values.numpy()).all()


def test_a_data_set_that_does_not_load_is_named(tmp_path):
    with pytest.raises(BrokenPluginError, match=r"has no load\(self, root\)"):
        Dataset().load(tmp_path)
