import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from hashbench.methods.dcmh import DCMH, Tables
from hashbench.training import Batch, Epoch, TrainingData

N, K, V, C = 9, 4, 6, 3
ROWS = torch.tensor([1, 4, 6, 7])
labels = torch.arange(N) % C


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def method(**parameters):
    """DCMH with random tables and a linear text network, in double precision."""
    found = DCMH(n_bits=K, **parameters)
    found.texts_ = random(N, V, seed=1)
    found.state_ = Tables(torch.nn.Linear(V, K), one_hot(labels).float(), K).double()
    found.state_.images.copy_(random(N, K, seed=2))
    found.state_.texts.copy_(random(N, K, seed=3))
    found.state_.update_codes()
    return found


def batch():
    return Batch(labels[ROWS], ROWS, 0.0)


def epoch(progress, outputs=None):
    return Epoch(labels, progress, torch.Generator(), lambda: None, lambda: outputs)


def paper(F, G, B, rows, gamma, eta):
    """Eq. (1) of the batch's rows of F, over n b, by loops; the balance as estimated from the batch."""
    total = 0.0
    for i in rows.tolist():
        for j in range(N):
            theta = sum(float(F[i, k] * G[j, k]) for k in range(K)) / 2
            total += math.log(1 + math.exp(theta)) - float(labels[i] == labels[j]) * theta
        total += gamma * sum(float(B[i, k] - F[i, k]) ** 2 for k in range(K))
    total += eta * N / len(rows) * sum(sum(float(F[i, k]) for i in rows) ** 2 for k in range(K))
    return total / (N * len(rows))


@pytest.mark.parametrize(("gamma", "eta"), [(0, 0), (1, 1), (3, 0), (0, 2)])
def test_the_loss_is_that_of_the_tables(gamma, eta):
    found, z = method(gamma=gamma, eta=eta), random(len(ROWS), K, seed=4)
    tables = found.state_
    u = tables(found.texts_[ROWS]).detach()
    F, G, B = (table.clone() for table in (tables.images, tables.texts, tables.codes))
    F[ROWS], G[ROWS] = z, u
    expected = paper(F, G, B, ROWS, gamma, eta) + paper(G, F, B, ROWS, gamma, eta)
    assert found.loss(z, batch()).item() == pytest.approx(expected, rel=1e-10)
    assert torch.equal(tables.images, F)
    assert torch.equal(tables.texts, G)


@pytest.mark.parametrize("view", ["images", "texts"])
@pytest.mark.parametrize("rows", [ROWS, torch.arange(N)])
def test_the_gradient_is_that_of_the_table(view, rows):
    """dJ/dF_i = sum_j (sigmoid(Theta_ij) - S_ij) G_j / 2 + 2 gamma (F_i - B_i) + 2 eta F'1: their eq. (5)."""
    found = method(gamma=0.7, eta=0.3)
    z, u = (random(len(rows), K, seed=seed).requires_grad_() for seed in (4, 5))
    found.state_.forward = lambda texts: u
    found.loss(z, Batch(labels[rows], rows, 0.0)).backward()
    tables = found.state_
    own, others = (tables.images, tables.texts) if view == "images" else (tables.texts, tables.images)
    outputs = z if view == "images" else u
    error = torch.sigmoid(own @ others.T / 2) - (labels[:, None] == labels).double()
    total = N / len(rows) * own[rows].sum(0)  # all of F'1 where the batch has all rows
    whole = error @ others / 2 + 2 * 0.7 * (own - tables.codes) + 2 * 0.3 * total
    np.testing.assert_allclose(outputs.grad, whole[rows] / (N * len(rows)), rtol=1e-9)


def test_codes_minimise_their_term():
    """Of all codes, B = sign(F + G) has the least |B - F|^2 + |B - G|^2."""
    tables = method().state_

    def term(row, code):
        code = torch.tensor(code)
        return float((code - tables.images[row]).square().sum() + (code - tables.texts[row]).square().sum())

    for row in range(N):
        best = min(itertools.product((-1.0, 1.0), repeat=K), key=lambda code: term(row, code))
        assert tuple(tables.codes[row].tolist()) == best


def test_codes_follow_the_tables_between_epochs_only():
    found = method()
    before = found.state_.codes.clone()
    found.loss(-5 * before[ROWS], batch())
    assert torch.equal(found.state_.codes, before)
    found.refresh(epoch(0.5))
    changed = (found.state_.codes != before).any(dim=1)
    assert changed[ROWS].all()
    assert changed.sum() == len(ROWS)


@pytest.mark.parametrize("y", [labels, one_hot(labels).float()])
def test_the_state_has_a_row_for_each_item(y):
    found = DCMH(n_bits=K)
    found.texts_ = random(N, V).float()
    tables = found.make_state(TrainingData(y, C))
    assert tables.images.shape == tables.texts.shape == tables.codes.shape == (N, K)
    assert torch.equal(tables.labels, one_hot(labels).float())
    assert tables.network[0].out_features == 8192


def test_the_tables_start_with_the_outputs_of_all_items():
    found, outputs = method(), random(N, K, seed=6)
    with torch.no_grad():  # as the loop calls it
        found.refresh(epoch(0.0, outputs))
        texts = found.state_(found.texts_)
        torch.testing.assert_close(found.state_.texts, texts)
    torch.testing.assert_close(found.state_.images, outputs)
    assert torch.equal(found.state_.codes > 0, outputs + texts > 0)


def test_the_loss_is_finite_where_an_exponential_is_not():
    found = method()
    z = torch.full((len(ROWS), K), 1e4, dtype=torch.float64).requires_grad_()
    value = found.loss(z, batch())
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(z.grad).all()


def test_weights_are_the_authors():
    assert (DCMH().gamma, DCMH().eta, DCMH().hidden) == (1, 1, 8192)
