"""The changes that only the views of methods without labels get."""

import pytest
import torch

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.training.augmentation import Views, recoloured, zoomed
from hashbench.training.unlabelled import view_images

images = torch.randint(256, (40, 3, 12, 12), generator=torch.Generator().manual_seed(0)).float()


def draws(n, width):
    return torch.rand(n, width, generator=torch.Generator().manual_seed(1))


def test_a_zoom_shows_a_window_within_the_image():
    torch.testing.assert_close(zoomed(images, 1.0, torch.full((40, 4), 0.5)), images, atol=1e-3, rtol=0)
    ramp = torch.arange(12.0).expand(1, 1, 12, 12)
    corner = zoomed(ramp, 0.25, torch.tensor([[0.0, 0.5, 0.0, 0.0]]))
    assert corner[0, 0, 0].tolist() == pytest.approx(
        [max(0, (i + 0.5) / 2 - 0.5) for i in range(12)], abs=0.3
    )
    seen = zoomed(images, 0.2, draws(40, 4))
    assert 0 <= seen.min() <= seen.max() <= 255
    assert seen.shape == images.shape


def test_colours_turn_fade_and_invert():
    none, half = torch.full((40, 3), 0.999), draws(40, 3)
    torch.testing.assert_close(recoloured(images, Views(), none), images)
    grey = recoloured(images, Views(grey=1.0), none)
    torch.testing.assert_close(grey, images.mean(1, keepdim=True).expand_as(images))
    inverted = recoloured(images, Views(solarise=1.0), none)
    torch.testing.assert_close(inverted, torch.where(images < 128, images, 255 - images))
    turned = recoloured(images, Views(hue=1 / 3), torch.ones(40, 3))  # a third of the circle swaps channels
    assert any(torch.allclose(turned, images.roll(by, dims=1), atol=0.01) for by in (1, 2))
    dull = images / 8 + 100
    changed = recoloured(dull, Views(hue=0.1), half)
    torch.testing.assert_close(changed.mean(1), dull.mean(1))


def test_images_of_which_a_part_can_be_another_are_not_cropped():
    pixels = images.to(torch.uint8)
    assert view_images(pixels, Recipe(erase=0.3), Invariances()).views.zoom < 1
    whole = view_images(pixels, Recipe(erase=0.3), Invariances(occlude=False))
    assert whole.views.zoom == 1
    assert (whole.recipe.warp, whole.recipe.erase) == (0.25, 0)
    one_channel = view_images(pixels[:, :1], Recipe(), Invariances())
    batch = one_channel.augmented(torch.arange(40), draws(40, one_channel.n_draws))
    assert batch.shape == (40, 1, 12, 12)
