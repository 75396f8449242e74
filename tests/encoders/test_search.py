"""The nearest codes, with faiss and without: equal, and in one order."""

import numpy as np
import pytest

from hashbench.contracts.codes import Codes
from hashbench.encoders.search import NamedCodes, load_named, nearest, save_named
from hashbench.errors import InvalidInputError, MissingDataError


def random_codes(n, n_bits, seed=0):
    return Codes.from_real(np.random.default_rng(seed).integers(0, 2, (n, n_bits)) - 0.5)


@pytest.mark.parametrize("use_faiss", [False, True])
@pytest.mark.parametrize("n_bits", [3, 8, 70])
def test_nearest_are_those_of_a_naive_search_with_ties_by_name(n_bits, use_faiss):
    if use_faiss:
        pytest.importorskip("faiss")
    codes, query = random_codes(60, n_bits), random_codes(1, n_bits, 1)
    names = tuple(f"{(7 * i) % 60:02}" for i in range(60))
    bits, asked = codes.unpack(), query.unpack()[0]
    every = sorted(
        (sum(a != b for a, b in zip(row, asked, strict=True)), name)
        for row, name in zip(bits, names, strict=True)
    )
    for top in (1, 10, 60, 99):
        found = nearest(query, NamedCodes(codes, names), top, use_faiss=use_faiss)
        assert found == every[:top]


def test_codes_of_another_length_are_refused():
    with pytest.raises(InvalidInputError, match=r"8 bits.*16"):
        nearest(random_codes(1, 8), NamedCodes(random_codes(5, 16), tuple("abcde")), 1)


def test_named_codes_come_back(tmp_path):
    named = NamedCodes(random_codes(3, 12), ("é.jpg", "b/c.png", ""), "ab")
    save_named(tmp_path / "a.npz", named)
    back = load_named(tmp_path / "a.npz")
    assert (back.names, back.encoder, back.codes.n_bits) == (named.names, "ab", 12)
    assert np.array_equal(back.codes.packed, named.codes.packed)


@pytest.mark.parametrize(
    "changes",
    [
        {"n_bits": 17},
        {"n_bits": -1},
        {"n_bits": [12, 12]},
        {"names": np.array(["a"])},
        {"names": np.arange(3)},
        {"codes": np.zeros((3, 2), np.float32)},
        {"codes": np.full((3, 2), 255, np.uint8)},
        {"codes": np.zeros((0, 2), np.uint8), "names": np.array([], str)},
        {"codes": np.array([None, 1, 2])},
        {"codes": None},
    ],
)
def test_wrong_files_of_codes_are_refused(tmp_path, changes):
    arrays = {"codes": np.zeros((3, 2), np.uint8), "n_bits": 12, "names": np.array(["a", "b", "c"])} | changes
    np.savez(tmp_path / "a.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(InvalidInputError):
        load_named(tmp_path / "a.npz")


def test_no_file_and_no_archive(tmp_path):
    with pytest.raises(MissingDataError):
        load_named(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_text("mine")
    with pytest.raises(InvalidInputError):
        load_named(tmp_path / "a.npz")
