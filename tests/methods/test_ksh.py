from itertools import pairwise

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.ksh import KSH, ascend, quadratic

rng = np.random.default_rng(0)
y = rng.integers(0, 3, 90)
X = (2 * rng.normal(size=(3, 5))[y] + rng.normal(size=(90, 5))).astype(np.float32)
multi = np.stack([y == 0, (y == 1) | (X[:, 0] > 2), y == 2], 1).astype(np.float32)


def similarity(labels):
    if labels.ndim == 1:
        return np.where(labels[:, None] == labels, 1.0, -1.0)
    return np.where(labels @ labels.T > 0, 1.0, -1.0)


def fitted(labels=y, **params):
    return KSH(**{"n_bits": 4, "n_anchors": 12, "device": "cpu", **params}).fit(X, labels)


def signs(method):
    return np.where(method.project(X) > 0, 1.0, -1.0)


def loss(H, S):
    return np.square(H @ H.T / H.shape[1] - S).sum()


@pytest.mark.parametrize("basis", ["raw", "whitened"])
@pytest.mark.parametrize("labels", [y, multi], ids=["classes", "multi-hot"])
def test_each_bit_lowers_the_fit_to_the_similarity(labels, basis):
    r, S = 6, similarity(labels)
    H = signs(fitted(labels, n_bits=r, n_anchors=30, basis=basis))
    losses = [np.square(H[:, :k] @ H[:, :k].T - r * S).sum() for k in range(r + 1)]
    assert all(after < before for before, after in pairwise(losses))
    rng = np.random.default_rng(1)
    assert loss(H, S) < 0.5 * min(loss(rng.choice([-1.0, 1.0], H.shape), S) for _ in range(20))


def test_first_bit_of_the_relaxation_is_the_top_generalised_eigenvector():
    from scipy.linalg import eigh

    method = fitted(n_iter=0)
    distances = np.square(X[:, None] - method.anchors_.numpy()).sum(2)
    K = np.exp(-distances / (2 * distances.mean()))
    K = (K - K.mean(0)).astype(np.float64)
    gram = K.T @ K / len(K)
    gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    expected = K @ eigh(K.T @ similarity(y) @ K, gram)[1][:, -1]
    ours = method.project(X)[:, 0]
    assert abs(np.corrcoef(ours, expected)[0, 1]) > 0.999


@pytest.mark.parametrize("basis", ["raw", "whitened"])
def test_the_relaxation_is_scaled_to_a_mean_square_of_1(basis):
    values = fitted(n_iter=0, basis=basis).project(X)
    np.testing.assert_allclose(np.square(values).mean(0), 1, rtol=1e-3)


def test_both_bases_span_the_same_functions():
    raw, whitened = (fitted(n_iter=0, basis=basis).project(X) for basis in ("raw", "whitened"))
    np.testing.assert_allclose(raw * np.sign((raw * whitened).sum(0)), whitened, atol=0.02)


@pytest.mark.parametrize("basis", ["raw", "whitened"])
def test_ascent_never_loses_to_the_relaxation(basis):
    S = similarity(y)
    first = [signs(fitted(n_iter=n, basis=basis))[:, 0] for n in (0, 50)]
    assert first[1] @ S @ first[1] >= first[0] @ S @ first[0]


def problem(seed=0, n=60, m=4, r=6):
    """(a, Z, F, D) and R = F D F' after one bit."""
    generator = torch.Generator().manual_seed(seed)
    Z = torch.randn(n, m, generator=generator, dtype=torch.float64)
    G = torch.nn.functional.one_hot(torch.from_numpy(y[:n])).double()
    h = torch.randn(n, 1, generator=generator, dtype=torch.float64).sign()
    F = torch.cat([G, h], 1)
    D = torch.block_diag(r * (2 * torch.eye(3) - 1), -torch.ones(1, 1)).double()
    R = r * similarity(y[:n]) - (h @ h.T).numpy()
    return (0.1 * torch.randn(m, generator=generator, dtype=torch.float64), Z, F, D), R


def objective(a, Z, R):
    b = np.tanh(Z.numpy() @ np.asarray(a) / 2)
    return b @ R @ b


def plain_path(a, Z, R, steps):
    """The points of the ascent, every product written out: minimise -b'R b as the release does."""
    Z = Z.numpy()

    def cost(v):
        b = 2 / (1 + np.exp(-Z @ v)) - 1
        return -b @ R @ b, -Z.T @ ((R @ b) * (1 - b * b))

    points, beta, delta = [a.numpy()] * 2, 1.0, [0.0, 1.0]
    for _ in range(steps):
        v = points[-1] + (delta[-2] - 1) / delta[-1] * (points[-1] - points[-2])
        here, gradient = cost(v)
        while cost(v - gradient / beta)[0] > here - gradient @ gradient / (2 * beta):
            beta *= 2
        points.append(v - gradient / beta)
        delta.append((1 + np.sqrt(1 + 4 * delta[-1] ** 2)) / 2)
        if abs(cost(points[-1])[0] - cost(points[-2])[0]) <= 0.01 * len(Z):
            break
    return points[1:]


@pytest.mark.parametrize("seed", [0, 3, 7])
def test_ascent_equals_a_plain_loop_and_ends_where_it_does(seed):
    (a, *rest), R = problem(seed)
    path = plain_path(a, rest[0], R, 500)
    assert 10 < len(path) < 500
    for n_iter in (0, 1, 2, 3, len(path) - 1, len(path) + 50):
        expected = path[min(n_iter, len(path) - 1)]
        np.testing.assert_allclose(ascend(a, *rest, n_iter), expected, rtol=1e-6, atol=1e-9)
    values = [objective(point, rest[0], R) for point in path]
    changes = np.abs(np.diff(values)) / len(rest[0])
    assert (changes[:-1] > 0.01).all()
    assert changes[-1] <= 0.01
    assert values[-1] > values[0]


def test_a_step_follows_the_gradient_by_finite_differences():
    (a, Z, F, D), R = problem()
    step = (ascend(a, Z, F, D, 1) - a).numpy()
    gradient = [
        (objective(a + e, Z, R) - objective(a - e, Z, R)) / 2e-6 for e in 1e-6 * torch.eye(4).double()
    ]
    beta = gradient @ step / (step @ step)
    np.testing.assert_allclose(beta * step, gradient, rtol=1e-5)
    assert np.log2(beta) == pytest.approx(round(np.log2(beta)), abs=1e-4), "1 doubled again and again"


def test_ascent_stays_where_50_doublings_do_not_help():
    (a, Z, F, D), _ = problem()
    assert torch.equal(ascend(a, Z, F, 1e30 * D, 500), a)


def test_quadratic_form_of_vectors_and_of_columns():
    (_, Z, F, D), R = problem()
    np.testing.assert_allclose(quadratic(Z, F, D), np.diag(Z.numpy().T @ R @ Z.numpy()))
    assert quadratic(Z[:, 1], F, D).item() == pytest.approx(quadratic(Z, F, D)[1].item())


def test_labelled_items_are_a_subset_and_the_kernel_is_that_of_all():
    def labelled(labels):
        return fitted(labels, n_bits=1, n_iter=0, n_labelled=20)

    method, of_all = labelled(y), fitted()
    for name in ("anchors_", "kernel_mean_"):
        assert torch.equal(getattr(method, name), getattr(of_all, name))
    assert method.sigma_squared_ == of_all.sigma_squared_
    matters = 0
    for i in range(len(y)):
        other = np.where(np.arange(len(y)) == i, (y + 1) % 3, y)
        matters += not torch.equal(labelled(other).coefficients_, method.coefficients_)
    assert matters == 20


def test_no_labelled_items():
    with pytest.raises(InvalidInputError, match=r"ksh: n_labelled=0 must be positive"):
        fitted(n_labelled=0)


def test_equal_anchors_are_no_obstacle():
    twice = np.concatenate([X, X])
    method = KSH(n_bits=4, n_anchors=180, device="cpu").fit(twice, np.concatenate([y, y]))
    assert np.isfinite(method.project(X)).all()
