import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.training.images import N_DRAWS, DeviceImages

PLAIN = {"warp": 0.0, "jitter": 0.0}
MIRROR = Invariances(mirror=True)


def pixels(n=6, channels=3, height=9, width=7):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, height, width), generator=generator, dtype=torch.uint8)


def draws(n, seed=1):
    return torch.rand(n, N_DRAWS, generator=torch.Generator().manual_seed(seed))


def naive(images, index, margin, mirror, numbers):
    """One image at a time: pad by reflection, cut out a window, mirror it."""
    height, width = images.shape[2:]
    batch = []
    for i, row in zip(index.tolist(), numbers.tolist(), strict=True):
        padded = np.pad(images[i].numpy(), ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
        top, left = (int(number * (2 * margin + 1)) for number in row[:2])
        window = padded[:, top : top + height, left : left + width]
        batch.append(window[:, :, ::-1] if mirror and row[2] < 0.5 else window)
    return np.stack(batch)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("crop", "margin"), [(0.0, 0), (0.125, 1), (0.5, 4), (0.86, 6)])
def test_augmentation_equals_a_loop_over_images(crop, margin, mirror, channels):
    images = pixels(40, channels)
    index = torch.randperm(40, generator=torch.Generator().manual_seed(0))[:33]
    on_device = DeviceImages(images, Recipe(crop=crop, **PLAIN), Invariances(mirror=mirror))
    batch = on_device.augmented(index, draws(33))
    assert batch.dtype == torch.float32
    np.testing.assert_array_equal(batch, naive(images, index, margin, mirror, draws(33)))


def test_without_crop_and_mirroring_images_come_as_they_are():
    images, index = pixels(), torch.tensor([4, 0, 0])
    batch = DeviceImages(images, Recipe(crop=0.0, **PLAIN)).augmented(index, draws(3))
    assert torch.equal(batch, images[index].float())


def test_every_shift_and_both_directions_occur_and_differ_within_a_batch():
    image = torch.arange(25, dtype=torch.uint8).view(1, 1, 5, 5)
    images = DeviceImages(image, Recipe(crop=0.2, **PLAIN), MIRROR)
    batch = images.augmented(torch.zeros(400, dtype=torch.int64), draws(400))
    views = batch.unique(dim=0)
    assert len(views) == 2 * 3 * 3
    counts = (batch[:, None] == views[None]).flatten(2).all(2).sum(0)
    assert counts.min() > 5  # 22 expected of each


@pytest.mark.parametrize("margin", range(9))
def test_the_largest_random_number_gives_the_last_shift(margin):
    """Rounding in float32 must not shift an image beyond its border."""
    image = torch.arange(16**2).view(1, 1, 16, 16).to(torch.uint8)
    images = DeviceImages(image, Recipe(crop=margin / 16, **PLAIN))
    largest = torch.full((1, N_DRAWS), 1 - 2**-24)
    expected = naive(image, torch.tensor([0]), margin, False, largest)
    np.testing.assert_array_equal(images.augmented(torch.tensor([0]), largest), expected)


def test_images_are_mirrored_and_erased_only_where_their_class_stays():
    image = torch.arange(144, dtype=torch.uint8).view(1, 1, 12, 12)
    recipe = Recipe(crop=0.0, erase=0.5, **PLAIN)
    for mirror in (False, True):
        for occlude in (False, True):
            images = DeviceImages(image, recipe, Invariances(mirror=mirror, occlude=occlude))
            batch = images.augmented(torch.zeros(40, dtype=torch.int64), draws(40))
            mirrored = ((batch == image.flip(3)) & (batch != image)).flatten(1).any(1)
            erased = ((batch != image) & (batch != image.flip(3))).flatten(1).any(1)
            assert mirrored.any() == mirror
            assert erased.all() == erased.any() == occlude


def test_batches_are_channels_last():
    batch = DeviceImages(pixels(), Recipe(**PLAIN), MIRROR).augmented(torch.tensor([1, 2]), draws(2))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch.to(memory_format=torch.channels_last).data_ptr() == batch.data_ptr()


def test_the_random_numbers_alone_decide():
    images, index = DeviceImages(pixels(50), Recipe(), MIRROR), torch.arange(50)
    first, again, other = (images.augmented(index, draws(50, seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_change_that_is_off_leaves_the_others_as_they_are():
    images = pixels(20, height=12, width=12)
    plain = DeviceImages(images, Recipe(warp=0.0, jitter=0.0)).augmented(torch.arange(20), draws(20))
    mirrored = DeviceImages(images, Recipe(warp=0.0, jitter=0.0), MIRROR)
    erased = DeviceImages(images, Recipe(warp=0.0, jitter=0.0, erase=0.25))
    kept = draws(20)[:, 2] >= 0.5
    assert torch.equal(mirrored.augmented(torch.arange(20), draws(20))[kept], plain[kept])
    assert (erased.augmented(torch.arange(20), draws(20)) == plain).float().mean() > 0.9


def test_the_pixels_given_are_left_alone():
    images = pixels()
    before = images.clone()
    on_device = DeviceImages(images, Recipe(crop=0.0))
    on_device.augmented(torch.tensor([0]), draws(1)).fill_(0)
    assert torch.equal(images, before)


@pytest.mark.parametrize("crop", [0.0, 0.125, 0.5])
def test_the_images_can_be_had_as_they_are(crop):
    on_device = DeviceImages(pixels(), Recipe(crop=crop))
    assert torch.equal(on_device.pixels, pixels())
    assert on_device.pixels.untyped_storage().data_ptr() == on_device.padded.untyped_storage().data_ptr()
    assert len(on_device) == 6


def test_weak_images_are_cropped_and_mirrored_only_and_the_others_are_as_without_weak_ones():
    images, index, numbers = pixels(), torch.tensor([4, 0, 0, 4, 5]), draws(5)
    whole = DeviceImages(images, Recipe(erase=0.3), MIRROR)
    plain = DeviceImages(images, Recipe(**PLAIN), MIRROR)
    batch = whole.augmented(index, numbers, 2)
    assert torch.equal(batch[:2], plain.augmented(index, numbers)[:2])
    assert torch.equal(batch[2:], whole.augmented(index, numbers)[2:])
    assert not torch.equal(batch[2:], plain.augmented(index, numbers)[2:])
