"""The label-free backbone: its loss, its views, what it may see."""

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.errors import InvalidInputError
from hashbench.features.ssl import SSL
from hashbench.testing import iter_checks
from hashbench.testing.toy import toy
from hashbench.training.unlabelled import covariance, lack_of_variance, train_unlabelled, vicreg

X, y = (torch.tensor(array) for array in toy("images"))
SHORT = Recipe(pretrain_epochs=2, batch_size=48)


def test_it_passes_the_checks_of_a_feature():
    assert [(check, error) for check, error in iter_checks("feature", SSL) if error is not None] == []


def train(labels=None, seed=0, feature=None):
    return (feature or SSL()).train(X, labels, SHORT, seed, invariances=Invariances())


def same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_labels_change_no_bit_and_the_seed_decides():
    first = train()
    assert not first.training
    for labels in (y, y.flip(0), torch.full_like(y, -1), torch.full((96, 4), torch.nan)):
        assert same(first, train(labels))
    assert not same(first, train(seed=1))


def test_it_trains_longer_on_demand():
    assert len(train().pretrain_losses) == 2
    longer = SSL.from_argument("1.5")
    assert len(train(feature=longer).pretrain_losses) == 3
    assert longer.digest() != SSL.from_argument(None).digest() is None


@pytest.mark.parametrize("argument", ["0", "-1", "nan", "inf", "long", ""])
def test_a_length_that_is_none_is_refused(argument):
    if argument == "":
        assert SSL.from_argument(argument).times() == 1
        return
    with pytest.raises(InvalidInputError, match="positive number"):
        SSL.from_argument(argument)


def test_it_sees_as_many_views_as_a_classifier_sees_images(monkeypatch):
    from hashbench.training import images
    from hashbench.training.pretrain import train_backbone

    seen = []
    augmented = images.DeviceImages.augmented

    def counted(self, index, draws, n_weak=0):
        seen.append(len(index))
        return augmented(self, index, draws, n_weak)

    monkeypatch.setattr(images.DeviceImages, "augmented", counted)
    train_backbone(X, y, SHORT, 0)
    with_labels = sum(seen)
    seen.clear()
    train()
    assert sum(seen) == with_labels == 192


def test_vicreg_is_a_loop_over_images_and_dimensions():
    b, d = 6, 3
    left, right = torch.randn(2, b, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    distance = sum((left[i, k] - right[i, k]) ** 2 for i in range(b) for k in range(d)) / (b * d)
    lack = across = 0.0
    for z in (left.numpy(), right.numpy()):
        centred = z - z.mean(0)
        for k in range(d):
            lack += max(0, 1 - np.sqrt((centred[:, k] ** 2).sum() / (b - 1) + 1e-4)) / d
            for other in range(d):
                if other != k:
                    across += ((centred[:, k] * centred[:, other]).sum() / (b - 1)) ** 2 / d
    assert vicreg(left, right).item() == pytest.approx(25 * distance.item() + 25 * lack + across, rel=1e-9)


def test_vicreg_at_its_limits():
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * 2
    assert covariance(signs).item() == pytest.approx(0, abs=1e-6), "columns are not correlated"
    assert lack_of_variance(signs).item() == 0
    assert vicreg(signs, signs).item() == pytest.approx(0, abs=1e-5)
    collapsed = torch.ones(4, 2)
    assert lack_of_variance(collapsed).item() == pytest.approx(0.99)
    small = (signs / 10).requires_grad_()
    lack_of_variance(small).backward()
    assert (small.grad * small < 0).all(), "it pushes embeddings apart"


def test_no_epochs_leave_the_network_as_initialised():
    from hashbench.training.pretrain import untrained_network

    recipe = Recipe(pretrain_epochs=0)
    plain = untrained_network(X, recipe, 512, 0)
    assert same(train_unlabelled(X, recipe, 0), plain)
