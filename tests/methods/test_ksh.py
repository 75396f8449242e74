from itertools import pairwise

import numpy as np
import pytest
import torch

from hashbench.methods.ksh import KSH

rng = np.random.default_rng(0)
y = rng.integers(0, 3, 90)
X = (2 * rng.normal(size=(3, 5))[y] + rng.normal(size=(90, 5))).astype(np.float32)
multi = np.stack([y == 0, (y == 1) | (X[:, 0] > 2), y == 2], 1).astype(np.float32)


def similarity(labels):
    if labels.ndim == 1:
        return np.where(labels[:, None] == labels, 1.0, -1.0)
    return np.where(labels @ labels.T > 0, 1.0, -1.0)


def signs(method):
    return np.where(method.project(X) > 0, 1.0, -1.0)


def loss(H, S):
    return np.square(H @ H.T / H.shape[1] - S).sum()


@pytest.mark.parametrize("labels", [y, multi], ids=["classes", "multi-hot"])
def test_each_bit_lowers_the_fit_to_the_similarity(labels):
    r, S = 6, similarity(labels)
    H = signs(KSH(n_bits=r, n_anchors=30, device="cpu").fit(X, labels))
    losses = [np.square(H[:, :k] @ H[:, :k].T - r * S).sum() for k in range(r + 1)]
    assert all(after < before for before, after in pairwise(losses))
    rng = np.random.default_rng(1)
    assert loss(H, S) < 0.5 * min(loss(rng.choice([-1.0, 1.0], H.shape), S) for _ in range(20))


def test_first_bit_of_the_relaxation_is_the_top_generalised_eigenvector():
    from scipy.linalg import eigh

    method = KSH(n_bits=4, n_anchors=12, n_iter=0, device="cpu").fit(X, y)
    distances = np.square(X[:, None] - method.anchors_.numpy()).sum(2)
    K = np.exp(-distances / (2 * distances.mean()))
    K = (K - K.mean(0)).astype(np.float64)
    gram = K.T @ K / len(K)
    gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    expected = K @ eigh(K.T @ similarity(y) @ K, gram)[1][:, -1]
    ours = method.project(X)[:, 0]
    assert abs(np.corrcoef(ours, expected)[0, 1]) > 0.999


def test_ascent_never_loses_to_the_relaxation():
    S = similarity(y)
    first = [signs(KSH(n_bits=5, n_anchors=12, n_iter=n, device="cpu").fit(X, y))[:, 0] for n in (0, 50)]
    assert first[1] @ S @ first[1] >= first[0] @ S @ first[0]


def test_ascent_climbs_the_smooth_objective():
    Z = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    S = torch.from_numpy(similarity(y[:60])).float()

    def objective(a):
        b = torch.tanh(Z @ a / 2)
        return float(b @ S @ b)

    start = torch.tensor([0.1, 0.2, -0.1, 0.1])
    method = KSH(n_bits=1)
    values = []
    for method.n_iter in (0, 1, 5, 50):
        values.append(objective(method._ascend(start, Z, lambda b: S @ b)))
    assert values[0] < values[1] < values[2] <= values[3]
