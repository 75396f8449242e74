import itertools
import math

import numpy as np
import pytest
import torch

from hashbench.methods.mu_liu import MuLiu, balanced_weights, bilinear_loss
from hashbench.recipe import Recipe
from hashbench.testing.toy import new, toy
from hashbench.training import Batch, gradient_norms

SIZES = [(3, 1.0), (12, 1.0), (12, 5.0), (48, 1.0), (48, 5.0)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bits(n, n_bits, seed=0):
    return random(n, n_bits, seed=seed).sign()


def similar_of(n, n_classes=3):
    y = torch.arange(n) % n_classes
    return y[:, None] == y


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def pair_weights(n, n_classes=3):
    pairs = ~torch.eye(n, dtype=torch.bool)
    similar = similar_of(n, n_classes)
    return balanced_weights(similar & pairs, ~similar & pairs, 0.5).double()


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_on_bits_it_is_the_exponentiated_loss(n_bits, scale):
    b, similar = bits(40, n_bits), similar_of(40)
    exact = torch.exp(-scale * (2.0 * similar - 1) * (b @ b.T) / n_bits)
    np.testing.assert_allclose(bilinear_loss(b, similar, scale), exact, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_between_bits_it_is_the_expected_loss_of_random_bits(scale):
    h = torch.tanh(random(2, 3))
    for similar in (True, False):
        expected = 0.0
        for b in itertools.product((-1, 1), repeat=6):
            b_i, b_j = np.array(b[:3]), np.array(b[3:])
            probability = np.prod((1 + b_i * h[0].numpy()) / 2) * np.prod((1 + b_j * h[1].numpy()) / 2)
            expected += probability * np.exp(-scale * (2 * similar - 1) * (b_i @ b_j) / 3)
        value = bilinear_loss(h, torch.full((2, 2), similar), scale)[0, 1]
        assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("labels", [torch.arange(9) % 3, (random(9, 4, seed=3) > 0.3).float()])
def test_the_loss_of_a_batch_is_a_loop_over_pairs(labels):
    z, scale, share = random(9, 6), 2.0, 0.3
    h = np.tanh(z.numpy() / 2)
    values = {True: [], False: []}
    for i, j in itertools.permutations(range(9), 2):
        s = bool(labels[i] == labels[j] if labels.ndim == 1 else labels[i] @ labels[j] > 0)
        x = scale / 6
        factors = [math.cosh(x) - (2 * s - 1) * math.sinh(x) * h[i, k] * h[j, k] for k in range(6)]
        values[s].append(math.prod(factors))
    expected = share * np.mean(values[True]) + (1 - share) * np.mean(values[False])
    method = MuLiu(n_bits=6, scale=scale, similar_weight=share)
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_gradient_is_the_analytic_one(n_bits, scale):
    z = random(20, n_bits).requires_grad_()
    similar, weights = similar_of(20), pair_weights(20)
    (weights * bilinear_loss(torch.tanh(z / 2), similar, scale)).sum().backward()

    h, S = torch.tanh(z.detach() / 2), 2 * similar.double() - 1
    c, d = math.cosh(scale / n_bits), math.sinh(scale / n_bits)
    F = [c - d * S * torch.outer(h[:, k], h[:, k]) for k in range(n_bits)]
    A = weights * torch.stack(F).prod(0) * S
    by_h = torch.stack([-2 * d * (A / F[k]) @ h[:, k] for k in range(n_bits)], dim=1)
    np.testing.assert_allclose(z.grad, by_h * (1 - h.square()) / 2, rtol=1e-9, atol=1e-15)


def test_it_is_affine_in_each_expected_bit():
    h, similar = torch.tanh(random(6, 4)), similar_of(6)
    weights = pair_weights(6)

    def at(value, i, k):
        moved = h.clone()
        moved[i, k] = value
        return (weights * bilinear_loss(moved, similar, 5.0)).sum()

    for i, k in itertools.product(range(6), range(4)):
        assert abs(at(-1.0, i, k) - 2 * at(0.0, i, k) + at(1.0, i, k)) < 1e-14


def test_rounding_bit_after_bit_against_the_gradient_never_raises_the_loss():
    h, similar, weights = torch.tanh(random(12, 5)), similar_of(12), pair_weights(12)
    value = math.inf
    for i, k in itertools.product(range(12), range(5)):
        h.requires_grad_()
        loss = (weights * bilinear_loss(h, similar, 1.0)).sum()
        assert loss.item() <= value + 1e-14
        value = loss.item()
        (gradient,) = torch.autograd.grad(loss, h)
        h = h.detach()
        h[i, k] = -gradient[i, k].sign()
    assert (h.abs() == 1).all()


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_it_bounds_the_naive_relaxation_from_above(n_bits, scale):
    h, similar = torch.tanh(2 * random(30, n_bits)), similar_of(30)
    naive = torch.exp(-scale * (2.0 * similar - 1) * (h @ h.T) / n_bits)
    ratio = bilinear_loss(h, similar, scale) / naive
    assert ratio.min() >= 1
    assert ratio.max() <= math.exp(scale**2 / (2 * n_bits)), "Hoeffding's lemma, factor by factor"
    assert bilinear_loss(h * 0, similar, scale).min() == pytest.approx(math.cosh(scale / n_bits) ** n_bits)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_lower_bound_is_reached_by_a_simplex_of_codes_and_by_nothing_less(scale):
    n_classes, per_class = 4, 5
    bound = (math.exp(-scale) + math.exp(-scale / (n_classes - 1))) / 2
    y = torch.arange(n_classes).repeat(per_class)
    simplex = torch.tensor(
        [[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    ).double()  # <a, b> = -1 = -K/3
    method = MuLiu(n_bits=3, scale=scale)
    assert method.loss(60 * simplex[y], batch(y)).item() == pytest.approx(bound, rel=1e-6)
    for seed in range(20):
        z = random(len(y), 3, seed=seed).requires_grad_()
        optimizer = torch.optim.Adam([z], lr=0.3)
        for _ in range(seed * 3):
            optimizer.zero_grad()
            method.loss(z, batch(y)).backward()
            optimizer.step()
        assert method.loss(z, batch(y)).item() >= bound - 1e-6


def test_descent_from_unit_outputs_separates_ten_classes():
    y = torch.arange(100) % 10
    z = random(100, 12).requires_grad_()
    optimizer, method = torch.optim.Adam([z], lr=0.1), MuLiu(n_bits=12)
    for _ in range(200):
        optimizer.zero_grad()
        method.loss(z, batch(y)).backward()
        optimizer.step()
    assert 0.6314 < method.loss(z, batch(y)).item() < 0.70
    assert torch.tanh(z / 2).abs().mean() > 0.9, "no quantisation penalty is needed"


def test_permuted_images_permute_the_values():
    h, similar = torch.tanh(random(8, 5)), similar_of(8)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    permuted = bilinear_loss(h[order], similar[order][:, order], 2.0)
    np.testing.assert_allclose(permuted, bilinear_loss(h, similar, 2.0)[order][:, order], rtol=1e-14)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_single_precision_is_finite_at_saturated_outputs(scale):
    z = (50 * bits(30, 48)).float().requires_grad_()
    loss = MuLiu(n_bits=48, scale=scale).loss(z, batch(torch.arange(30) % 3))
    loss.backward()
    assert math.exp(-scale) <= loss.item() <= math.exp(scale)
    assert torch.isfinite(z.grad).all()


def test_weights_of_pairs():
    pairs = ~torch.eye(6, dtype=torch.bool)
    similar = similar_of(6) & pairs
    weights = balanced_weights(similar, ~similar & pairs, 0.7)
    assert weights.sum() == pytest.approx(1)
    assert weights[similar].sum() == pytest.approx(0.7)
    assert (weights.diagonal() == 0).all()
    assert len(weights[similar].unique()) == len(weights[~similar & pairs].unique()) == 1


def test_a_batch_of_one_kind_of_pairs_gives_it_all_the_weight():
    pairs = ~torch.eye(4, dtype=torch.bool)
    none = torch.zeros_like(pairs)
    for kinds in ((pairs, none), (none, pairs)):
        np.testing.assert_allclose(balanced_weights(*kinds, 0.5), pairs / 12)
    assert not balanced_weights(none, none, 0.5).any()


def test_zero_outputs_are_stationary_and_training_starts_elsewhere():
    z = torch.zeros(9, 12, dtype=torch.float64, requires_grad=True)
    loss = MuLiu(n_bits=12).loss(z, batch(torch.arange(9) % 3))
    loss.backward()
    assert (z.grad == 0).all()
    assert loss.item() == pytest.approx(math.cosh(1 / 12) ** 12, rel=1e-6)

    X, y = toy("images")
    trained = Recipe(pretrain_epochs=4, batch_size=16, epochs=0)
    start, shrunk = (new(MuLiu, recipe=trained).fit(X, y) for _ in range(2))
    for parameter in shrunk.network_.head.parameters():
        parameter.data *= 0.01
    norms = [gradient_norms(method, X, y)["network.backbone.0.weight"] for method in (start, shrunk)]
    assert norms[0] > 1000 * norms[1]
