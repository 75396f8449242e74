"""The three computations of Mu & Liu's products: at once, bit by bit, by a series."""

import math

import numpy as np
import pytest
import torch
from mu_liu_pairs import SIZES, pair_weights, random, similar_of

from hashbench.methods import mu_liu
from hashbench.methods.mu_liu import (
    log_products,
    log_products_at_once,
    log_products_bit_by_bit,
    log_products_by_series,
    series_bound,
)


def value_and_gradient(compute, h, t, weights):
    h = h.clone().requires_grad_()
    value = compute(h, t)
    (weights * value.exp()).sum().backward()
    return value.detach(), h.grad


def signed(n, largest):
    return torch.where(similar_of(n), largest, -0.7 * largest).double()  # a scale of its own for each kind


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_bit_by_bit_is_the_reference(n_bits, scale):
    h, t, weights = (
        torch.tanh(random(20, n_bits)),
        signed(20, math.tanh(scale / n_bits)),
        random(20, 20, seed=1),
    )
    for one, other in zip(
        value_and_gradient(log_products_bit_by_bit, h, t, weights),
        value_and_gradient(log_products_at_once, h, t, weights),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_bit_by_bit_has_the_gradient_of_differences():
    h, t = torch.tanh(random(5, 4)).requires_grad_(), signed(5, 0.6)
    assert torch.autograd.gradcheck(lambda h: log_products_bit_by_bit(h, t), h)


def test_bit_by_bit_keeps_no_more_than_its_input():
    h, t = torch.tanh(random(20, 12)).requires_grad_(), signed(20, 0.1)
    kept = {}
    for compute in (log_products_bit_by_bit, log_products_at_once):
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, saved=saved: saved.append(x) or x, lambda x: x
        ):
            compute(h, t)
        kept[compute] = sum(x.numel() for x in saved)
    assert kept[log_products_bit_by_bit] <= 20 * 12 + 20 * 20
    assert kept[log_products_at_once] > 20 * 20 * 12


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_the_series_is_off_by_no_more_than_its_bound(n_bits, scale, order):
    largest = math.tanh(scale / n_bits)
    bound = series_bound(n_bits, largest, order)
    # the bound is met nowhere better than at equal codes of dissimilar sign
    h, t = torch.cat([torch.tanh(random(20, n_bits)), torch.ones(1, n_bits)]).double(), signed(21, largest)
    error = (log_products_by_series(h, t, order) - log_products_at_once(h, t)).abs().max().item()
    assert error <= bound + 1e-14
    assert error >= 0.3 * bound - 1e-14, "and the bound is not far above"


@pytest.mark.parametrize("order", [3, 5])
def test_the_gradient_of_the_series_converges(order):
    h, t, weights = torch.tanh(random(20, 12)), signed(20, math.tanh(1 / 12)), random(20, 20, seed=1)
    _, exact = value_and_gradient(log_products_at_once, h, t, weights)
    _, close = value_and_gradient(lambda h, t: log_products_by_series(h, t, order), h, t, weights)
    assert (close - exact).norm() / exact.norm() < {3: 5e-4, 5: 1e-6}[order]


@pytest.mark.parametrize(
    ("dtype", "n_bits", "largest", "limit", "chosen"),
    [
        (torch.float32, 12, math.tanh(1 / 12), None, "series of 5"),
        (torch.float32, 48, math.tanh(1 / 48), None, "series of 4"),
        (torch.float32, 12, math.tanh(5 / 12), None, "series of 15"),
        (torch.float32, 12, 0.9, None, "at once"),
        (torch.float32, 12, 0.9, 20 * 20 * 12 - 1, "bit by bit"),
        (torch.float64, 12, math.tanh(1 / 12), None, "series of 13"),
        (torch.float64, 12, math.tanh(5 / 12), None, "at once"),
    ],
)
def test_the_size_picks_the_computation(dtype, n_bits, largest, limit, chosen, monkeypatch):
    seen = []
    for name, given in (("by_series", "series of {}"), ("at_once", "at once"), ("bit_by_bit", "bit by bit")):
        monkeypatch.setattr(
            mu_liu,
            f"log_products_{name}",
            lambda h, t, *order, given=given: seen.append(given.format(*order)),
        )
    if limit:
        monkeypatch.setattr(mu_liu, "MAX_TENSOR", limit)
    log_products(torch.zeros(20, n_bits, dtype=dtype), torch.zeros(20, 20, dtype=dtype), largest)
    assert seen == [chosen]


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_what_is_picked_is_the_reference_to_rounding(n_bits, scale):
    for dtype, tolerance in ((torch.float32, 3e-6), (torch.float64, 1e-13)):
        h, t, weights = (
            x.to(dtype)
            for x in (torch.tanh(random(20, n_bits)), signed(20, math.tanh(scale / n_bits)), pair_weights(20))
        )
        picked = value_and_gradient(lambda h, t: log_products(h, t, math.tanh(scale / n_bits)), h, t, weights)
        reference = value_and_gradient(
            log_products_at_once, *(x.double() for x in (h, t, weights))
        )  # of what was rounded, exactly
        for one, other in zip(picked, reference, strict=True):
            assert (one - other).abs().max() <= tolerance * max(1e-3, other.abs().max())
