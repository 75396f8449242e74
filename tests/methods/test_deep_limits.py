"""What holds for losses with a state of their own: centres, proxies, codes of the training images."""

import pytest
import torch

from hashbench.plugins.registry import find
from hashbench.training import Batch, Epoch, TrainingData

METHODS = ["adsh", "cnnh", "dcwh", "ddsh", "dfh", "dhd", "dnnh", "dqn_cos"]
METHODS += ["dsdh", "hhf", "hswd", "hyp2", "idhn", "jmlh", "mdshc", "mmhh"]
N_BITS, N_TRAIN = 6, 24
LABELS = torch.arange(N_TRAIN) % 3
SHARED = torch.nn.functional.one_hot(LABELS).float()
SHARED[:5, 1] = 1
SHARED[7] = 0  # an image without a class
pytestmark = pytest.mark.parametrize("name", METHODS)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def prepared(name, y):
    """A method whose state has seen an epoch's start."""
    torch.manual_seed(0)
    method = find("method", name)(n_bits=N_BITS)
    method.state_ = method.make_state(TrainingData(y, 3))
    outputs = draw(len(y), method.n_outputs(3), seed=5)
    method.refresh(Epoch(y, 0.0, torch.Generator().manual_seed(0), lambda: outputs, lambda: outputs))
    return method


def loss(method, z, y, index, progress=0.7):
    torch.manual_seed(1)
    views = method.views
    return method.loss(z.repeat(views, 1), Batch(torch.cat([y] * views), index.repeat(views), progress))


@pytest.mark.parametrize("y", [LABELS, SHARED, LABELS * 0], ids=["classes", "multi-hot", "one class"])
@pytest.mark.parametrize("n", [12, 2])
@pytest.mark.parametrize("scale", [0.0, 50.0])
def test_loss_and_gradient_are_finite_scalars(name, y, n, scale):
    method, index = prepared(name, y), torch.arange(n)
    z = (scale * draw(n, method.n_outputs(3)).sign()).requires_grad_()
    value = loss(method, z, y[index], index)
    value.backward()
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(z.grad).all()


def test_one_hot_labels_mean_what_class_indices_mean(name):
    index = torch.arange(3, 15)
    values = []
    for y in (LABELS, torch.nn.functional.one_hot(LABELS).float()):
        method = prepared(name, y)
        values.append(loss(method, draw(12, method.n_outputs(3)), y[index], index).item())
    if name != "jmlh":  # multi-hot labels have a logistic loss a class
        assert values[1] == pytest.approx(values[0], rel=1e-5)


@pytest.mark.parametrize("y", [LABELS, SHARED], ids=["classes", "multi-hot"])
def test_the_order_of_images_does_not_matter(name, y):
    method = prepared(name, y)
    z, index = draw(12, method.n_outputs(3)), torch.arange(12)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    state = None if method.state_ is None else {k: v.clone() for k, v in method.state_.state_dict().items()}
    values = []
    for rows in (index, order):
        if state is not None:
            method.state_.load_state_dict(state)
        values.append(loss(method, z[rows], y[rows], rows).item())
    if name != "jmlh":  # it draws bits
        assert values[1] == pytest.approx(values[0], rel=1e-4)


def test_descent_gives_classes_codes_of_their_own(name):
    """Outputs that are free variables, a refresh every 10 steps, and all images in each batch."""
    method, index = prepared(name, LABELS), torch.arange(N_TRAIN)
    z = draw(N_TRAIN, method.n_outputs(3)).requires_grad_()
    optimizer = torch.optim.Adam([z, *(method.state_.parameters() if method.state_ else ())], lr=0.1)
    for step in range(50):
        if step % 10 == 0:
            method.refresh(Epoch(LABELS, step / 50, torch.Generator().manual_seed(step), z.detach, z.detach))
        optimizer.zero_grad()
        loss(method, z, LABELS, index, step / 50).backward()
        optimizer.step()
    with torch.no_grad():
        bits = method.readout(z) > 0
    distance = (bits[:, None] != bits).sum(dim=2).float()
    same = LABELS[:, None] == LABELS
    assert distance[same].mean() < distance[~same].mean() / 3
