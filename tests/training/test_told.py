"""What a deep method is told before the training and between its epochs, and the data set's rules."""

import dataclasses

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.errors import InvalidInputError
from hashbench.testing.toy import N_CLASSES, SHORT, new, toy
from hashbench.training import DeepHashMethod
from hashbench.training.pretrain import train_backbone

X, y = toy("images")


@pytest.fixture(scope="module")
def start():
    return train_backbone(torch.tensor(X), torch.tensor(y), SHORT, seed=0)


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Told(DeepHashMethod):
    """Keeps what it is told."""

    def make_state(self, data):
        self.data_, self.start_features_, self.epochs_ = data, data.features(), []
        assert data.features() is self.start_features_, "computed once"
        return

    def refresh(self, epoch):
        self.epochs_.append((epoch.progress, epoch.labels, epoch.outputs(), epoch.features()))

    def loss(self, z, batch):
        return (z - batch.labels[:, None]).square().mean()


@pytest.mark.parametrize("pretraining", ["softmax", "frozen", "none", "joint"])
def test_a_method_is_told_of_all_training_images(pretraining, start):
    given = {"start": start} if pretraining in ("softmax", "frozen") else {}
    method = new(Told, pretraining=pretraining, recipe=Recipe(pretrain_epochs=0, epochs=2, batch_size=48))
    method.fit(X, y, **given)
    data, pixels = method.data_, torch.tensor(X)
    assert (data.n, data.n_classes, data.n_features) == (96, N_CLASSES, 256)
    assert torch.equal(data.labels, torch.tensor(y))
    assert method.start_features_.shape == (96, 256)
    if given:
        with torch.no_grad():
            np.testing.assert_allclose(method.start_features_, start.features(pixels), atol=0.05)
    assert [progress for progress, *_ in method.epochs_] == [0, 0.5, 1]
    assert torch.equal(method.epochs_[0][-1], method.start_features_), "of a network that is not trained yet"
    with torch.no_grad():
        for values, expected in zip(
            method.epochs_[-1][2:], (method.network_(pixels), method.network_.features(pixels)), strict=True
        ):
            np.testing.assert_allclose(values, expected, atol=0.05)
    frozen = not method.network_.backbone.training and pretraining == "frozen"
    assert frozen == torch.equal(method.epochs_[-1][-1], method.start_features_)


def test_mirroring_is_the_data_sets_to_allow():
    fitted = [
        new(Told, invariances=Invariances(mirror=mirror), recipe=dataclasses.replace(SHORT, epochs=0))
        .fit(X, y)
        .project(images)
        for mirror in (False, True)
        for images in (X, np.flip(X, 3))
    ]
    assert not np.allclose(fitted[0], fitted[1], atol=0.05)
    np.testing.assert_allclose(fitted[2], fitted[3], atol=0.05)


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Rests(DeepHashMethod):
    """Looks at its own modules in ``refresh``, through a readout with batch statistics."""

    def make_state(self, data):
        state = torch.nn.BatchNorm1d(self.n_bits, affine=False)
        state.register_buffer("codes", torch.zeros(data.n, self.n_bits))
        self.seen_ = []
        return state

    def readout(self, z):
        return self.state_(z)

    def refresh(self, epoch):
        statistics = self.state_.running_mean.clone()
        self.state_.codes.copy_(self.readout(epoch.outputs()))
        assert torch.equal(self.state_.running_mean, statistics)
        self.seen_.append((self.state_.training, self.network_.training, torch.is_grad_enabled()))

    def loss(self, z, batch):
        assert self.state_.training
        return (self.readout(z) - batch.labels[:, None]).square().mean()


def test_between_epochs_a_methods_modules_rest(start):
    method = new(Rests, recipe=dataclasses.replace(SHORT, epochs=2)).fit(X, y, start=start)
    assert method.seen_ == [(False, False, False)] * 3


@pytest.mark.parametrize(("supervision", "share"), [("semi-supervised", None), ("supervised", 0.5)])
def test_a_labelled_share_belongs_to_semi_supervised_methods(supervision, share):
    method = type("Odd", (Told,), {"supervision": supervision, "labelled_share": share})
    with pytest.raises(InvalidInputError, match="labelled_share"):
        new(method).fit(X, y)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_few_images_and_wide_crops_train_too(n):
    few = [0, 1, *range(2, n)]
    classes = np.arange(n) % 2
    recipe = dataclasses.replace(SHORT, batch_size=2, crop=0.95)
    assert np.isfinite(new(Told, recipe=recipe).fit(X[few], classes).project(X)).all()
    with pytest.raises(InvalidInputError, match="one image"):
        new(Alone).fit(X[:1])


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Alone(DeepHashMethod):
    supervision = "unsupervised"
    pretraining: str = "none"

    def loss(self, z, batch):
        return z.square().mean()
