"""HC-SDH, FSDH, SDHR, FSSH, LFH, COSDISH."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from hashbench.errors import InvalidInputError
from hashbench.methods.cosdish import COSDISH
from hashbench.methods.fsdh import FSDH
from hashbench.methods.fssh import FSSH, Steps
from hashbench.methods.hc_sdh import HCSDH
from hashbench.methods.lfh import LFH, newton_step
from hashbench.methods.sdhr import SDHR, targets_with_margin
from hashbench.numerics import codewords

rng = np.random.default_rng(0)
y = np.arange(90) % 3
X = (3 * np.eye(6)[y] + rng.normal(size=(90, 6))).astype(np.float32)


def fitted(cls, n_bits=8, labels=y, **params):
    return cls(n_bits=n_bits, device="cpu", **params).fit(X, labels)


def signs(method):
    return np.where(method.project(X) > 0, 1.0, -1.0)


@pytest.mark.parametrize("cls", [HCSDH, FSDH, SDHR, FSSH, LFH, COSDISH])
def test_codes_are_near_within_a_class_and_far_between(cls):
    codes = signs(fitted(cls))
    distance = (codes[:, None] != codes).sum(2)
    same = y[:, None] == y
    assert distance[same].mean() < 0.6 * distance[~same].mean()


def test_hc_sdh_regresses_the_codewords_of_the_classes():
    method = fitted(HCSDH, n_anchors=90, ridge=1e-6)
    words = codewords(3, 8).numpy()
    assert {int((a != b).sum()) for i, a in enumerate(words) for b in words[:i]} == {4}
    phi = method.kernel_(torch.from_numpy(X)).double().numpy()
    expected = np.linalg.solve(phi.T @ phi + 1e-6 * np.eye(90), phi.T @ words[y])
    np.testing.assert_allclose(method.project(X), phi @ expected, atol=1e-2)
    assert np.array_equal(signs(method), words[y])  # as many features as items: no error in training


def test_hc_sdh_decoded_by_the_nearest_codeword_is_the_ridge_classifier():
    values = fitted(HCSDH).project(X) @ codewords(3, 8).numpy().T
    method = fitted(HCSDH)
    phi = method.kernel_(torch.from_numpy(X)).double().numpy()
    classes = phi @ np.linalg.solve(phi.T @ phi + 1e-2 * np.eye(phi.shape[1]), phi.T @ np.eye(3)[y])
    assert np.array_equal(values.argmax(1), classes.argmax(1))


def test_fsdh_fits_one_word_a_class_the_majority_of_the_first_bits():
    start = torch.Generator().manual_seed(0)
    torch.randperm(90, generator=start)  # the anchors
    first = np.where(torch.randn(90, 8, generator=start).numpy() > 0, 1.0, -1.0)
    words = np.stack([first[y == k].sum(0) for k in range(3)])
    method = fitted(FSDH, n_anchors=90, ridge=1e-6)
    agrees = signs(method) == np.sign(words)[y]
    assert agrees[words[y] != 0].all()
    again = fitted(FSDH, n_anchors=90, ridge=1e-6, n_iter=1)
    assert np.array_equal(signs(method)[words[y] != 0], signs(again)[words[y] != 0])


def test_fsdh_with_a_large_penalty_keeps_what_the_features_say():
    loose, tied = (fitted(FSDH, 32, penalty=nu, n_anchors=5) for nu in (1e-5, 1e5))
    spread = [np.mean([signs(m)[y == k].std(0).mean() for k in range(3)]) for m in (loose, tied)]
    assert spread[1] > spread[0]


@pytest.mark.parametrize("labels", [[[1, 0, 0, 0]], [[1, 0, 1, 0]], [[0, 0, 0, 0]], [[1, 1, 1, 1]]])
def test_sdhr_targets_are_the_nearest_that_keep_the_margin(labels):
    own = torch.tensor(labels) > 0
    inside, outside = own[0].nonzero()[:, 0], (~own[0]).nonzero()[:, 0]
    for seed in range(6):
        G = 2 * torch.randn(1, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        constraints = [
            {"type": "ineq", "fun": lambda r, i=i, k=k: r[i] - r[k] - 1} for i in inside for k in outside
        ]
        g = G[0].numpy()
        nearest = minimize(lambda r, g=g: np.square(r - g).sum(), g, constraints=constraints)
        np.testing.assert_allclose(targets_with_margin(G, own)[0], nearest.x, atol=1e-3)


def test_fssh_lowers_its_objective_in_every_step():
    generator = torch.Generator().manual_seed(0)
    Y, phi = torch.eye(3)[torch.from_numpy(y)], torch.randn(90, 7, generator=generator)
    mu, theta = 2.0, 0.5
    steps = Steps(Y, phi, mu, theta)
    B, G, W = (torch.randn(n, 5, generator=generator, dtype=torch.float64) for n in (90, 3, 7))

    def objective():
        labels, features = Y.double() @ G, phi.double() @ W
        agreement = (Y.double() @ Y.double().T - features @ labels.T).square().sum()
        apart = mu * (B - labels).square().sum() + theta * (B - features).square().sum()
        return float(agreement + apart)

    B = steps.codes(G, W).double()
    values = [objective()]
    for _ in range(4):
        B = steps.codes(G, W).double()
        values.append(objective())
        G = steps.words(B.float(), W)
        values.append(objective())
        W = steps.map(B.float(), G)
        values.append(objective())
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(values))
    assert values[-1] < values[0] / 2


def loglikelihood(u, drawn, s, beta):
    t = drawn @ u / 2
    return 2 * float((s * t - torch.nn.functional.softplus(t)).sum()) - float(u @ u) / (2 * beta)


@pytest.mark.parametrize("beta", [0.3, 30.0])
def test_lfh_step_of_a_row_does_not_lower_its_likelihood(beta):
    generator = torch.Generator().manual_seed(0)
    U, drawn = (torch.randn(n, 4, generator=generator, dtype=torch.float64) for n in (20, 6))
    S = (torch.rand(20, 6, generator=generator) < 0.3).double()
    moved = newton_step(U, drawn, S, beta)
    gains = [
        loglikelihood(b, drawn, s, beta) - loglikelihood(a, drawn, s, beta)
        for a, b, s in zip(U, moved, S, strict=True)
    ]
    assert min(gains) >= 0
    assert max(gains) > 0


def test_lfh_gradient_is_that_of_the_likelihood():
    generator = torch.Generator().manual_seed(1)
    u, drawn = (torch.randn(n, 4, generator=generator, dtype=torch.float64) for n in (1, 6))
    S = (torch.rand(1, 6, generator=generator) < 0.5).double()
    leaf = u[0].clone().requires_grad_()
    t = drawn @ leaf / 2
    (2 * (S[0] * t - torch.nn.functional.softplus(t)).sum() - leaf @ leaf / 4).backward()
    step = newton_step(u, drawn, S, 2.0) - u
    expected = (drawn.T @ drawn / 8 + torch.eye(4) / 2) @ step[0]
    np.testing.assert_allclose(leaf.grad, expected, atol=1e-9)


def standardised(rows):
    rows = rows.astype(float)
    return (rows - rows.mean(0)) / rows.std(0)


def test_lfh_turn_moves_all_items_but_the_drawn_ones_and_regresses_them():
    """Turning U turns the step and the regression alike, so inner products need not know the basis."""
    rows, labels = standardised(X[:24]), y[:24]
    U = rows @ np.linalg.eigh(rows.T @ rows)[1][:, -4:]
    drawn = torch.randperm(24, generator=torch.Generator().manual_seed(0))[:4].tolist()
    moved = U.copy()
    for i in set(range(24)) - set(drawn):
        slope, curvature = -U[i] / (3 / 4), -np.eye(4) / (3 / 4)
        for j in drawn:
            slope += ((labels[i] == labels[j]) - 1 / (1 + np.exp(-U[i] @ U[j] / 2))) * U[j]
            curvature -= np.outer(U[j], U[j]) / 8
        moved[i] = U[i] - np.linalg.solve(curvature, slope)
    values = rows @ np.linalg.solve(rows.T @ rows + 0.5 * 24 / 6 * np.eye(6), rows.T @ moved)
    method = LFH(n_bits=4, n_iter=1, beta=3.0, regularization=0.5, device="cpu").fit(X[:24], labels)
    found = method.project(X[:24])
    np.testing.assert_allclose(found @ found.T, values @ values.T, atol=1e-3)


def test_cosdish_solves_each_bit_of_the_drawn_items_and_weighs_dissimilar_pairs_negatively():
    method = COSDISH(n_bits=6, device="cpu")
    generator = torch.Generator().manual_seed(0)
    member, similarity = torch.from_numpy(y), 2 * torch.eye(3) - 1
    drawn, S = method._draw(member, similarity, generator)
    same = (y[:, None] == y[drawn.numpy()]).astype(float)
    assert np.allclose(S, np.where(same > 0, 1, -same.sum() / (1 - same).sum()))
    rest = np.setdiff1d(np.arange(90), drawn)
    B, G = (torch.from_numpy(np.sign(rng.normal(size=(n, 6)))).float() for n in (6, 84))
    codes = method._drawn_codes(B, G, S[drawn], S[rest], generator)
    done = torch.zeros(6, 6), torch.zeros(84, 6)
    for k in range(6):

        def objective(x, k=k, done=done):
            inner = (6 * S[drawn] - done[0] - torch.outer(x, x)).square().sum()
            return float(inner + (6 * S[rest] - done[1] - torch.outer(G[:, k], x)).square().sum())

        everything = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 6)
        assert objective(codes[:, k]) == pytest.approx(min(map(objective, everything)), rel=1e-5)
        done = done[0] + torch.outer(codes[:, k], codes[:, k]), done[1] + torch.outer(G[:, k], codes[:, k])


def test_cosdish_turn_gives_the_other_items_the_signs_of_their_similar_and_drawn_codes():
    method, generator = COSDISH(n_bits=6), torch.Generator().manual_seed(8)
    B = torch.where(torch.randn(90, 6, generator=generator) > 0, 1.0, -1.0)
    drawn, S = method._draw(torch.from_numpy(y), 2 * torch.eye(3) - 1, generator)
    drawn, kept = drawn.tolist(), 0
    rest = [i for i in range(90) if i not in drawn]
    for _ in range(2):
        B[drawn] = method._drawn_codes(B[drawn], B[rest], S[drawn], S[rest], generator)
        for i in rest:
            for k in range(6):
                field = sum(float(S[i, j] * B[drawn[j], k]) for j in range(6))
                kept += abs(field) < 1e-5
                B[i, k] = B[i, k] if abs(field) < 1e-5 else np.sign(field)
    assert kept > 0, "a sum of 0 keeps the bit"
    rows = standardised(X)
    expected = rows @ np.linalg.solve(rows.T @ rows + np.eye(6), rows.T @ B.double().numpy())
    found = fitted(COSDISH, 6, n_iter=1, n_alternations=2, random_state=8).project(X)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_cosdish_of_items_that_are_all_alike():
    with pytest.raises(InvalidInputError, match="cosdish: a hundred draws"):
        fitted(COSDISH, labels=np.ones((90, 2), int))
