"""Codes files: every form that is read, every fault that is named."""

import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hashbench.contracts.codes import Codes
from hashbench.errors import HashbenchError, InvalidInputError, MissingDataError
from hashbench.evaluation import evaluate, load_codes, load_per_query, save_codes, save_per_query
from hashbench.evaluation.files import read_codes

BITS = np.random.default_rng(0).integers(0, 2, (30, 12))
LABELS = np.arange(30) % 4


def write(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("labels", [LABELS, np.eye(4)[LABELS] > 0, np.array(list("abcd"))[LABELS]])
def test_what_is_saved_is_loaded(tmp_path: Path, labels: np.ndarray) -> None:
    path = tmp_path / "some.codes"  # any name: no suffix is added
    save_codes(path, Codes.from_real(BITS), labels)
    codes, loaded = load_codes(path)
    assert np.array_equal(codes.unpack(), BITS)
    assert np.array_equal(loaded, labels)
    assert os.listdir(tmp_path) == ["some.codes"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "arrays",
    [
        {"codes": BITS > 0},
        {"codes": BITS},
        {"codes": BITS.astype(np.uint8)},
        {"codes": BITS.astype(np.uint8), "n_bits": 12},
        {"codes": 2 * BITS - 1},
        {"codes": np.where(BITS, 0.3, -2.0)},
        {"codes": np.packbits(BITS, axis=1), "n_bits": 12},
        {"codes": np.packbits(BITS, axis=1), "n_bits": np.array([12])},
    ],
)
def test_all_forms_of_codes(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    codes, labels = load_codes(write(tmp_path / "c.npz", **arrays, labels=LABELS))
    assert np.array_equal(codes.unpack(), BITS)
    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": BITS}, "lacks the array 'labels'; it holds: codes"),
        ({"labels": LABELS, "code": BITS}, "lacks the array 'codes'; it holds: code, labels"),
        ({}, "lacks the array 'codes'; it holds: none"),
        ({"codes": BITS - 1, "labels": LABELS}, "codes are ternary|sign"),
        ({"codes": np.sign(BITS - np.arange(12) / 12 * 2), "labels": LABELS}, "ternary"),
        ({"codes": np.where(BITS, np.nan, 1), "labels": LABELS}, "contain NaN"),
        ({"codes": BITS, "labels": LABELS[:-1]}, r"labels must be \(30,\)"),
        ({"codes": BITS[:0], "labels": LABELS[:0]}, "are empty"),
        ({"codes": BITS, "labels": LABELS.astype(object)}, "pickle, which is refused"),
        ({"codes": np.packbits(BITS, axis=1), "labels": LABELS}, "look packed; .* the array n_bits"),
        ({"codes": BITS * 2, "labels": LABELS}, r"from 0 to 2; bits must be 0/1 or -1/\+1"),
        ({"codes": np.packbits(BITS, axis=1), "n_bits": 20, "labels": LABELS}, "n_bits is 20, but codes are"),
        ({"codes": np.packbits(BITS, axis=1), "n_bits": 9, "labels": LABELS}, "ones beyond the last bit"),
        ({"codes": BITS, "n_bits": 12.0, "labels": LABELS}, "n_bits must be one integer"),
        ({"codes": BITS, "n_bits": 0, "labels": LABELS}, "n_bits must be at least 1, not 0"),
        (
            {"codes": 1 / (1 + np.exp(-BITS)), "labels": LABELS},
            "its codes are real values .* every bit would be 1",
        ),
    ],
)
def test_faults_name_the_file(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = write(tmp_path / "faulty.npz", **arrays)
    with pytest.raises(InvalidInputError, match=message) as caught:
        load_codes(path)
    assert "faulty.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="does not exist"):
        load_codes(tmp_path / "absent.npz")
    with pytest.raises(InvalidInputError, match=f"'{tmp_path}' is a folder; give the path of an .npz file"):
        load_codes(tmp_path)


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """Objects, which would need pickle, and damage elsewhere in the file are no matter."""
    path = write(tmp_path / "c.npz", codes=BITS, labels=LABELS, paths=np.array([{}, None]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.npy", b"\x93NUMPY damaged")
    codes, labels = load_codes(path)
    assert np.array_equal(codes.unpack(), BITS)
    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("member", "message"),
    [(b"0 1 0 1", "its member 'labels' is not an array"), (b"\x93NUMPY\x01\x00", "is damaged")],
)
def test_members_that_are_no_arrays(tmp_path: Path, member: bytes, message: str) -> None:
    path = write(tmp_path / "plain.npz", codes=BITS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.npy", member)
    with pytest.raises(InvalidInputError, match=rf"codes file '.*plain.npz'.* {message}"):
        load_codes(path)


def test_real_values_are_kept(tmp_path: Path) -> None:
    values = np.where(BITS, 0.3, -2.0)
    read = read_codes(write(tmp_path / "real.npz", codes=values, labels=LABELS)).real_values
    assert read is not None
    assert np.array_equal(read, values)
    for bits in (BITS, BITS > 0, BITS.astype(float), 2.0 * BITS - 1):
        assert read_codes(write(tmp_path / "bits.npz", codes=bits, labels=LABELS)).real_values is None
    save_codes(tmp_path / "packed.npz", Codes.from_real(values), LABELS)
    assert read_codes(tmp_path / "packed.npz").real_values is None


def test_not_an_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "single.npy", BITS)
    (tmp_path / "text.npz").write_text("codes,labels\n1,2\n")
    (tmp_path / "empty.npz").write_bytes(b"")
    whole = write(tmp_path / "whole.npz", codes=BITS, labels=LABELS).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.npz").write_bytes(whole[:900] + bytes([whole[900] ^ 255]) + whole[901:])
    # flipped: one byte of the first array differs from its checksum
    for name in ("single.npy", "text.npz", "empty.npz", "cut.npz", "flipped.npz"):
        with pytest.raises(InvalidInputError, match=name):
            load_codes(tmp_path / name)


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.npz"
    save_codes(path, Codes.from_real(BITS), LABELS)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InvalidInputError, match="disk full"):
        save_codes(path, Codes.from_real(1 - BITS), LABELS)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["c.npz"]


def test_labels_that_do_not_fit_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(HashbenchError, match="labels must be"):
        save_codes(tmp_path / "c.npz", Codes.from_real(BITS), LABELS[:-1])
    assert not os.listdir(tmp_path)


def test_values_of_each_query_are_saved_as_they_are(tmp_path: Path) -> None:
    result = evaluate(BITS, BITS, LABELS, LABELS)
    path = tmp_path / "folder" / "some.per_query.npz"
    save_per_query(path, result)
    loaded = load_per_query(path)
    assert list(loaded) == list(result)
    for name, values in loaded.items():
        assert np.array_equal(values, result.per_query[name])
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"codes": BITS, "labels": LABELS},
        {"map": np.zeros(3), "precision@5": np.zeros(4)},
        {"map": np.zeros(3, np.float32)},
        {"map": np.float64(0.5)},
    ],
)
def test_what_is_no_per_query_file(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = write(tmp_path / "other.npz", **arrays)
    with pytest.raises(InvalidInputError, match=r"per-query file '.*other.npz' must hold float64 arrays"):
        load_per_query(path)
    with pytest.raises(MissingDataError, match=r"per-query file .* does not exist"):
        load_per_query(tmp_path / "absent.npz")
