"""PQ and OPQ, the rows that show what as many bits are worth when they are no Hamming code."""

import numpy as np
import pytest

from hashbench.errors import InvalidInputError
from hashbench.methods.opq import OPQ
from hashbench.methods.pq import PQ
from hashbench.methods.real_valued import RealValued

pytest.importorskip("faiss")
rng = np.random.default_rng(0)
X = (rng.normal(size=(400, 10)) * ([1] * 5 + [0.1] * 5)).astype(np.float32)


def fitted(cls, data=X, **params):
    return cls(device="cpu", **{"code_bits": 16, **params}).fit(data)


def error(method):
    return float(np.square(method.project(X) - RealValued(device="cpu").fit(X).project(X)).sum(1).mean())


def test_pq_gives_the_nearest_centroid_of_each_part():
    method = fitted(PQ)
    rows = RealValued(device="cpu").fit(X).project(X)
    assert method.centroids_.shape == (2, 256, 5)
    expected = [
        part.numpy()[np.square(rows[:, 5 * i : 5 * i + 5, None] - part.numpy().T).sum(1).argmin(1)]
        for i, part in enumerate(method.centroids_)
    ]
    np.testing.assert_allclose(method.project(X), np.concatenate(expected, 1), atol=1e-5)
    assert len(np.unique(method.project(X)[:, :5], axis=0)) <= 256


def test_opq_rotates_and_comes_nearer_than_pq():
    method = fitted(OPQ)
    rotation = method.rotation_.numpy()
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(10), atol=1e-4)
    back = method.project(X) @ rotation.T
    apart = np.square(back - RealValued(device="cpu").fit(X).project(X)).sum(1).mean()
    assert apart < error(fitted(PQ))


def test_opq_quantises_the_leading_directions_of_wide_rows():
    whole, part = fitted(OPQ, n_components=10), fitted(OPQ, n_components=5)
    assert part.rotation_.shape == (10, 4)  # two parts of two
    np.testing.assert_allclose(part.rotation_.T @ part.rotation_, np.eye(4), atol=1e-4)
    rows = RealValued(device="cpu").fit(X).project(X)
    leading = np.linalg.svd(rows, full_matrices=False)[2][:4]
    np.testing.assert_allclose(
        part.rotation_.numpy() @ (part.rotation_.numpy().T @ leading.T), leading.T, atol=1e-3
    )
    assert whole.rotation_.shape == (10, 10)
    assert fitted(OPQ, n_components=1).rotation_.shape == (10, 2)  # one a part
    assert fitted(OPQ, n_components=10, code_bits=24).rotation_.shape == (12, 12)  # zeros pad ten to twelve


def test_more_bits_come_nearer():
    assert error(fitted(PQ, code_bits=40)) < error(fitted(PQ, code_bits=16)) < error(fitted(PQ, code_bits=8))


@pytest.mark.parametrize("cls", [PQ, OPQ])
def test_features_that_parts_do_not_divide_and_items_fewer_than_centroids(cls):
    vectors = fitted(cls, X[:50], code_bits=24).project(X)
    assert vectors.shape == (400, 12)
    assert np.isfinite(vectors).all()
    assert fitted(cls, X[:50]).centroids_.shape[1] == 32


@pytest.mark.parametrize("cls", [PQ, OPQ])
@pytest.mark.parametrize("code_bits", [0, 12])
def test_a_size_that_is_none(cls, code_bits):
    with pytest.raises(InvalidInputError, match=f"code_bits={code_bits}"):
        fitted(cls, code_bits=code_bits)


@pytest.mark.parametrize("cls", [PQ, OPQ])
def test_without_faiss_the_message_says_what_to_install(cls, monkeypatch):
    monkeypatch.setattr(cls, "needs", ("faiss", "no_such_package"))
    with pytest.raises(InvalidInputError, match=r"no_such_package.*hashbench\[faiss\]"):
        fitted(cls)
