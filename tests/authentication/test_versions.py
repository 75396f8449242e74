import numpy as np
import pytest

from hashbench.authentication import versions
from hashbench.authentication.manipulations import MANIPULATIONS
from hashbench.authentication.tampering import COLUMNS, tampered
from hashbench.authentication.versions import versions_of


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), np.uint8)


def test_they_are_those_of_the_lists_however_they_are_made(pixels, monkeypatch):
    ids = np.array([3, 1, 4, 0, 5])
    kept = versions_of(pixels, ids, 3)
    monkeypatch.setattr(versions, "KEPT", 0)
    made = versions_of(pixels, ids, 3)
    copies, forgeries = list(made.copies), list(made.forgeries)
    assert len(copies) == len(kept.copies) == len(MANIPULATIONS)
    assert len(forgeries) == len(kept.forgeries) == len(COLUMNS)
    for one, copy, same in zip(MANIPULATIONS, copies, kept.copies, strict=True):
        assert np.array_equal(copy, one.copies(pixels, ids))
        assert np.array_equal(copy, same)
    forged = tampered(pixels[:3], pixels[[2, 0, 1]], ids[:3])
    for one, forgery, same in zip(forged, forgeries, kept.forgeries, strict=True):
        assert np.array_equal(forgery, one)
        assert np.array_equal(forgery, same)


def test_they_are_made_once_for_the_same_images_and_anew_for_others(pixels):
    ids = np.arange(5)
    first = versions_of(pixels, ids, 3)
    assert versions_of(pixels.copy(), ids.copy(), 3) is first
    for other in ((pixels ^ 1, ids, 3), (pixels, ids + 1, 3), (pixels, ids, 2)):
        assert versions_of(*other) is not first
        assert versions_of(*other) is versions_of(*other)


def test_a_method_cannot_change_what_the_next_one_gets(pixels):
    kept = versions_of(pixels, np.arange(5), 3)
    for version in (*kept.copies, *kept.forgeries):
        with pytest.raises(ValueError, match="read-only"):
            version[0] = 0
