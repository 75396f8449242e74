import hashlib

import numpy as np
import pytest

from hashbench.authentication.manipulations import VERSION
from hashbench.authentication.tampering import COLUMNS, TAMPERINGS, square, tampered


def forged(pixels, donors=None, ids=None):
    donors = np.roll(pixels, 1, axis=0) if donors is None else donors
    ids = np.arange(len(pixels)) if ids is None else ids
    return dict(zip(COLUMNS, tampered(pixels, donors, ids), strict=True))


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 3, 20, 24), np.uint8)


def test_each_kind_has_a_column_and_one_saved_as_jpeg(pixels):
    assert len(COLUMNS) == 2 * len(TAMPERINGS) == 12
    made = forged(pixels)
    for name, version in made.items():
        assert version.shape == pixels.shape
        assert version.dtype == np.uint8
        assert (version != pixels).any((1, 2, 3)).all(), name
    assert not np.array_equal(made["patch 25"], made["patch 25+jpeg"])


@pytest.mark.parametrize("kind", TAMPERINGS, ids=lambda kind: kind.name)
def test_one_square_is_touched(pixels, kind):
    height, width = square(pixels.shape, kind.share)
    changed = (forged(pixels)[kind.name] != pixels).any(1)
    for image in changed:
        rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
        assert np.ptp(rows) < height
        assert np.ptp(columns) < width
        assert image.sum() > 0.5 * height * width


def test_what_covers_the_square(pixels):
    made = forged(pixels)
    donors = np.roll(pixels, 1, axis=0)
    patch = made["patch 40"]
    assert (np.where(patch != pixels, patch, donors) == donors).all()
    for image, copied in zip(pixels, made["copy_move 25"], strict=True):
        changed = (copied != image).any(0)
        for y, x in np.argwhere(changed):
            assert (image == copied[:, [y], [x]][..., None]).all(0).any()  # some pixel of the image
    erased = made["erase 25"]
    for image, copied in zip(pixels, erased, strict=True):
        changed = (copied != image).any(0)
        assert (np.ptp(copied[:, changed], axis=1) == 0).all()
        assert np.abs(copied[:, changed][:, 0] - image[:, changed].mean(1)).max() < 12
    quadrant = made["quadrant +40"]
    where = quadrant != pixels
    assert np.array_equal(quadrant[where], np.minimum(pixels.astype(int) + 40, 255)[where])


def test_a_forgery_is_of_its_image_alone(pixels):
    ids, donors = np.array([9, 8, 7, 3, 2, 1]), np.roll(pixels, 1, axis=0)
    some = np.array([4, 1])
    whole = forged(pixels, donors, ids)
    for name, version in forged(pixels[some], donors[some], ids[some]).items():
        assert np.array_equal(version, whole[name][some])


def test_the_forger_changes_something_where_most_places_are_alike():
    black = np.zeros((30, 1, 28, 28), np.uint8)
    black[:, :, 10:18, 10:18] = 255
    changed = [
        (version != black).any((1, 2, 3)).mean()
        for name, version in forged(black, np.zeros_like(black)).items()
        if "jpeg" not in name and "erase" not in name
    ]
    assert min(changed) > 0.9


# Other values need another VERSION of the lists, or records are taken for current.
PINNED = {
    "v1": {
        "patch 25": "e6a8f0adf5b1",
        "patch 40": "c427fdd0e118",
        "patch 55": "c61d348c3431",
        "copy_move 25": "37d078128242",
        "erase 25": "cca75fcb3c63",
        "quadrant +40": "068d6a58eaf1",
    }
}


def test_the_forgeries_are_those_of_their_version():
    ramp = (np.arange(2 * 3 * 12 * 12) * 7919 % 251).astype(np.uint8).reshape(2, 3, 12, 12)
    made = forged(ramp, ids=np.array([5, 6]))
    found = {name: hashlib.sha256(made[name].tobytes()).hexdigest()[:12] for name in PINNED["v1"]}
    assert {f"v{VERSION}": found} == PINNED
