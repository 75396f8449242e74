"""The shallow methods of images and texts, against their formulas."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from sklearn.naive_bayes import BernoulliNB

from hashbench.errors import InvalidInputError
from hashbench.evaluation import evaluate
from hashbench.methods import cmfh
from hashbench.methods.cca_itq import CCAITQ
from hashbench.methods.cca_itq_views import CCAITQViews
from hashbench.methods.cca_sign import CCASign
from hashbench.methods.class_words import ClassWords
from hashbench.methods.cmfh import CMFH
from hashbench.methods.random_views import RandomViews
from hashbench.methods.scm import SCM, semantic_correlation, sequential
from hashbench.numerics import canonical_pairs, cholesky, gram, one_hot, sign

N, CLASSES, P = 400, 4, 9
SHALLOW = [CCASign, CCAITQViews, SCM, CMFH]
CENTRES = np.random.default_rng(9).normal(size=(CLASSES, P))


def items(seed, n=N):
    """Features (n, 9), texts (n, 12) of a class word in two and an unrelated word in four, classes (n,)."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % CLASSES)
    X = (3 * CENTRES[y] + rng.normal(size=(n, P)) + 5).astype(np.float32)
    T = np.zeros((n, 12), np.uint8)
    T[np.arange(n), 2 * y + rng.integers(0, 2, n)] = 1
    T[np.arange(n), 8 + rng.integers(0, 4, n)] = 1
    return X, T, y


def centred(seed=0):
    X, T, y = items(seed)
    X, T = torch.from_numpy(X), torch.from_numpy(T).float()
    return X - X.mean(0), T - T.mean(0), torch.from_numpy(y)


def advantage(method):
    """mAP of texts that ask for images, over that of the same ranking asked for the other classes.

    The mAP alone is no test: where images of a class share a code, one class of four comes first at random,
    and a text that is related to nothing scores 0.41.
    """
    (database, _, labels), (_, asked, classes) = items(1), items(2)
    codes, images = method.encode_text(asked), method.encode(database)
    scores = [
        evaluate(codes, images, (classes + step) % CLASSES, labels, ["map"])["map"] for step in range(CLASSES)
    ]
    return scores[0] - np.mean(scores[1:])


@pytest.mark.parametrize("cls", [*SHALLOW, ClassWords], ids=lambda cls: cls.__name__)
def test_texts_find_images_and_shuffled_texts_do_not(cls):
    X, T, y = items(0)
    assert advantage(cls(n_bits=8, device="cpu").fit(X, y, texts=T)) > 0.3
    rng = np.random.default_rng(0)
    shuffled = [
        advantage(cls(n_bits=8, device="cpu").fit(X, y, texts=T[rng.permutation(N)])) for _ in range(8)
    ]
    assert np.mean(shuffled) == pytest.approx(0, abs=3 * np.std(shuffled) / np.sqrt(8) + 0.02)


@pytest.mark.parametrize("cls", SHALLOW, ids=lambda cls: cls.__name__)
def test_both_views_are_centred_by_the_training_means(cls):
    """An item at the training mean has the value 0 in every bit, whatever is encoded with it."""
    X, T, y = items(0)
    method = cls(n_bits=6, device="cpu").fit(X, y, texts=T)
    far = np.concatenate([X.mean(0, keepdims=True), X[:5] + 100])
    np.testing.assert_allclose(method.project(far)[0], 0, atol=1e-4)
    np.testing.assert_allclose(method.project_text(T.mean(0, keepdims=True))[0], 0, atol=1e-4)


# -- canonical correlations ---------------------------------------------------------------------------


def test_cca_with_classes_as_texts_has_the_image_side_of_cca_itq():
    X, _, y = items(0)
    settings = {"n_bits": 8, "ridge": 0.1, "device": "cpu"}
    theirs = CCAITQ(relative=True, **settings).fit(X, y).directions_
    ours = CCAITQViews(text_ridge=0.1, **settings).fit(X, texts=np.eye(CLASSES)[y]).directions_
    # both are V R with one V and some rotation R; the release divides by n - 1, which changes no product here
    ratio = (ours @ ours.T) / (theirs @ theirs.T)
    np.testing.assert_allclose(ratio, np.full((P, P), (N) / (N - 1)), rtol=1e-3)


def test_pairs_are_uncorrelated_and_correlate_as_scipy_says():
    X, T, _ = centred()
    xx, tt, xt = gram(X, X) / N, gram(T, T) / N, gram(X, T) / N
    left, right = cholesky(xx, 0.01, relative=True), cholesky(tt, 0.02, relative=True)
    A, B, values = canonical_pairs(left, right, xt, 5)
    np.testing.assert_allclose(A.T @ left @ left.T @ A, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(B.T @ right @ right.T @ B, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(A.T @ xt @ B, np.diag(values), atol=1e-9)
    squares = eigh(xt @ torch.linalg.solve(right @ right.T, xt.T), left @ left.T, eigvals_only=True)
    np.testing.assert_allclose(values**2, squares[::-1][:5], rtol=1e-8)
    relative = 0.01 * xx.diagonal().mean()
    np.testing.assert_allclose((left @ left.T - xx).numpy(), float(relative) * np.eye(P), atol=1e-9)


def test_bits_beyond_the_words_are_constant_with_signs_and_not_with_the_rotation():
    X, _, y = items(0)
    T = np.eye(CLASSES)[y]  # three directions
    plain = CCASign(n_bits=8, device="cpu").fit(X, texts=T)
    assert not plain.encode(X).unpack()[:, 3:].any()
    assert not plain.encode_text(T).unpack()[:, 3:].any()
    bits = CCAITQViews(n_bits=8, device="cpu").fit(X, texts=T).encode(X).unpack()
    assert (bits.any(0) & ~bits.all(0)).all()


def test_power_scales_directions_by_their_correlation():
    X, T, _ = items(0)
    flat, scaled = (
        CCAITQViews(n_bits=5, power=power, n_iter=0, device="cpu").fit(X, texts=T) for power in (0.0, 1.0)
    )
    plain = CCASign(n_bits=5, device="cpu").fit(X, texts=T)
    np.testing.assert_allclose(
        flat.directions_ @ flat.directions_.T, plain.directions_ @ plain.directions_.T, rtol=1e-3, atol=1e-5
    )
    assert scaled.directions_.norm() < flat.directions_.norm()


def test_a_covariance_that_stays_singular_is_refused_by_name():
    X, T, _ = items(0)
    with pytest.raises(InvalidInputError, match=r"ridge=-0\.001"):
        CCASign(n_bits=4, text_ridge=-1e-3, device="cpu").fit(X, texts=T)


# -- SCM ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["classes", "multi-hot"])
def test_the_semantic_correlation_is_the_dense_product(kind):
    X, T, y = centred()
    X, T = X + 1, T + 2  # uncentred: the second product counts too
    labels = one_hot(y)
    if kind == "multi-hot":
        labels = torch.clamp(labels + torch.eye(CLASSES)[y.flip(0)], max=1)
    C = semantic_correlation(X, T, labels)
    dense = np.zeros((N, N))
    L = labels.numpy()
    for i in range(N):
        for j in range(N):
            dense[i, j] = 2 * L[i] @ L[j] / (np.linalg.norm(L[i]) * np.linalg.norm(L[j])) - 1
    expected = X.double().numpy().T @ dense @ T.double().numpy()
    np.testing.assert_allclose(C, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def residual(method, X, T, y, bits):
    S = 2.0 * (y[:, None] == y) - 1
    image, text = (
        np.where(values > 0, 1.0, -1.0)[:, :bits] for values in (method.project(X), method.project_text(T))
    )
    return np.square(method.n_bits * S - image @ text.T).sum()


def test_the_residual_falls_from_bit_to_bit():
    X, T, y = items(0)
    method = SCM(n_bits=8, device="cpu").fit(X, y, texts=T)
    values = [residual(method, X, T, y, bits) for bits in range(9)]
    assert (np.diff(values) < 0).all()
    orth = SCM(n_bits=8, learning="orth", device="cpu").fit(X, y, texts=T)
    assert values[-1] < residual(orth, X, T, y, 8)


def test_orth_solves_the_eigenproblem_of_the_paper():
    X, T, y = centred()
    ours = SCM(n_bits=3, learning="orth", ridge=0.5, device="cpu").fit(X + 7, y, texts=T + 1)
    C = semantic_correlation(X, T, one_hot(y)).numpy()
    xx, tt = (gram(view, view).numpy() + 0.5 * np.eye(view.shape[1]) for view in (X, T))
    squares, W = eigh(C @ np.linalg.solve(tt, C.T), xx)
    W, values = W[:, ::-1][:, :3], np.sqrt(squares[::-1][:3])
    U = np.linalg.solve(tt, C.T @ W) / values
    signs = np.sign((W * ours.directions_.numpy()).sum(0))
    np.testing.assert_allclose(ours.directions_, W * signs, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ours.text_directions_, U * signs, rtol=1e-3, atol=1e-5)


def test_seq_takes_off_what_a_bit_explains():
    X, T, y = centred()
    left, right = (cholesky(gram(view, view), 1e-6, relative=False) for view in (X, T))
    C = 2 * semantic_correlation(X, T, one_hot(y))
    start = canonical_pairs(left, right, C, 2)[:2]
    W, U = sequential(X, T, left, right, C, start)
    np.testing.assert_array_equal(W[:, 0], start[0][:, 0])
    explained = X.double().T @ sign(X @ W[:, 0].float()).double()
    of_texts = T.double().T @ sign(T @ U[:, 0].float()).double()
    second = canonical_pairs(left, right, C - torch.outer(explained, of_texts), 1)
    np.testing.assert_allclose(W[:, 1], second[0][:, 0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(U[:, 1], second[1][:, 0], rtol=1e-6, atol=1e-9)


def test_where_the_value_grows_the_directions_of_the_start_stay():
    X, T, y = centred()
    left, right = (cholesky(gram(view, view), 1e-6, relative=False) for view in (X, T))
    C = 1e-3 * semantic_correlation(X, T, one_hot(y))  # the first bit explains far more than C holds
    start = tuple(torch.full((view.shape[1], 3), 7.0, dtype=torch.float64) for view in (X, T))
    W, U = sequential(X, T, left, right, C, start)
    assert (W[:, 1:] == 7).all()
    assert (U[:, 1:] == 7).all()
    assert not (W[:, 0] == 7).any()


def test_another_learning_is_refused_by_name():
    X, T, y = items(0)
    with pytest.raises(InvalidInputError, match="both"):
        SCM(learning="both", device="cpu").fit(X, y, texts=T)


# -- CMFH ---------------------------------------------------------------------------------------------


def objective(views, Y, U, P, weights, mu, gamma):
    total = 0.0
    for a, X, u, p in zip(weights, views, U, P, strict=True):
        fit = (X - Y @ u).square().sum() + mu * (Y - X @ p).square().sum()
        total += a * float(fit + gamma * (u.square().sum() + p.square().sum() + Y.square().sum()))
    return total


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.8, 0.2)])
def test_every_step_of_cmfh_is_the_minimum_of_its_block(weights):
    mu, gamma = 3.0, 0.7
    views = [view.double() for view in centred()[:2]]
    generator = torch.Generator().manual_seed(0)
    Y = torch.rand(N, 5, generator=generator).double()
    P = [torch.rand(view.shape[1], 5, generator=generator).double() for view in views]
    U = [torch.rand(5, view.shape[1], generator=generator).double() for view in views]
    roots = [cholesky(gram(view, view), gamma / mu, relative=False) for view in views]
    before = objective(views, Y, U, P, weights, mu, gamma)
    for _ in range(4):
        for step in ("bases", "factors", "projections"):
            if step == "bases":
                U = cmfh.bases(views, Y, gamma)
            elif step == "factors":
                Y = cmfh.factors(views, U, P, weights, mu, gamma)
            else:
                P = cmfh.projections(views, Y, roots)
            after = objective(views, Y, U, P, weights, mu, gamma)
            assert after < before
            before = after
            block = {"bases": U, "factors": [Y], "projections": P}[step]
            for matrix in block:  # the gradient is zero: no other point of the block is lower
                matrix.requires_grad_()
            graph = sum(
                a
                * (
                    (X - Y @ u).square().sum()
                    + mu * (Y - X @ p).square().sum()
                    + gamma * (u.square().sum() + p.square().sum() + Y.square().sum())
                )
                for a, X, u, p in zip(weights, views, U, P, strict=True)
            )
            for matrix, gradient in zip(block, torch.autograd.grad(graph, block), strict=True):
                assert gradient.abs().max() < 1e-6 * before
                matrix.requires_grad_(False)


# -- controls -----------------------------------------------------------------------------------------


def test_class_words_read_texts_as_naive_bayes_and_write_codewords():
    X, T, y = items(0)
    method = ClassWords(n_bits=8, device="cpu").fit(X, y, texts=T)
    _, asked, _ = items(1)
    theirs = BernoulliNB(alpha=1).fit(T, y).predict(asked)
    np.testing.assert_array_equal(method.project_text(asked), method.codewords_[theirs])
    assert {tuple(row) for row in method.project(X)} <= {tuple(row) for row in method.codewords_.tolist()}


def test_random_views_give_equal_items_equal_codes_and_views_different_ones():
    X = np.random.default_rng(0).integers(0, 256, (40, 1, 2, 2)).astype(np.uint8)
    T = X.reshape(40, 4)
    method = RandomViews(n_bits=64, device="cpu").fit(X, texts=T)
    np.testing.assert_array_equal(method.project_text(T[::-1])[::-1], method.project_text(T))
    np.testing.assert_array_equal(method.project_text(T.astype(float)), method.project_text(T))
    apart = (method.project(X) != method.project_text(T)).mean()
    assert 0.45 < apart < 0.55
    other = RandomViews(n_bits=64, random_state=1, device="cpu").fit(X, texts=T)
    assert 0.45 < (method.project_text(T) != other.project_text(T)).mean() < 0.55
