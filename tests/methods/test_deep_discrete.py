"""Codes of training images, learned bit by bit, against loops over images and bits: ADSH, DDSH."""

import numpy as np
import pytest
import torch
from discrete_codes import BATCH, SINGLE, K, N, batch, bits, both_labels, draw, epoch, prepared, similarity

from hashbench.methods import adsh, ddsh

# -- ADSH -----------------------------------------------------------------------------------------


def adsh_objective(u, V, S, gamma):
    """Of all images: the mean over pairs, times the number of images."""
    errors = sum((float(a @ b) - K * S[i, j]) ** 2 for i, a in enumerate(u) for j, b in enumerate(V))
    return errors / N + gamma * float((u - V).square().sum())


@both_labels
def test_adsh_compares_a_batch_with_the_codes_of_all_training_images(labels):
    method = prepared(adsh.ADSH(n_bits=K, gamma=0.4), labels)
    method.refresh(epoch(labels, 2 * draw(N, K)))
    V, z, S = method.state_.codes.double(), draw(6, K, seed=1), similarity(labels)
    values = []
    for row, i in zip(torch.tanh(z).double(), BATCH.tolist(), strict=True):
        values.append(np.mean([(float(row @ V[j]) - K * S[i, j]) ** 2 for j in range(N)]))
        values[-1] += 0.4 * float((V[i] - row).square().sum())
    assert method.loss(z, batch(labels)).item() == pytest.approx(np.mean(values), rel=1e-4)


@both_labels
def test_adsh_never_raises_its_objective_by_a_step_for_the_codes(labels):
    method, S = prepared(adsh.ADSH(n_bits=K, gamma=0.4), labels), similarity(labels)
    codes = bits(N, K)
    for k in range(4):
        U = 2 * draw(N, K, seed=k)
        before = U.sign() if k == 0 else codes
        method.refresh(epoch(labels, U, k / 5))
        codes = method.state_.codes.float()
        u = torch.tanh(U).double()
        assert adsh_objective(u, codes.double(), S, 0.4) <= adsh_objective(u, before.double(), S, 0.4)
        assert (codes != before).any()
    method.refresh(epoch(labels, -U, 1.0))
    assert torch.equal(method.state_.codes.float(), codes), "nothing is learned after the training"


@both_labels
def test_adsh_sets_a_bit_to_the_sign_that_its_objective_asks_for(labels):
    """v_ik = sgn(K (S u_k)_i + gamma n u_ik - v_i without bit k . U' u_k), in a loop over bits and images."""
    method, S, U = prepared(adsh.ADSH(n_bits=K, gamma=0.4), labels), similarity(labels), 2 * draw(N, K)
    u = torch.tanh(U).double().numpy()
    V = np.sign(u)
    for k in range(K):
        inner = [float(u[:, k] @ u[:, other]) for other in range(K)]
        for i in range(N):
            pull = K * float(S[i] @ u[:, k]) + 0.4 * N * u[i, k]
            V[i, k] = np.sign(pull - sum(V[i, other] * inner[other] for other in range(K) if other != k))
    method.refresh(epoch(labels, U))
    assert (np.sign(u) != V).any()
    np.testing.assert_array_equal(method.state_.codes.numpy(), V)


# -- DDSH -----------------------------------------------------------------------------------------


@both_labels
def test_ddsh_regresses_similarities_to_the_drawn_columns(labels):
    method, S = prepared(ddsh.DDSH(n_bits=K, n_columns=7), labels), similarity(labels)
    method.refresh(epoch(labels, draw(N, K)))
    columns, B, z = method.state_.columns.tolist(), method.state_.codes.float(), draw(6, K, seed=1)
    assert len(set(columns)) == 7
    errors = [
        (float(torch.tanh(row) @ B[place]) - K * S[i, j]) ** 2
        for row, i in zip(z, BATCH.tolist(), strict=True)
        if i not in columns
        for place, j in enumerate(columns)
    ]
    assert 0 < len(errors) < 42
    assert method.loss(z, batch(labels)).item() == pytest.approx(np.mean(errors), rel=1e-4)


@both_labels
def test_ddsh_lowers_the_error_within_and_outside_the_columns(labels):
    U, S = draw(N, K), similarity(labels)
    method = prepared(ddsh.DDSH(n_bits=K, n_columns=7), labels)
    method.refresh(epoch(labels, U))
    columns = method.state_.columns
    others = [i for i in range(N) if i not in columns.tolist()]

    def error(codes):
        inside = (K * S[columns][:, columns] - (codes @ codes.T).numpy()) ** 2
        outside = (K * S[others][:, columns] - (U.sign()[others] @ codes.T).numpy()) ** 2
        return inside.sum() + outside.sum()

    assert error(method.state_.codes.float()) < error(U.sign()[columns])


def test_ddsh_draws_other_columns_for_each_epoch():
    method = prepared(ddsh.DDSH(n_bits=K, n_columns=7), SINGLE)
    drawn = []
    for seed in range(2):
        method.refresh(epoch(SINGLE, draw(N, K), seed=seed))
        drawn.append(sorted(method.state_.columns.tolist()))
    assert drawn[0] != drawn[1]


def test_ddsh_ends_a_bit_where_no_single_flip_lowers_the_error():
    """Bit after bit against all other bits, the codes of the others held: a loop over every flip."""
    S, B, others = similarity(SINGLE)[:6], bits(6, K).numpy(), bits(N - 6, K, seed=1).numpy()
    inside, outside = torch.tensor(K * S[:, :6]), torch.tensor(S[:, 6:] @ others * K)

    def error(codes):
        within = np.square(K * S[:, :6] - codes @ codes.T).sum()
        return within + np.square(K * S[:, 6:] - codes @ others.T).sum()

    def best_bits(codes):
        for bit in range(K):
            while True:
                flipped = [
                    codes * np.where((np.arange(6) == i)[:, None] & (np.arange(K) == bit), -1, 1)
                    for i in range(6)
                ]
                best = min(flipped, key=error)
                if error(best) >= error(codes):
                    break
                codes = best
        return codes

    found = ddsh.column_codes(torch.tensor(B), inside, outside, torch.tensor(others.T @ others), 1)
    expected = best_bits(B)
    assert (expected != B).any()
    np.testing.assert_array_equal(found.numpy(), expected)


def test_best_flips_end_where_no_single_flip_helps():
    A, linear, b = draw(8, 8).double(), draw(8, seed=1).double(), bits(8).double()
    A = A + A.T

    def value(codes):
        return float(codes @ A @ codes + linear @ codes)

    found = ddsh.best_flips(b, A, linear)
    flips = [found * (1 - 2 * (torch.arange(8) == i)) for i in range(8)]
    assert value(found) > value(b)
    assert value(found) >= max(map(value, flips))
