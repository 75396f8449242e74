import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.sdh import SDH, discrete_codes, ridge_regression


def example(n=30, n_bits=5, n_classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    B = torch.randint(0, 2, (n, n_bits), generator=generator).float() * 2 - 1
    return B, torch.randn(n_bits, n_classes, generator=generator), torch.randn(n, n_bits, generator=generator)


def test_one_cycle_equals_naive_loops():
    B, W, Q = example()
    naive = B.numpy().astype(np.float64).copy()
    for bit in range(5):
        rest = [k for k in range(5) if k != bit]
        for i in range(len(naive)):
            value = Q[i, bit] - sum(naive[i, k] * float(W[k] @ W[bit]) for k in rest)
            naive[i, bit] = 1.0 if value > 0 else -1.0
    assert np.array_equal(discrete_codes(B, W, Q, 1), naive)


def test_descent_ends_where_no_single_flip_helps():
    B, W, Q = example(seed=1)
    codes = discrete_codes(B, W, Q, 100)

    def objective(codes):
        return (codes @ W).square().sum(1) - 2 * (codes * Q).sum(1)

    assert (objective(codes) <= objective(B) + 1e-4).all()
    for bit in range(5):
        flipped = codes.clone()
        flipped[:, bit] *= -1
        assert (objective(codes) <= objective(flipped) + 1e-4).all()


def test_classifier_step_is_ridge_regression():
    from sklearn.linear_model import Ridge

    B, _, _ = example()
    Y = torch.eye(3)[torch.arange(30) % 3]
    expected = Ridge(alpha=0.7, fit_intercept=False).fit(B.numpy(), Y.numpy()).coef_.T
    np.testing.assert_allclose(ridge_regression(B, Y, 0.7), expected, atol=1e-5)


def test_training_items_of_a_class_share_their_code():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = (6 * np.eye(3)[y] + rng.normal(size=(120, 3))).astype(np.float32)
    bits = SDH(n_bits=12, n_anchors=40, device="cpu").fit(X, y).encode(X).unpack().astype(int)
    distance = (bits[:, None] != bits).sum(2)
    same = y[:, None] == y
    assert distance[same].mean() < 1
    assert distance[~same].mean() > 4


def test_many_items_of_almost_equal_kernel_features():
    # The kernel's Gram matrix grows with n and its ridge does not: float32 sums are not positive definite.
    X = np.random.default_rng(0).uniform(size=(20_000, 2)).astype(np.float32)
    SDH(n_bits=4, n_anchors=300, n_iter=1, device="cpu").fit(X, (X[:, 0] > 0.5).astype(int))


rng = np.random.default_rng(2)
y = np.arange(90) % 3
X = (2 * np.eye(3)[y] + rng.normal(size=(90, 3))).astype(np.float32)


def fitted(data=X, **params):
    return SDH(**{"n_bits": 6, "n_anchors": 20, "device": "cpu", **params}).fit(data, y)


def test_the_length_of_a_row_is_no_matter():
    stretched = X * rng.uniform(0.1, 10, (90, 1)).astype(np.float32)
    np.testing.assert_allclose(fitted(stretched).project(X), fitted().project(stretched), atol=1e-3)
    raw = fitted(sigma="mean", normalize=False)
    assert np.abs(raw.project(stretched) - raw.project(X)).max() > 0.1


def test_a_row_of_zeros_is_an_item_like_others():
    data = X.copy()
    data[7] = 0
    values = fitted(data).project(data)
    assert np.isfinite(values).all()


def test_kernel_features_by_default_and_by_the_mean_distance():
    def kernel(rows, anchors, sigma_squared=None):
        distances = np.square(rows[:, None] - anchors.numpy()).sum(2)
        return np.exp(-distances / (2 * (sigma_squared or distances.mean())))

    default, mean = fitted(), fitted(sigma="mean", normalize=False)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(
        default._kernel(torch.from_numpy(X))[:, :-1], kernel(unit, default.anchors_, 0.16), rtol=1e-4
    )
    np.testing.assert_allclose(mean._kernel(torch.from_numpy(X))[:, :-1], kernel(X, mean.anchors_), rtol=1e-4)


@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_a_width_that_is_none(sigma):
    with pytest.raises(InvalidInputError, match=rf"sdh: sigma={sigma} must be positive"):
        fitted(sigma=sigma)
