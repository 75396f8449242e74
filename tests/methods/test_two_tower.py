import math

import numpy as np
import pytest
import torch

from hashbench.methods.two_tower import TwoTower
from hashbench.training import Batch

B, K, V = 7, 5, 9


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def method(**parameters):
    """A two-tower method whose text network is linear, on random texts."""
    found = TwoTower(n_bits=K, **parameters)
    found.state_ = torch.nn.Linear(V, K).double()
    found.texts_ = random(B + 3, V, seed=1)
    return found


def batch(labels):
    return Batch(labels, torch.arange(B) + 2, 0.0)


def shares(labels, i, j):
    return bool(labels[i] == labels[j] if labels.ndim == 1 else (labels[i] * labels[j]).any())


def outputs(found):
    return found.state_(found.texts_[2 : B + 2]).detach()


def quantization(z, u):
    values = [(abs(float(v)) - 1) ** 2 for rows in (z, u) for row in rows for v in row]
    return sum(values) / (B * K)


@pytest.mark.parametrize("labels", [torch.arange(B) % 3, (random(B, 4, seed=3) > 0.3).double()])
@pytest.mark.parametrize("weight", [0.0, 0.01, 2.0])
def test_the_loss_is_a_loop_over_images_and_texts(labels, weight):
    z, found = 2 * random(B, K), method(quantization=weight)
    u = outputs(found)
    pairs = []
    for i in range(B):
        for j in range(B):  # an image and its own text are a pair, too
            theta = sum(math.tanh(z[i, k]) * math.tanh(u[j, k]) for k in range(K)) / 2
            pairs.append(math.log(1 + math.exp(theta)) - shares(labels, i, j) * theta)
    expected = np.mean(pairs) + weight * quantization(z, u)
    assert found.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_matched_pairs_are_a_loop_over_images_and_texts(temperature):
    z, found = 2 * random(B, K), method(objective="pairs", temperature=temperature)
    u = outputs(found)
    h, g = z.tanh(), u.tanh()
    cosine = [[float(h[i] @ g[j] / h[i].norm() / g[j].norm()) for j in range(B)] for i in range(B)]
    terms = []
    for i in range(B):
        own = math.exp(cosine[i][i] / temperature)
        terms.append(-math.log(own / sum(math.exp(cosine[i][j] / temperature) for j in range(B))))
        terms.append(-math.log(own / sum(math.exp(cosine[j][i] / temperature) for j in range(B))))
    expected = np.mean(terms) + 0.01 * quantization(z, u)
    assert found.loss(z, batch(torch.arange(B) % 2)).item() == pytest.approx(expected, rel=1e-10)


def test_matched_pairs_do_not_read_the_labels():
    z, found = random(B, K), method(objective="pairs")
    first, second = (
        found.loss(z, batch(labels)).item() for labels in (torch.arange(B), torch.zeros(B).long())
    )
    assert first == second
    with_labels = method()
    assert with_labels.loss(z, batch(torch.arange(B))) != with_labels.loss(z, batch(torch.zeros(B).long()))


@pytest.mark.parametrize("objective", ["labels", "pairs"])
def test_gradients_reach_both_towers(objective):
    z, found = random(B, K).requires_grad_(), method(objective=objective)
    found.loss(z, batch(torch.arange(B) % 3)).backward()
    assert (z.grad != 0).all()
    assert all((p.grad != 0).all() for p in found.state_.parameters())


def test_defaults_are_those_of_the_specification():
    found = TwoTower()
    assert (found.hidden, found.temperature, found.quantization) == (256, 0.1, 0.01)
