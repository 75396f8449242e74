"""SePH: the descent goes down its objective, and the predictors are scikit-learn's logistic regression."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hashbench.methods import seph
from hashbench.methods.seph import SePH, gradient, logistic_weights

rng = np.random.default_rng(0)
y = np.arange(60) % 3
L = torch.eye(3, dtype=torch.float64)[y]


def objective(C, labels, alpha):
    """By loops over all pairs."""
    n, K = C.shape
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    p = {(i, j): float(labels[i] @ labels[j]) for i, j in pairs}
    q = {(i, j): 1 / (1 + (C[i] - C[j]).square().sum() / 4) for i, j in pairs}
    all_p, all_q = sum(p.values()), sum(q.values())
    divergence = sum(
        p[i] / all_p * math.log(p[i] / all_p) - p[i] / all_p * torch.log(q[i] / all_q) for i in pairs if p[i]
    )
    return divergence + alpha / (K * n) * (C.abs() - 1).square().sum()


@pytest.mark.parametrize("kind", ["classes", "multi-hot"])
def test_the_gradient_is_that_of_the_objective(kind):
    C = torch.from_numpy(rng.normal(size=(12, 4))).requires_grad_()
    labels = L[:12]
    if kind == "multi-hot":
        labels = torch.nn.functional.normalize(labels + L[1:13] * torch.tensor([1.0, 0, 1]))
    (expected,) = torch.autograd.grad(objective(C, labels, 0.3), C)
    torch.testing.assert_close(gradient(C.detach(), labels, 0.3), expected, rtol=1e-9, atol=1e-12)


def test_the_gradient_is_the_same_in_blocks(monkeypatch):
    C = torch.from_numpy(rng.normal(size=(60, 4)))
    whole = gradient(C, L, 0.3)
    monkeypatch.setattr(seph, "ROWS", 7)
    torch.testing.assert_close(gradient(C, L, 0.3), whole, rtol=1e-9, atol=1e-12)


def test_the_descent_puts_classes_apart():
    method = SePH(n_bits=6, n_steps=100)
    start = 0.01 * torch.from_numpy(rng.normal(size=(60, 6)))
    C = method._descend(start, L)
    assert objective(C, L, 0.01) < objective(start, L, 0.01) - 0.3
    codes = C.sign()
    agree = codes @ codes.T / 6
    same = y[:, None] == y
    assert agree.numpy()[same].mean() > agree.numpy()[~same].mean() + 0.7


def test_the_predictor_is_a_logistic_regression_with_the_penalty_of_the_kernel():
    features = rng.uniform(size=(200, 5))
    bits = np.where(features[:, :3] + 0.3 * rng.normal(size=(200, 3)) > 0.5, 1.0, -1.0)
    root = np.eye(5) + 0.2 * rng.normal(size=(5, 5))
    penalty = torch.from_numpy(0.5 * root @ root.T)
    ours = logistic_weights(torch.from_numpy(features), torch.from_numpy(bits), penalty)
    # with w = root^-T v, the penalty is |v|^2 / 2: scikit-learn's, at C = 1
    turned = features @ np.linalg.inv(root).T
    for bit in range(3):
        reference = LogisticRegression(C=1, fit_intercept=False, tol=1e-10, max_iter=1000)
        theirs = np.linalg.inv(root).T @ reference.fit(turned, bits[:, bit]).coef_[0]
        np.testing.assert_allclose(ours[:, bit], theirs, atol=1e-4)


def test_defaults_are_the_constants_of_the_port():
    assert (
        SePH().get_params().items()
        >= {
            "quantization": 0.01,
            "n_steps": 100,
            "rate": 500.0,
            "momentum": 0.5,
            "n_anchors": 500,
            "regularization": 0.01,
        }.items()
    )
