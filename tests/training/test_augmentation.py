from dataclasses import replace

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.training.augmentation import erased, jittered, warped
from hashbench.training.images import ERASE, JITTER, N_DRAWS, WARP, DeviceImages

UNCHANGED = Recipe(crop=0.0, warp=0.0, jitter=0.0)


def draws(n, width, seed=1):
    return torch.rand(n, width, generator=torch.Generator().manual_seed(seed))


def pixels(n=200, channels=3, height=12, width=12):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, height, width), generator=generator).float()


CHANGES = {
    "warp": lambda images, amount, seed=1: warped(images, amount, draws(len(images), 4, seed)),
    "jitter": lambda images, amount, seed=1: jittered(images, amount, draws(len(images), 3, seed)),
    "erase": lambda images, amount, seed=1: erased(
        images, amount, torch.tensor(99.0), draws(len(images), 2, seed)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_stay_images(change, channels):
    images = pixels(channels=channels, height=9)
    before = images.clone()
    changed = change(images, 0.3)
    assert changed.dtype == torch.float32
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert torch.equal(images, before)
    assert (changed - images).abs().amax(dim=(1, 2, 3)).gt(1).float().mean() > 0.9, "nearly all are changed"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_is_changed_by_an_amount_of_zero(change):
    np.testing.assert_allclose(change(pixels(), 0.0), pixels(), atol=2e-3)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_random_numbers_alone_decide_and_images_differ(change):
    same = pixels(1).expand(50, -1, -1, -1)
    first, again, other = (change(same, 0.3, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.unique(dim=0)) > 40


def test_a_warp_moves_pixels_by_its_matrix():
    """An image whose value is its own position, so that the output tells where each pixel came from."""
    side, amount = 33, 0.2
    position = (torch.arange(side) - side // 2).float()
    ramp = torch.stack([position.expand(side, side), position[:, None].expand(side, side)])
    came_from = warped((ramp + 100).expand(500, -1, -1, -1), amount, draws(500, 4)) - 100
    x, y = 8, 5  # from the centre; the border is far
    source = came_from[:, :, side // 2 + y, side // 2 + x]
    matrices = torch.eye(2) + amount * (2 * draws(500, 4).view(500, 2, 2) - 1)
    np.testing.assert_allclose(source, matrices @ torch.tensor([x, y]).float(), atol=1e-2)


def test_jitter_scales_saturation_brightness_and_contrast():
    images = 100 + 10 * torch.rand(50, 3, 4, 4, generator=torch.Generator().manual_seed(0))  # none is clipped
    factors = 1 + 0.25 * (2 * draws(50, 3).T - 1)
    changed = jittered(images, 0.25, draws(50, 3))
    grey = lambda batch: batch.mean(dim=1)  # noqa: E731
    np.testing.assert_allclose(
        changed.mean(dim=(1, 2, 3)), factors[1] * images.mean(dim=(1, 2, 3)), rtol=1e-4
    )
    np.testing.assert_allclose(
        grey(changed).std(dim=(1, 2)), factors[2] * grey(images).std(dim=(1, 2)), rtol=1e-2
    )
    colour = lambda batch: (batch - batch.mean(dim=1, keepdim=True)).std(dim=(1, 2, 3))  # noqa: E731
    np.testing.assert_allclose(colour(changed), factors[0] * factors[2] * colour(images), rtol=1e-2)


def test_what_is_erased_is_a_square_or_its_part_inside_the_image():
    images, side = torch.full((400, 3, 12, 12), 7.0), 6
    fill = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    changed = erased(images, side / 12, fill, draws(400, 2))
    gone = (changed != 7).any(dim=1)
    assert torch.equal(changed, torch.where(gone[:, None], fill, images))
    rows, columns = gone.any(dim=2), gone.any(dim=1)
    assert torch.equal(gone, rows[:, :, None] & columns[:, None, :])
    sizes = rows.sum(1)
    assert sizes.max() <= side + 1
    assert 3 <= sizes.min() < side - 1, "a centre near the border erases less"
    assert (rows.diff(dim=1).sum(1) <= 2).all(), "one stretch"
    assert gone.float().mean(dim=0).min() > 0.05, "every pixel can be erased"


@pytest.mark.parametrize("name", CHANGES)
def test_the_recipe_names_the_changes(name):
    images, index, numbers = pixels().to(torch.uint8), torch.arange(200), draws(200, N_DRAWS)
    plain = DeviceImages(images, UNCHANGED).augmented(index, numbers)
    mean = images.float().mean(dim=(0, 2, 3)).view(1, 3, 1, 1)
    expected = {
        "warp": lambda: warped(plain, 0.3, numbers[:, WARP]),
        "jitter": lambda: jittered(plain, 0.3, numbers[:, JITTER]),
        "erase": lambda: erased(plain, 0.3, mean, numbers[:, ERASE]),
    }[name]()
    changed = DeviceImages(images, replace(UNCHANGED, **{name: 0.3})).augmented(index, numbers)
    assert torch.equal(changed, expected)
