"""What the supervised deep losses must survive: extreme outputs, one class, two images, no label."""

import pytest
import torch

from hashbench.plugins.registry import find
from hashbench.training import Batch, TrainingData

CLASSIFIERS = ["greedyhash", "dlbhc", "ssdh_classes", "ce_sign"]
CENTRES = ["csq", "dpn", "orthohash", "proxy_anchor", "norm_softmax"]
PAIRS = ["hashnet", "dhn", "dch", "mihash", "talr_ap", "supcon"]
N, N_BITS, N_CLASSES = 12, 6, 3
z = torch.randn(N, N_BITS, generator=torch.Generator().manual_seed(0))
labels = torch.arange(N) % N_CLASSES
pytestmark = pytest.mark.parametrize("name", CLASSIFIERS + CENTRES + PAIRS)


def value_and_gradient(name, outputs, y):
    torch.manual_seed(0)
    method = find("method", name)(n_bits=N_BITS)
    method.n_classes_ = N_CLASSES
    method.state_ = method.make_state(TrainingData(y, N_CLASSES))
    outputs = outputs.clone().requires_grad_()
    value = method.loss(outputs, Batch(y, torch.arange(len(y)), 0.5))
    value.backward()
    return value.detach(), outputs.grad


@pytest.mark.parametrize("outputs", [0 * z, 50 * z.sign(), 50 * torch.ones_like(z)])
@pytest.mark.parametrize("y", [labels, torch.full_like(labels, 2), torch.eye(3)[labels]])
def test_the_loss_and_its_gradient_are_finite(name, outputs, y):
    value, gradient = value_and_gradient(name, outputs, y)
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("y", [[0, 0], [0, 1]])
def test_a_batch_of_two_is_enough(name, y):
    value, gradient = value_and_gradient(name, z[:2], torch.tensor(y))
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


def test_classes_as_multi_hot_labels_are_the_same_images(name):
    one_hot = torch.eye(N_CLASSES)[labels]
    of_one_hot, of_index = value_and_gradient(name, z, one_hot)[0], value_and_gradient(name, z, labels)[0]
    if name in CLASSIFIERS:  # they ask for each class by itself then: another loss
        assert of_one_hot != pytest.approx(of_index.item(), rel=1e-3)
    else:
        assert of_one_hot.item() == pytest.approx(of_index.item(), rel=1e-5)


def test_images_of_several_classes_and_of_none_are_taken(name):
    several = torch.eye(N_CLASSES)[labels]
    several[:5, 1] = 1
    several[5] = 0
    value, gradient = value_and_gradient(name, z, several)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()
    assert value != value_and_gradient(name, z, torch.eye(N_CLASSES)[labels])[0]


def test_the_order_of_the_batch_does_not_matter(name):
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    value, gradient = value_and_gradient(name, z, labels)
    other_value, other_gradient = value_and_gradient(name, z[order], labels[order])
    assert other_value.item() == pytest.approx(value.item(), rel=1e-5)
    torch.testing.assert_close(other_gradient, gradient[order], rtol=1e-3, atol=1e-5)
    assert (gradient != 0).any()


def test_no_bit_is_left_without_a_gradient(name):
    assert (value_and_gradient(name, z, labels)[1] != 0).any(dim=0).all()
