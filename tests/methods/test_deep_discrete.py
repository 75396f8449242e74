"""Methods with a discrete step, against loops over images and bits: ADSH, CNNH, DDSH, DFH, DSDH."""

import itertools
import math

import numpy as np
import pytest
import torch

from hashbench.methods import adsh, cnnh, ddsh, dfh, dsdh
from hashbench.numerics.discrete_deep import bits_in_turn, similar_sets
from hashbench.training import Batch, Epoch, TrainingData

N, K, C = 20, 5, 3
SINGLE = torch.arange(N) % C
MULTI = torch.nn.functional.one_hot(SINGLE).float()
MULTI[::4, 1] = 1
MULTI[3] = 0  # an image without a class
both_labels = pytest.mark.parametrize("labels", [SINGLE, MULTI], ids=["classes", "multi-hot"])
BATCH = torch.tensor([4, 0, 7, 3, 12, 19])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def bits(*shape, seed=0):
    return draw(*shape, seed=seed).sign()


def shares(labels, i, j):
    return bool(labels[i] == labels[j] if labels.ndim == 1 else (labels[i] * labels[j]).any())


def similarity(labels):
    """S (n, n) as in ADSH: 1 and -r."""
    similar = np.array([[shares(labels, i, j) for j in range(len(labels))] for i in range(len(labels))])
    return np.where(similar, 1.0, -similar.sum() / (~similar).sum())


def prepared(method, labels):
    torch.manual_seed(0)
    method.state_ = method.make_state(TrainingData(labels, C))
    return method


def epoch(labels, U, progress=0.0, seed=0):
    return Epoch(labels, progress, torch.Generator().manual_seed(seed), lambda: U, lambda: U)


def batch(labels):
    return Batch(labels[BATCH], BATCH, 0.0)


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


def test_best_flips_end_where_no_single_flip_helps():
    A, linear, b = draw(8, 8).double(), draw(8, seed=1).double(), bits(8).double()
    A = A + A.T

    def value(codes):
        return float(codes @ A @ codes + linear @ codes)

    found = ddsh.best_flips(b, A, linear)
    flips = [found * (1 - 2 * (torch.arange(8) == i)) for i in range(8)]
    assert value(found) > value(b)
    assert value(found) >= max(map(value, flips))


# -- DFH ------------------------------------------------------------------------------------------


@both_labels
def test_dfh_is_a_pair_loss_and_the_distance_to_codes_that_lean_to_centres(labels):
    method, z = prepared(dfh.DFH(n_bits=K), labels), draw(N, K)
    centres = bits(C, K, seed=2)
    method.state_.centres.copy_(centres)
    likelihood = []
    for i, j in itertools.permutations(range(N), 2):
        theta = float(z[i] @ z[j]) / 2
        likelihood.append(math.log(1 + math.exp(theta)) - shares(labels, i, j) * theta)
    classes = torch.nn.functional.one_hot(labels).float() if labels.ndim == 1 else labels
    errors, leaning = [], []
    for i in range(N):
        of = classes[i] / max(1.0, float(classes[i].sum()))
        for k in range(K):
            code = 1 if float(of @ centres[:, k] + z[i, k]) > 0 else -1
            leaning.append(code != (1 if z[i, k] > 0 else -1))
            errors.append((code - float(z[i, k])) ** 2)
    assert any(leaning)
    expected = np.mean(likelihood) + 0.5 * np.mean(errors)
    value = method.loss(z, Batch(labels, torch.arange(N), 0.0))
    assert value.item() == pytest.approx(expected, rel=1e-5)


@both_labels
def test_dfh_never_raises_the_objective_of_its_centres(labels):
    B = bits(N, K)
    Y = torch.nn.functional.one_hot(labels).float() if labels.ndim == 1 else labels
    Y = Y / Y.sum(dim=1, keepdim=True).clamp_min(1)

    def value(centres):
        apart = [
            (float(Y[:, i] @ Y[:, j]) + 0.7) * float(centres[i] @ centres[j])
            for i, j in itertools.permutations(range(C), 2)
        ]
        return float((centres * (Y.T @ B)).sum()) - sum(apart) / 2

    centres = bits(C, K, seed=1)
    for _ in range(3):
        updated = dfh.updated_centres(centres, B, Y, 0.7)
        assert value(updated) >= value(centres) - 1e-4
        centres = updated
    assert torch.equal(dfh.updated_centres(centres, 0 * B, 0 * Y, 0.0), centres), "a tie keeps the old bit"


def test_dfh_without_leaning_has_the_signs_as_codes():
    method, z = prepared(dfh.DFH(n_bits=K, mu=0.0), SINGLE), draw(N, K)
    plain = prepared(dfh.DFH(n_bits=K, eta=0.0), SINGLE)
    full = Batch(SINGLE, torch.arange(N), 0.0)
    term = method.loss(z, full) - plain.loss(z, full)
    assert term.item() == pytest.approx(0.5 * float((z.abs() - 1).square().mean()), rel=1e-4)
    assert set(method.state_.centres.flatten().tolist()) <= {-1, 0, 1}


# -- DSDH -----------------------------------------------------------------------------------------


@both_labels
def test_dsdh_is_a_pair_loss_and_the_distance_to_the_learned_codes(labels):
    method, z = prepared(dsdh.DSDH(n_bits=K, eta=0.3), labels), draw(6, K, seed=1)
    method.refresh(epoch(labels, draw(N, K)))
    likelihood = []
    for (i, a), (j, b) in itertools.permutations(zip(BATCH.tolist(), z, strict=True), 2):
        theta = float(a @ b) / 2
        likelihood.append(math.log(1 + math.exp(theta)) - shares(labels, i, j) * theta)
    distances = (z - method.state_.codes[BATCH]).square().sum(dim=1)
    expected = np.mean(likelihood) + 0.3 * float(distances.mean())
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-5)


@both_labels
def test_dsdh_lowers_its_objective_at_both_steps(labels):
    U = draw(N, K)
    Y = torch.nn.functional.one_hot(labels).float() if labels.ndim == 1 else labels

    def value(B, W):
        fit = (Y - B @ W).square().sum() + 0.1 * W.square().sum()
        return float(fit + 0.02 * (B - U).square().sum())

    B, W = U.sign(), draw(K, C, seed=1)
    better = dsdh.classifier(B, Y, 0.1)
    assert value(B, better) < value(B, W)
    torch.testing.assert_close(B.T @ B @ better + 0.1 * better, B.T @ Y, atol=1e-4, rtol=1e-4)
    codes = bits_in_turn(B, better @ better.T, Y @ better.T + 0.02 * U, 10)
    assert value(codes, better) < value(B, better)
    method = prepared(dsdh.DSDH(n_bits=K, penalty=0.02), labels)
    method.refresh(epoch(labels, U))
    assert torch.equal(method.state_.codes.float(), codes)


def test_dsdh_with_a_strong_penalty_has_the_signs_of_the_outputs():
    method, U = prepared(dsdh.DSDH(n_bits=K, penalty=1e4), SINGLE), draw(N, K)
    for progress in (0.0, 0.5):
        method.refresh(epoch(SINGLE, U, progress))
        assert torch.equal(method.state_.codes.float(), U.sign())
        U = -U


# -- CNNH -----------------------------------------------------------------------------------------


def cnnh_objective(H, labels):
    S = [[2 * shares(labels, i, j) - 1 for j in range(N)] for i in range(N)]
    return float((torch.tensor(S) - H @ H.T / K).square().sum())


@both_labels
def test_cnnh_never_raises_its_objective_by_a_sweep(labels):
    H = torch.rand(N, K, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = cnnh_objective(H, labels)
    for sweeps in range(4):
        swept = cnnh.relaxed_codes(H, similar_sets(labels), sweeps)
        assert swept.abs().max() <= 1
        assert cnnh_objective(swept, labels) <= before + 1e-3
        before = cnnh_objective(swept, labels)
    assert before < cnnh_objective(H, labels) / 2


def test_cnnh_compares_trial_columns_by_its_objective():
    sets, H, trials = similar_sets(MULTI), torch.rand(N, K) * 2 - 1, torch.rand(N, 3) * 2 - 1
    full = []
    for trial in trials.T:
        changed = H.clone()
        changed[:, 2] = trial
        full.append(K**2 * cnnh_objective(changed, MULTI))
    values = cnnh.column_objectives(H, 2, trials, sets.similar.float() * 2 - 1, sets)
    np.testing.assert_allclose(values - values[0], np.array(full) - full[0], rtol=1e-3, atol=1e-2)


def test_cnnh_gives_a_class_one_word_and_learns_it_bit_by_bit():
    method = prepared(cnnh.CNNH(n_bits=12), SINGLE)
    words = method.state_.codes[:C].float()
    assert torch.equal(method.state_.codes.float(), words[SINGLE])
    assert len(words.unique(dim=0)) == C
    z = draw(6, 12)
    values = [
        math.log(1 + math.exp(-float(code * value)))
        for codes, row in zip(words[SINGLE[BATCH]], z, strict=True)
        for code, value in zip(codes, row, strict=True)
    ]
    assert method.loss(z, batch(SINGLE)).item() == pytest.approx(np.mean(values), rel=1e-5)
