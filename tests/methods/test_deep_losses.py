"""What holds for the loss of every method that compares images of a batch."""

import pytest
import torch

from hashbench.plugins.registry import find
from hashbench.training import Batch, TrainingData

METHODS = ["dpsh", "dsh", "dtsh", "mu_liu", "hashnet", "dhn", "dch", "mihash", "talr_ap", "supcon"]
METHODS += ["dqn_cos", "hswd", "idhn", "mmhh"]
N, N_BITS = 15, 6
z = torch.randn(N, N_BITS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
labels = torch.arange(N) % 3
pytestmark = pytest.mark.parametrize("name", METHODS)


def loss(name, outputs=z, y=labels):
    method = find("method", name)(n_bits=N_BITS)
    state = method.make_state(TrainingData(y, int(y.max()) + 1))
    method.state_ = None if state is None else state.to(outputs.dtype)
    return method.loss(outputs, Batch(y, torch.arange(len(y)), 0.0))


def draw(n):
    return torch.randperm(n, generator=torch.Generator().manual_seed(1))


def test_the_order_of_images_does_not_matter(name):
    order = draw(N)
    assert loss(name, z[order], labels[order]).item() == pytest.approx(loss(name).item(), rel=1e-12)
    assert loss(name, z[order]).item() != pytest.approx(loss(name).item(), rel=1e-4)


def test_bits_may_be_permuted_and_flipped_in_all_images_together(name):
    flips = torch.tensor([1.0, -1, -1, 1, -1, 1])
    assert loss(name, (z * flips)[:, draw(N_BITS)]).item() == pytest.approx(loss(name).item(), rel=1e-12)


def test_one_hot_labels_mean_what_class_indices_mean(name):
    one_hot = torch.nn.functional.one_hot(labels).float()
    assert loss(name, y=one_hot).item() == pytest.approx(loss(name).item(), rel=1e-12)


def test_names_of_classes_do_not_matter(name):
    assert loss(name, y=(labels + 1) % 3 * 5).item() == pytest.approx(loss(name).item(), rel=1e-12)


def test_perfect_codes_cost_less_than_random_and_opposed_ones(name):
    words = torch.tensor([[1.0, 1, 1, 1, 1, 1], [1, 1, -1, -1, -1, -1], [-1, -1, 1, 1, -1, -1]]).double()
    perfect = words[labels]
    collapsed = words[labels * 0]
    opposed = words[torch.arange(N) // 5]  # codes that follow another partition of the images
    random = z.sign()
    assert loss(name, perfect) < min(loss(name, codes) for codes in (collapsed, opposed, random))


@pytest.mark.parametrize("y", [labels, torch.arange(N), torch.zeros(N, dtype=torch.int64)])
def test_single_precision_is_finite_at_large_outputs(name, y):
    outputs = (50 * z.sign()).float().requires_grad_()
    value = loss(name, outputs, y)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(outputs.grad).all()


def test_every_output_gets_a_gradient(name):
    outputs = z.float().requires_grad_()
    loss(name, outputs).backward()
    assert (outputs.grad != 0).all()
