"""Steps over all training images against loops over pairs and bits, and a bound on codes."""

import itertools

import numpy as np
import pytest
import torch

from hashbench.numerics.bounds import griesmer_distance
from hashbench.numerics.discrete_deep import asymmetric_similarity, bits_in_turn, similar_sets, sums_by_set

SINGLE = torch.tensor([2, 0, 2, 5, 0, 2])
MULTI = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 1, 0], [-1, -1, -1]])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shares(labels, i, j):
    if labels.ndim == 1:
        return bool(labels[i] == labels[j])
    return any(a == b == 1 for a, b in zip(labels[i].tolist(), labels[j].tolist(), strict=True))


@pytest.mark.parametrize("labels", [SINGLE, MULTI])
def test_similarities_of_sets_are_those_of_images(labels):
    sets, n = similar_sets(labels), len(labels)
    similar = [[shares(labels, i, j) for j in range(n)] for i in range(n)]
    assert sets.similar[sets.of][:, sets.of].tolist() == similar
    values = draw(n, 3)
    for row, total in enumerate(sums_by_set(values, sets)):
        torch.testing.assert_close(total, values[sets.of == row].sum(dim=0))
    n_similar = np.sum(similar)
    ratio = n_similar / (n * n - n_similar)
    full = asymmetric_similarity(sets)[sets.of][:, sets.of]
    np.testing.assert_allclose(full, np.where(similar, 1, -ratio), rtol=1e-6)


def test_balanced_classes_have_rows_that_sum_to_zero_and_one_class_has_ones():
    sets = similar_sets(torch.arange(20) % 5)
    full = asymmetric_similarity(sets)[sets.of][:, sets.of]
    torch.testing.assert_close(full.sum(dim=1), torch.zeros(20), atol=1e-5, rtol=0)
    assert asymmetric_similarity(similar_sets(torch.zeros(4, dtype=torch.int64))).tolist() == [[1]]


def objective(B, inner, Q):
    return float((B @ inner * B).sum() - 2 * (B * Q).sum())


def test_bits_in_turn_are_those_of_a_loop_and_never_raise_the_objective():
    n, K = 20, 5
    factor = draw(K, 3).double()
    inner, Q = factor @ factor.T, draw(n, K, seed=1).double()
    B = draw(n, K, seed=2).sign().double()
    expected, value = B.clone(), objective(B, inner, Q)
    for k in range(K):
        for i in range(n):
            trials = [expected.clone() for _ in range(2)]
            trials[0][i, k], trials[1][i, k] = 1, -1
            expected = min(trials, key=lambda codes: objective(codes, inner, Q))
        assert objective(expected, inner, Q) <= value
        value = objective(expected, inner, Q)
    assert torch.equal(bits_in_turn(B, inner, Q, 1), expected)
    assert objective(bits_in_turn(B, inner, Q, 50), inner, Q) <= value


def test_a_bit_stays_where_both_values_are_equally_good():
    B = draw(6, 4).sign()
    assert torch.equal(bits_in_turn(B, torch.zeros(4, 4), torch.zeros(6, 4), 3), B)


@pytest.mark.parametrize("n_bits", [2, 3, 4, 5])
def test_no_linear_code_beats_the_bound_and_two_dimensions_attain_it(n_bits):
    vectors = [np.array(v) for v in itertools.product((0, 1), repeat=n_bits)]
    best = max(min(int(v.sum()) for v in (a, b, a ^ b)) for a in vectors for b in vectors)
    assert griesmer_distance(4, n_bits) == best


@pytest.mark.parametrize(("n_bits", "distance"), [(12, 6), (24, 12), (32, 16), (48, 24), (3, 0)])
def test_the_bound_for_ten_words(n_bits, distance):
    assert griesmer_distance(10, n_bits) == distance
