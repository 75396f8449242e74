"""Learned codes and centres beside a loss of pairs or bits, against loops: CNNH, DFH, DSDH."""

import itertools
import math

import numpy as np
import pytest
import torch
from discrete_codes import (
    BATCH,
    MULTI,
    SINGLE,
    C,
    K,
    N,
    batch,
    bits,
    both_labels,
    draw,
    epoch,
    prepared,
    shares,
)

from hashbench.methods import cnnh, dfh, dsdh
from hashbench.numerics.discrete_deep import bits_in_turn, similar_sets
from hashbench.training import Batch

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
