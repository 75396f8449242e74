"""Images on the device: the whole set as uint8, batches by index, augmentation on the batch."""

from __future__ import annotations

import torch

from hashbench.contracts.recipe import Recipe
from hashbench.training.augmentation import erased, jittered, warped

MEAN_SAMPLE = 10_000  # images that give the colour of what is erased


def spread(pixels: torch.Tensor, n: int) -> torch.Tensor:
    """At most n of the images, evenly spread: the first n may all be of one class."""
    return pixels[:: -(-len(pixels) // n)]


class DeviceImages:
    """Training images, kept on ``pixels.device`` in (n, h, w, c) order with reflected borders.

    One indexing operation crops, flips and gathers a batch; its transpose is channels-last for free. What
    else the recipe asks for is done on the batch.

    pixels: (n, c, h, w) uint8.
    """

    def __init__(self, pixels: torch.Tensor, recipe: Recipe) -> None:
        self.height, self.width = pixels.shape[2:]
        self.margin = round(recipe.crop * min(self.height, self.width))
        self.recipe = recipe
        self.mean = spread(pixels, MEAN_SAMPLE).float().mean(dim=(0, 2, 3)).view(1, -1, 1, 1)
        self.padded = _reflect(pixels.permute(0, 2, 3, 1), self.margin).contiguous()

    def __len__(self) -> int:
        return len(self.padded)

    def augmented(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Images (b, c, h, w) at ``index`` (on the CPU), each changed at random as the recipe says.

        Values are in [0, 255]: uint8 where the recipe only crops and flips, else float32.
        """
        recipe = self.recipe
        batch = self._windows(index, generator)
        if recipe.warp:
            batch = warped(batch, recipe.warp, generator)
        if recipe.jitter:
            batch = jittered(batch, recipe.jitter, generator)
        if recipe.erase:
            batch = erased(batch, recipe.erase, self.mean, generator)
        return batch

    def _windows(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Images (b, c, h, w) uint8 at ``index``, each randomly shifted and mirrored."""
        b, device = len(index), self.padded.device
        shift = torch.randint(2 * self.margin + 1, (2, b, 1), generator=generator)
        mirrored = torch.randint(2, (b, 1), generator=generator).bool() & self.recipe.flip
        x = torch.arange(self.width)
        rows = shift[0] + torch.arange(self.height)
        columns = shift[1] + torch.where(mirrored, self.width - 1 - x, x)
        batch = self.padded[
            index.to(device)[:, None, None], rows.to(device)[:, :, None], columns.to(device)[:, None, :]
        ]
        return batch.permute(0, 3, 1, 2)


def _reflect(images: torch.Tensor, margin: int) -> torch.Tensor:
    """Images (n, h, w, c) with ``margin`` reflected rows and columns on each side."""
    if not margin:
        return images
    # torch.nn.functional.pad reflects floats only; an index does the same for uint8.
    for dim in (1, 2):
        side = images.shape[dim]
        inside = torch.arange(-margin, side + margin, device=images.device).abs()
        images = images.index_select(dim, torch.where(inside < side, inside, 2 * (side - 1) - inside))
    return images
