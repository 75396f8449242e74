import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.testing.toy import N_CLASSES, toy
from hashbench.training.network import build_network
from hashbench.training.pretrain import train_backbone

X, y = (torch.tensor(array) for array in toy("images"))
multi_hot = torch.nn.functional.one_hot(y).float()
multi_hot[y == 1, 0] = 1  # two labels, which softmax could not both give
SHORT = Recipe(pretrain_epochs=6, batch_size=16)


def test_it_learns_to_classify_unseen_images():
    network = train_backbone(X, y, SHORT, seed=0)
    assert not network.training
    images, labels = toy("images", 1)
    predicted = network(torch.tensor(images)).argmax(1)
    assert (predicted.numpy() == labels).mean() > 0.8


def test_multi_hot_labels_get_a_logistic_output_each():
    network = train_backbone(X, multi_hot, SHORT, seed=0)
    z = network(X).detach()
    assert z.shape == (96, N_CLASSES)
    assert ((z > 0) == (multi_hot > 0)).float().mean() > 0.9
    assert (z[y == 1, :2] > 0).float().mean() > 0.9


def test_without_epochs_the_network_is_as_initialised():
    network = train_backbone(X, y, Recipe(pretrain_epochs=0), seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = dict(build_network(X, Recipe(), N_CLASSES).named_parameters())
    for name, value in network.named_parameters():
        assert torch.equal(value, expected[name])
    assert not network.training


def test_the_seed_decides_and_the_global_generator_neither_matters_nor_moves():
    recipe = Recipe(pretrain_epochs=1, batch_size=48)
    with torch.random.fork_rng(devices=[]):
        first = train_backbone(X, y, recipe, seed=0).state_dict()
        torch.manual_seed(5)
        before = torch.get_rng_state()
        again = train_backbone(X, y, recipe, seed=0).state_dict()
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(again[name], value) for name, value in first.items())
    other = train_backbone(X, y, recipe, seed=1).state_dict()
    assert not torch.equal(other["head.weight"], first["head.weight"])


@pytest.mark.parametrize("labels", [y, multi_hot], ids=["classes", "multi-hot"])
def test_the_loss_is_that_of_the_recipe(labels, monkeypatch):
    """One step at rate ~0 on all images, so that the loss is known from the untouched network."""
    seen = []
    backward = torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda self: (seen.append(self.item()), backward(self)))
    recipe = Recipe(
        pretrain_epochs=1,
        batch_size=96,
        crop=0.0,
        warp=0.0,
        jitter=0.0,
        label_smoothing=0.25,
        lr=1e-9,
        schedule="cosine",
    )
    train_backbone(X, labels, recipe, seed=0)
    start = train_backbone(X, labels, Recipe(pretrain_epochs=0), seed=0)
    with torch.no_grad():
        z = start.train()(X).double().numpy()
    if labels.ndim == 1:
        log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
        expected = -0.75 * log_p[np.arange(96), y].mean() - 0.25 * log_p.mean()
    else:
        p = 1 / (1 + np.exp(-z))
        t = multi_hot.numpy()
        expected = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert seen == [pytest.approx(expected, rel=1e-3)]


def test_the_recipe_names_the_backbone():
    network = train_backbone(X, y, Recipe(pretrain_epochs=0, backbone="nin"), seed=0)
    assert network.head.in_features == 96
