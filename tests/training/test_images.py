import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.training.images import DeviceImages


def pixels(n=6, channels=3, height=9, width=7):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, height, width), generator=generator, dtype=torch.uint8)


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def naive(images, index, margin, flip, seed=1):
    """One image at a time: pad by reflection, cut out a window, mirror it; the same draws in their order."""
    draws = generator(seed)
    shift = torch.randint(2 * margin + 1, (2, len(index), 1), generator=draws)
    mirrored = torch.randint(2, (len(index), 1), generator=draws)
    height, width = images.shape[2:]
    batch = []
    for place, i in enumerate(index.tolist()):
        padded = np.pad(images[i].numpy(), ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
        top, left = (int(s) for s in shift[:, place, 0])
        window = padded[:, top : top + height, left : left + width]
        batch.append(window[:, :, ::-1] if flip and mirrored[place] else window)
    return np.stack(batch)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("crop", "margin"), [(0.0, 0), (0.125, 1), (0.5, 4), (0.86, 6)])
def test_augmentation_equals_a_loop_over_images(crop, margin, flip, channels):
    images = pixels(40, channels)
    index = torch.randperm(40, generator=generator())[:33]
    batch = DeviceImages(images, Recipe(warp=0.0, jitter=0.0, crop=crop, flip=flip)).augmented(
        index, generator()
    )
    assert batch.dtype == torch.uint8
    np.testing.assert_array_equal(batch, naive(images, index, margin, flip))


def test_without_crop_and_flip_images_come_as_they_are():
    images, index = pixels(), torch.tensor([4, 0, 0])
    batch = DeviceImages(images, Recipe(warp=0.0, jitter=0.0, crop=0.0, flip=False)).augmented(
        index, generator()
    )
    assert torch.equal(batch, images[index])


def test_every_shift_and_both_directions_occur_and_differ_within_a_batch():
    image = torch.arange(25, dtype=torch.uint8).view(1, 1, 5, 5)
    images = DeviceImages(image, Recipe(warp=0.0, jitter=0.0, crop=0.2, flip=True))
    batch = images.augmented(torch.zeros(400, dtype=torch.int64), generator())
    views = batch.unique(dim=0)
    assert len(views) == 2 * 3 * 3
    counts = (batch[:, None] == views[None]).flatten(2).all(2).sum(0)
    assert counts.min() > 5  # 22 expected of each


def test_batches_are_channels_last_without_a_copy():
    batch = DeviceImages(pixels(), Recipe(warp=0.0, jitter=0.0, flip=True)).augmented(
        torch.tensor([1, 2]), generator()
    )
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch.to(memory_format=torch.channels_last).data_ptr() == batch.data_ptr()


def test_the_generator_alone_decides():
    images, index = DeviceImages(pixels(50), Recipe(flip=True)), torch.arange(50)
    first, again, other = (images.augmented(index, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_pixels_given_are_left_alone():
    images = pixels()
    before = images.clone()
    DeviceImages(images, Recipe(crop=0.0)).augmented(torch.tensor([0]), generator()).fill_(0)
    assert torch.equal(images, before)


def test_length_is_the_number_of_images():
    assert len(DeviceImages(pixels(), Recipe())) == 6
