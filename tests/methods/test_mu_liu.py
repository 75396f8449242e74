"""The loss of Mu & Liu: what it is on bits and between them, its gradient and its bounds."""

import itertools
import math

import numpy as np
import pytest
import torch
from mu_liu_pairs import MULTI_HOT, SIZES, batch, bilinear_loss, bits, pair_weights, plain, random, similar_of

from hashbench.methods.mu_liu import pair_losses


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


@pytest.mark.parametrize("weights", ["balanced", "prior", "none"])
@pytest.mark.parametrize("relaxation", ["bilinear", "naive", "taylor"])
@pytest.mark.parametrize("labels", [torch.arange(9) % 3, MULTI_HOT], ids=["classes", "multi-hot"])
def test_the_loss_of_a_batch_is_a_loop_over_pairs(labels, relaxation, weights):
    z, scales, share, prior = random(9, 6), {True: 2.0, False: 3.5}, 0.3, 0.2
    h = np.tanh(z.numpy() / 2)
    values = {True: [], False: []}
    for i, j in itertools.permutations(range(9), 2):
        s = bool(labels[i] == labels[j] if labels.ndim == 1 else labels[i] @ labels[j] > 0)
        x = [(2 * s - 1) * scales[s] / 6 * h[i, k] * h[j, k] for k in range(6)]
        values[s].append(
            {
                "bilinear": math.prod(
                    math.cosh(scales[s] / 6) - (2 * s - 1) * math.sinh(scales[s] / 6) * h[i, k] * h[j, k]
                    for k in range(6)
                ),
                "naive": math.exp(-sum(x)),
                "taylor": math.prod(1 - x_k for x_k in x),
            }[relaxation]
        )
    expected = {
        "balanced": share * np.mean(values[True]) + (1 - share) * np.mean(values[False]),
        "prior": (share / prior * sum(values[True]) + (1 - share) / (1 - prior) * sum(values[False])) / 72,
        "none": np.mean(values[True] + values[False]),
    }[weights]
    method = plain(
        n_bits=6,
        scale=2.0,
        dissimilar_scale=3.5,
        similar_weight=share,
        relaxation=relaxation,
        pair_weights=weights,
    )
    method.similar_fraction_ = prior
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-12)


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
    np.testing.assert_allclose(z.grad, by_h * (1 - h.square()) / 2, rtol=1e-12, atol=1e-17)


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
    method = plain(n_bits=3, scale=scale)
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
    optimizer, method = torch.optim.Adam([z], lr=0.1), plain(n_bits=12, scale=1.0)
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


@pytest.mark.parametrize(
    ("relaxation", "n_bits", "scale"),
    [
        *itertools.product(("bilinear", "naive"), (48, 4), (1.0, 5.0, 30.0)),
        *itertools.product(("taylor",), (48,), (1.0, 5.0, 47.0)),
        ("bilinear", 48, 79.0),
    ],
)
def test_single_precision_is_finite_at_saturated_outputs(relaxation, n_bits, scale):
    z = (50 * bits(30, n_bits)).float().requires_grad_()
    method = plain(n_bits=n_bits, scale=scale, relaxation=relaxation)
    loss = method.loss(z, batch(torch.arange(30) % 3))
    loss.backward()
    assert 0.99 * math.exp(-scale) <= loss.item() <= 1.01 * math.exp(scale) or relaxation == "taylor"
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(("scale", "relaxation"), [(2.0, "bilinear"), (2.0, "naive"), (2.0, "taylor")])
def test_an_image_is_no_pair_with_itself(scale, relaxation):
    """Two images, dissimilar: the value is that of one pair, and nothing is left of the diagonal."""
    z = random(2, 6)
    value = plain(n_bits=6, scale=scale, relaxation=relaxation).loss(z, batch(torch.arange(2)))
    h = torch.tanh(z / 2)
    of_pairs = pair_losses(h, torch.eye(2, dtype=torch.bool), (scale, scale), relaxation)
    assert value.item() == pytest.approx(of_pairs[0, 1].item(), rel=1e-12)
    assert plain(n_bits=6).loss(z[:1], batch(torch.arange(1))).item() == 0


@pytest.mark.parametrize("relaxation", ["bilinear", "naive", "taylor"])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_values_stay_within_those_of_codes(scale, relaxation):
    h = torch.cat([torch.tanh(3 * random(30, 12)), bits(10, 12)])
    log_values = pair_losses(h, similar_of(40), (scale, scale), relaxation).log()
    assert log_values.max() <= scale + 1e-12
    if relaxation != "taylor":  # which falls below: (1 - a/K)^K < exp(-a)
        assert log_values.min() >= -scale - 1e-12


def test_relaxations_agree_as_codes_grow():
    distances = []
    for n_bits in (6, 60, 600):
        b, similar = torch.tanh(2 * random(12, n_bits)), similar_of(12)
        values = [pair_losses(b, similar, (1.0, 1.0), name) for name in ("bilinear", "naive", "taylor")]
        distances.append(max((value / values[1] - 1).abs().max().item() for value in values))
    assert distances[0] > 0.02
    assert distances[2] < 0.1 * distances[0]
