from itertools import pairwise, product

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.numerics import (
    KernelMap,
    Regression,
    binary_quadratic,
    block_descent,
    coordinate_descent,
    label_sets,
    pair_weights,
    sign,
    spread,
)


def symmetric(n, generator):
    half = torch.randn(n, n, generator=generator)
    return half + half.T


def signs(*shape, generator):
    return sign(torch.randn(*shape, generator=generator))


def quadratic(x, A, p):
    return float(x @ A @ x + p @ x)


def test_a_cycle_of_coordinate_descent_equals_naive_loops():
    generator = torch.Generator().manual_seed(0)
    B, W = signs(20, 5, generator=generator), torch.randn(5, 3, generator=generator)
    Q = torch.randn(20, 5, generator=generator)
    naive = B.numpy().astype(np.float64).copy()
    for bit in range(5):
        for i in range(20):
            others = sum(naive[i, k] * float(W[k] @ W[bit]) for k in range(5) if k != bit)
            naive[i, bit] = 1.0 if Q[i, bit] - others > 0 else -1.0
    assert np.array_equal(coordinate_descent(B, W @ W.T, Q, 1), naive)


def test_more_cycles_lower_the_objective_until_no_flip_of_a_bit_does():
    generator = torch.Generator().manual_seed(1)
    B, W = signs(30, 6, generator=generator), torch.randn(6, 4, generator=generator)
    Q = torch.randn(30, 6, generator=generator)

    def objective(B):
        return (B @ W).square().sum(1) - 2 * (B * Q).sum(1)

    values = [objective(coordinate_descent(B, W @ W.T, Q, n)) for n in (0, 1, 2, 100)]
    assert all((after <= before + 1e-4).all() for before, after in pairwise(values))
    for bit in range(6):
        flipped = coordinate_descent(B, W @ W.T, Q, 100)
        flipped[:, bit] *= -1
        assert (objective(flipped) >= values[-1] - 1e-4).all()


@pytest.mark.parametrize("seed", range(5))
def test_quadratic_of_eight_bits_against_all_256(seed):
    generator = torch.Generator().manual_seed(seed)
    A, p = symmetric(8, generator), torch.randn(8, generator=generator)
    best = min(quadratic(torch.tensor(x), A, p) for x in product((-1.0, 1.0), repeat=8))
    found = binary_quadratic(A, p, signs(20, 8, generator=generator))
    assert quadratic(found, A, p) == pytest.approx(best, abs=1e-4)


def test_quadratic_is_no_worse_than_any_start_and_cannot_be_improved_by_a_flip():
    generator = torch.Generator().manual_seed(0)
    A, p = symmetric(30, generator), torch.randn(30, generator=generator)
    starts = signs(3, 30, generator=generator)
    found = binary_quadratic(A, p, starts)
    value = quadratic(found, A, p)
    assert value <= min(quadratic(x, A, p) for x in starts)
    flips = found * (1 - 2 * torch.eye(30))
    assert min(quadratic(x, A, p) for x in flips) >= value - 1e-4


def test_a_bit_that_is_no_matter_stays():
    starts = torch.tensor([[1.0, -1.0]])
    assert torch.equal(binary_quadratic(torch.eye(2), torch.zeros(2), starts), starts[0])


@pytest.mark.parametrize("seed", range(5))
def test_block_descent_does_not_raise_the_objective_and_often_finds_the_least(seed):
    generator = torch.Generator().manual_seed(seed)
    weights = -symmetric(8, generator).abs() / 8  # submodular, as within a class
    linear = torch.randn(8, generator=generator)
    z, ends = signs(8, generator=generator), torch.stack([torch.ones(8), -torch.ones(8)])
    found = quadratic(block_descent(z, ends, weights, linear), weights, 2 * linear)
    everything = [quadratic(torch.tensor(x), weights, 2 * linear) for x in product((-1.0, 1.0), repeat=8)]
    assert found <= quadratic(z, weights, 2 * linear)
    assert found < np.quantile(everything, 0.05)
    mixed = symmetric(8, generator)  # not submodular: flips at once can cross
    found = quadratic(block_descent(z, ends, mixed, linear), mixed, 2 * linear)
    assert found <= quadratic(z, mixed, 2 * linear)


def test_kernel_map_equals_the_formula_and_keeps_rows_of_zeros():
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32))
    X[4] = 0
    kernel = KernelMap.draw(X, 5, torch.Generator().manual_seed(0), sigma=0.4, normalize=True)
    unit = X.numpy() / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)
    distance = np.square(unit[:, None] - kernel.anchors.numpy()).sum(2)
    np.testing.assert_allclose(kernel(X)[:, :5], np.exp(-distance / 0.32), rtol=1e-4)
    assert (kernel(X)[:, 5] == 1).all()
    mean = KernelMap.draw(
        X, 5, torch.Generator().manual_seed(0), sigma="mean", normalize=False, constant=False
    )
    distance = np.square(X.numpy()[:, None] - mean.anchors.numpy()).sum(2)
    np.testing.assert_allclose(mean(X), np.exp(-distance / (2 * distance.mean())), rtol=1e-4)


@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_a_width_that_is_none(sigma):
    with pytest.raises(InvalidInputError, match="sigma"):
        KernelMap.draw(torch.ones(3, 2), 2, torch.Generator(), sigma=sigma, normalize=True)


def test_regression_is_ridge_regression():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    phi, B = rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(30, 2)).astype(np.float32)
    expected = Ridge(alpha=0.3, fit_intercept=False).fit(phi, B).coef_.T
    np.testing.assert_allclose(
        Regression(torch.from_numpy(phi), 0.3)(torch.from_numpy(B)), expected, atol=1e-5
    )


def test_spread_of_a_constant_column_is_one():
    X = torch.tensor([[1.0, 0.1], [3.0, 0.1], [5.0, 0.1]])
    np.testing.assert_allclose(spread(X), [np.std([1, 3, 5]), 1], rtol=1e-6)


def test_label_sets_of_classes_and_of_several_labels():
    member, similarity = label_sets(torch.tensor([2, 0, 2, 1]))
    assert member[0] == member[2]
    assert torch.equal(similarity, 2 * torch.eye(3) - 1)
    labels = torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0]])
    member, similarity = label_sets(labels)
    expected = [[1, 1, -1, 1], [1, 1, 1, 1], [-1, 1, 1, -1], [1, 1, -1, 1]]
    assert similarity[member][:, member].tolist() == expected


@pytest.mark.parametrize("loss", ["hinge", "ksh"])
def test_pair_weights_are_the_loss_with_an_equal_bit_less_that_with_a_different_one(loss):
    def naive(m, similar, n_bits):
        if loss == "ksh":
            return ((n_bits if similar else -n_bits) - (n_bits - 2 * m)) ** 2
        return m**2 if similar else max(n_bits / 2 - m, 0) ** 2

    for n_bits in (1, 2, 5, 8):
        for m, similar in product(range(n_bits), (True, False)):
            found = pair_weights(torch.tensor([float(m)]), torch.tensor([similar]), n_bits, loss)
            assert float(found) == naive(m, similar, n_bits) - naive(m + 1, similar, n_bits)
            assert float(found) < 0 or not similar
