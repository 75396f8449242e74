import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from hashbench.errors import InvalidInputError
from hashbench.numerics import (
    codewords,
    covariance,
    gram,
    hadamard,
    mean_squared_distance,
    one_hot,
    pca,
    procrustes,
    random_rotation,
    rbf,
    ridged,
    sample_rows,
    sign,
    top_eigenvectors,
    whitening,
)


def test_pca_spans_what_scikit_learn_spans():
    X = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32) * np.arange(1, 13) + 5
    mean, components = pca(torch.from_numpy(X.astype(np.float32)), 5)
    reference = PCA(5, svd_solver="full").fit(X)
    np.testing.assert_allclose(mean, reference.mean_, rtol=1e-5)
    agreement = np.abs(reference.components_ @ components.numpy())
    np.testing.assert_allclose(agreement, np.eye(5), atol=1e-3)


def test_pca_refuses_more_directions_than_there_are():
    with pytest.raises(InvalidInputError, match=r"n_bits=9 .* 20 training items of 8 features .* at most 8"):
        pca(torch.randn(20, 8), 9)
    with pytest.raises(InvalidInputError, match="at most 4"):
        pca(torch.randn(5, 8), 5)


def test_covariance_over_several_parts_equals_numpys(monkeypatch):
    monkeypatch.setattr("hashbench.numerics.linear.ROWS", 7)
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) + 10
    np.testing.assert_allclose(covariance(X)[1], np.cov(X.numpy().T), rtol=1e-4)


def test_gram_keeps_what_float32_sums_lose(monkeypatch):
    monkeypatch.setattr("hashbench.numerics.linear.ROWS", 1000)
    X = 1000 + torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0))
    exact = X.numpy().astype(np.float64).T @ X.numpy().astype(np.float64)
    np.testing.assert_allclose(gram(X, X), exact, rtol=1e-12)


def test_whitened_columns_are_orthonormal_but_for_the_ridge():
    Z = torch.randn(300, 5, generator=torch.Generator().manual_seed(0)).double() * torch.arange(1, 6)
    white = Z @ whitening(Z)
    np.testing.assert_allclose(white.T @ white / 300, np.eye(5), atol=1e-4)
    assert torch.isfinite(whitening(torch.cat([Z, Z, torch.zeros(300, 1).double()], 1))).all()
    assert torch.isfinite(whitening(torch.zeros(9, 2).double())).all()


def test_ridged_adds_to_the_diagonal_alone():
    assert ridged(torch.ones(2, 2), 3).tolist() == [[4, 1], [1, 4]]


def test_top_eigenvectors_come_largest_first_with_a_fixed_sign():
    values, vectors = top_eigenvectors(torch.diag(torch.tensor([3.0, 7.0, 5.0]).double()), 2)
    assert values.tolist() == pytest.approx([7, 5])
    np.testing.assert_allclose(vectors, [[0, 0], [1, 0], [0, 1]], atol=1e-12)


def test_one_hot_of_classes_and_of_multi_hot():
    assert one_hot(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    multi = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    assert torch.equal(one_hot(multi), multi)


def test_sign_of_zero_is_the_zero_bit():
    assert sign(torch.tensor([-2.0, 0.0, 0.5])).tolist() == [-1, -1, 1]


def test_rotations_are_orthogonal_and_reproducible():
    first, again = (random_rotation(9, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    np.testing.assert_allclose(first @ first.T, np.eye(9), atol=1e-5)


def test_procrustes_recovers_a_rotation():
    generator = torch.Generator().manual_seed(0)
    source, rotation = torch.randn(50, 6, generator=generator), random_rotation(6, generator)
    np.testing.assert_allclose(procrustes(source, source @ rotation), rotation, atol=1e-5)


def test_kernel_features_equal_the_definition_far_from_the_origin():
    generator = torch.Generator().manual_seed(0)
    X, anchors = (torch.randn(n, 4, generator=generator) + 100 for n in (9, 3))
    squares = [[float((x.double() - a.double()).square().sum()) for a in anchors] for x in X]
    width = mean_squared_distance(X, anchors)
    assert width == pytest.approx(np.mean(squares), rel=1e-4)
    np.testing.assert_allclose(rbf(X, anchors, width), np.exp(-np.array(squares) / (2 * width)), rtol=1e-4)


def test_equal_rows_have_a_usable_width():
    assert torch.isfinite(
        rbf(torch.ones(4, 2), torch.ones(1, 2), mean_squared_distance(*[torch.ones(4, 2)] * 2))
    ).all()


@pytest.mark.parametrize("order", [1, 2, 4, 8, 12, 16, 20, 24, 32, 44, 48, 64, 128])
def test_hadamard_matrices_are_orthogonal(order):
    matrix = hadamard(order)
    assert matrix is not None
    assert set(matrix.unique().tolist()) <= {-1.0, 1.0}
    assert torch.equal(matrix @ matrix.T, order * torch.eye(order))
    assert (matrix[0] == 1).all()
    assert (matrix[:, 0] == 1).all()


@pytest.mark.parametrize("order", [3, 6, 18, 28 + 8])
def test_orders_without_a_construction_are_refused(order):
    assert hadamard(order) is None


def distances(words):
    n_bits = words.shape[1]
    return ((n_bits - words @ words.T) / 2)[~torch.eye(len(words), dtype=torch.bool)]


@pytest.mark.parametrize("n_bits", [12, 16, 24, 32, 48, 64])
@pytest.mark.parametrize("generator", [None, torch.Generator().manual_seed(0)])
def test_ten_classes_differ_in_exactly_half_the_bits(n_bits, generator):
    words = codewords(10, n_bits, generator)
    assert words.shape == (10, n_bits)
    assert (distances(words) == n_bits / 2).all()
    assert (words != words[:, :1]).any(1).all(), "the constant row is no codeword of ten classes"


@pytest.mark.parametrize(
    ("n_classes", "n_bits"), [(2, 1), (4, 2), (3, 5), (10, 6), (16, 4), (24, 12), (100, 12), (1000, 32)]
)
def test_codewords_are_always_distinct(n_classes, n_bits):
    words = codewords(n_classes, n_bits)
    assert words.shape == (n_classes, n_bits)
    assert (distances(words) >= 1).all()
    assert torch.equal(words, codewords(n_classes, n_bits))


def test_negatives_double_the_classes_at_distance_half():
    assert distances(codewords(24, 12)).unique().tolist() == [6, 12]


def test_too_many_classes_for_the_bits():
    with pytest.raises(
        InvalidInputError, match=r"n_bits=3 has 8 codewords, too few for 9 classes; raise n_bits"
    ):
        codewords(9, 3)


def test_a_sample_of_no_rows_is_refused():
    with pytest.raises(InvalidInputError, match="n_anchors=0: at least one anchor is needed"):
        sample_rows(torch.zeros(5, 2), 0, torch.Generator())
