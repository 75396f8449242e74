"""Images on the device: the whole set as uint8, batches by index, augmentation on the batch."""

from __future__ import annotations

import torch

from hashbench.contracts.recipe import UNMIRRORED, Invariances, Recipe
from hashbench.training.augmentation import Views, erased, jittered, recoloured, warped, zoomed

MEAN_SAMPLE = 10_000  # images whose mean gives the colour of erased squares

# Which of an image's random numbers decides what. Each has its place whether the recipe uses it or not, so
# that switching off one change does not affect the others.
SHIFT, MIRROR, WARP, JITTER, ERASE = slice(0, 2), slice(2, 3), slice(3, 7), slice(7, 10), slice(10, 12)
N_DRAWS = 12
ZOOM, COLOUR = slice(12, 16), slice(16, 19)  # drawn where there are ``Views`` only
N_DRAWS_OF_VIEWS = 19


def spread(pixels: torch.Tensor, n: int) -> torch.Tensor:
    """At most n of the images, evenly spread: the first n may all be of one class."""
    return pixels[:: -(-len(pixels) // n)]


class DeviceImages:
    """Training images, kept on ``pixels.device`` in (n, h, w, c) order with reflected borders.

    One indexing operation crops, mirrors and gathers a batch; its transpose is channels-last for free. The
    recipe's other changes are done on the batch. Images are mirrored or erased only where
    ``invariances`` allow it.

    pixels: (n, c, h, w) uint8. views: more changes, for methods without labels.
    """

    def __init__(
        self,
        pixels: torch.Tensor,
        recipe: Recipe,
        invariances: Invariances = UNMIRRORED,
        views: Views | None = None,
    ) -> None:
        self.recipe = recipe
        self.views = views
        self.n_draws = N_DRAWS if views is None else N_DRAWS_OF_VIEWS
        self.mirror = invariances.mirror
        self.erase = recipe.erase if invariances.occlude else 0.0
        self.height, self.width = pixels.shape[2:]
        side = min(self.height, self.width)
        self.margin = min(round(recipe.crop * side), side - 1)  # reflection is limited to side - 1
        self.mean = spread(pixels, MEAN_SAMPLE).float().mean(dim=(0, 2, 3)).view(1, -1, 1, 1)
        self.padded = _reflect(pixels.permute(0, 2, 3, 1), self.margin).contiguous()
        self._rows = torch.arange(self.height, device=pixels.device)
        self._columns = torch.arange(self.width, device=pixels.device)

    def __len__(self) -> int:
        return len(self.padded)

    @property
    def device(self) -> torch.device:
        """Where the images lie."""
        return self.padded.device

    @property
    def pixels(self) -> torch.Tensor:
        """The images (n, c, h, w) uint8 as they are, without a copy."""
        inside = slice(self.margin, self.margin + self.height), slice(self.margin, self.margin + self.width)
        return self.padded[:, *inside].permute(0, 3, 1, 2)

    def augmented(self, index: torch.Tensor, draws: torch.Tensor, n_weak: int = 0) -> torch.Tensor:
        """Images (b, c, h, w) float32 in [0, 255] at ``index`` (b,), each changed as its draws say.

        index: int64. draws: (b, n_draws) float32 in [0, 1). Both on the device of the images. n_weak: how
        many, the first ones, are cropped and mirrored only.
        """
        batch = self._windows(index, draws).float()
        if not n_weak:
            return self._distorted(batch, draws)
        return torch.cat([batch[:n_weak], self._distorted(batch[n_weak:], draws[n_weak:])])

    def _distorted(self, batch: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """What the recipe does to a batch besides cropping and mirroring."""
        recipe, views = self.recipe, self.views
        if views is not None and views.zoom < 1:
            batch = zoomed(batch, views.zoom, draws[:, ZOOM])
        if recipe.warp:
            batch = warped(batch, recipe.warp, draws[:, WARP])
        if recipe.jitter:
            batch = jittered(batch, recipe.jitter, draws[:, JITTER])
        if views is not None and batch.shape[1] == 3:
            batch = recoloured(batch, views, draws[:, COLOUR])
        if self.erase:
            batch = erased(batch, self.erase, self.mean, draws[:, ERASE])
        return batch

    def _windows(self, index: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """Images (b, c, h, w) uint8 at ``index``, each randomly shifted and mirrored."""
        shift = (draws[:, SHIFT] * (2 * self.margin + 1)).long()
        rows, columns = shift[:, :1] + self._rows, self._columns
        if self.mirror:
            columns = torch.where(draws[:, MIRROR] < 0.5, columns.flip(0), columns)
        columns = shift[:, 1:] + columns
        return self.padded[index[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


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
