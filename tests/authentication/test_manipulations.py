import hashlib

import numpy as np
import pytest

from hashbench.authentication import manipulations as m
from hashbench.authentication.manipulations import MANIPULATIONS, version_of
from hashbench.authentication.seeded import normal, uniform

BY_NAME = {one.name: one for one in MANIPULATIONS}


def images(n=6, channels=3, side=32, seed=0):
    """Smooth images, so that all kinds of changes leave them much as they were."""
    waves = np.random.default_rng(seed).normal(size=(n, channels, 4, 4))
    rows = np.cos(np.pi * np.outer(np.arange(side) + 0.5, np.arange(4)) / side)
    return np.clip(128 + 25 * (rows @ waves @ rows.T), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("one", MANIPULATIONS, ids=lambda one: one.name)
@pytest.mark.parametrize(("channels", "sides"), [(1, (8, 8)), (3, (32, 32)), (3, (17, 40))])
def test_a_copy_is_of_its_image_alone(one, channels, sides):
    pixels = np.random.default_rng(1).integers(0, 256, (5, channels, *sides), np.uint8)
    before, ids = pixels.copy(), np.array([3, 14, 15, 92, 65])
    copies = one.copies(pixels, ids)
    assert copies.shape == pixels.shape
    assert copies.dtype == np.uint8
    assert np.array_equal(pixels, before)
    some = np.array([4, 1])
    assert np.array_equal(one.copies(pixels[some], ids[some]), copies[some])
    assert (copies != pixels).any()


@pytest.mark.parametrize("one", MANIPULATIONS, ids=lambda one: one.name)
def test_a_copy_shows_what_its_image_shows(one):
    pixels = images(20)
    copies = one.copies(pixels, np.arange(20))
    distance = np.abs(copies[:, None].astype(float) - pixels).mean((2, 3, 4))
    assert (distance.argmin(1) == np.arange(20)).all()


def test_every_name_is_one_copy_and_levels_grow_stronger():
    assert len(BY_NAME) == len(MANIPULATIONS) == 40
    assert [one.group for one in MANIPULATIONS].count("moved") == 6
    pixels, ids = images(), np.arange(6)
    for weak, strong in (
        *[("jpeg 90", "jpeg 10"), ("blur 0.5", "blur 1.0"), ("rotate 1", "rotate 5"), ("shift 1", "shift 2")],
        *[("gauss_noise 2", "gauss_noise 10"), ("salt_pepper 0.005", "salt_pepper 0.02")],
        *[("watermark 0.1", "watermark 0.3"), ("crop 0.03", "crop 0.06"), ("scale 0.75", "scale 0.5")],
    ):
        changes = [
            np.abs(BY_NAME[name].copies(pixels, ids).astype(float) - pixels).mean() for name in (weak, strong)
        ]
        assert changes[0] < changes[1], (weak, changes)


def test_grey_levels_follow_their_formulas():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    ids = np.zeros(1, np.int64)
    v = np.arange(256.0)
    for name, values in (
        ("brightness +20", v + 20),
        ("brightness -10", v - 10),
        ("contrast 1.2", 128 + 1.2 * (v - 128)),
        ("gamma 0.75", 255 * (v / 255) ** 0.75),
    ):
        expected = np.clip(np.round(values), 0, 255)
        assert np.array_equal(BY_NAME[name].copies(ramp, ids).ravel(), expected)


def test_noise_has_the_stated_strength():
    grey = np.full((40, 1, 32, 32), 128, np.uint8)
    ids = np.arange(40)
    noise = m.gauss_noise(grey, ids, 5) - 128.0
    assert noise.mean() == pytest.approx(0, abs=0.1)
    assert noise.std() == pytest.approx(np.sqrt(25 + 1 / 12), rel=0.01)  # rounding adds 1/12
    colour = np.full((40, 3, 32, 32), 128, np.uint8)
    spots = m.salt_pepper(colour, ids, 0.02)
    assert (spots == spots[:, :1]).all()
    assert ((spots == 255).sum((1, 2, 3)) == 30).all()  # 10 pixels of 1,024
    assert ((spots == 0).sum((1, 2, 3)) == 30).all()
    assert len(np.unique(spots, axis=0)) == 40
    assert ((m.salt_pepper(grey[:, :, :8, :8], ids, 0.005) != 128).sum((1, 2, 3)) == 1).all()
    assert set(np.unique(spots)) == {0, 128, 255}


def test_pixels_move_as_stated():
    pixels = images(40)
    moved = m.shift(pixels, np.arange(40), 2)
    sides = {
        "right": (pixels[..., :-2], moved[..., 2:]),
        "left": (pixels[..., 2:], moved[..., :-2]),
        "down": (pixels[:, :, :-2], moved[:, :, 2:]),
        "up": (pixels[:, :, 2:], moved[:, :, :-2]),
    }
    hit = np.array([(before == after).all((1, 2, 3)) for before, after in sides.values()])
    assert (hit.sum(0) == 1).all()
    assert hit.any(1).all()  # to every side
    padded = m.pad(np.full((1, 1, 32, 32), 200, np.uint8), np.arange(1), 0.06)
    assert padded[0, 0, 0].max() < 60
    assert padded[0, 0, 16, 16] == 200
    flat = np.full((2, 3, 20, 20), 77, np.uint8)
    assert (m.rotate(flat, np.arange(2), 5) == 77).all()  # no black corners
    turned = m.rotate(pixels, np.arange(40), 5)
    one_way = m.rotate(pixels[:, :, :, ::-1].copy(), np.arange(40), 5)[:, :, :, ::-1]
    assert not np.array_equal(turned, one_way)


def test_the_watermark_lies_in_a_corner():
    pixels = images()
    marked = m.watermark(pixels, np.arange(6), 0.3)
    assert np.array_equal(marked[..., :24, :], pixels[..., :24, :])
    assert np.array_equal(marked[..., :24], pixels[..., :24])
    corner = np.round(0.7 * pixels[..., 24, 24])
    assert np.array_equal(marked[..., 24, 24], corner)
    assert np.array_equal(marked[..., 24, 26], np.round(0.7 * pixels[..., 24, 26] + 0.3 * 255))


def test_random_numbers_are_those_of_the_name_and_the_image():
    ids = np.arange(300)
    numbers = uniform(ids, "a", 100)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1
    assert numbers.mean() == pytest.approx(0.5, abs=0.01)
    assert not np.isin(uniform(ids, "b", 100), numbers).any()
    assert np.array_equal(uniform(ids[7:9], "a", 100), numbers[7:9])
    drawn = normal(ids, "a", 101)
    assert drawn.shape == (300, 101)
    assert (drawn.mean(), drawn.std()) == pytest.approx((0, 1), abs=0.02)
    assert abs(np.corrcoef(drawn[:, :50].ravel(), drawn[:, 51:].ravel())[0, 1]) < 0.02


# Copies that depend on no library: other values need another VERSION, or records are taken for current.
PINNED = {
    "v1": {
        "gauss_noise 5": "60f98d04421b",
        "salt_pepper 0.02": "17112edab039",
        "shift 2": "f29a3e140801",
        "watermark 0.3": "c369a300911c",
        "gamma 1.25": "b6711acbd950",
        "contrast 0.8": "0a30874121ae",
    }
}


def test_the_copies_are_those_of_their_version():
    ramp = (np.arange(2 * 3 * 12 * 12) * 7919 % 251).astype(np.uint8).reshape(2, 3, 12, 12)
    found = {
        name: hashlib.sha256(BY_NAME[name].copies(ramp, np.array([5, 6])).tobytes()).hexdigest()[:12]
        for name in PINNED["v1"]
    }
    assert {f"v{m.VERSION}": found} == PINNED


def test_another_list_has_another_name():
    names = tuple(BY_NAME)
    assert version_of(names) == version_of(names)
    assert version_of(names[1:]) != version_of(names)
