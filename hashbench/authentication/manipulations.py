"""Changes that keep what an image shows: the fixed list of copies that a perceptual hash must accept.

The kinds are those of the literature on perceptual hashes (Zauner, diploma thesis, 2010; Tang et al.;
Thorn's package perception); the levels are ours. Images are (n, c, h, w) uint8, c = 1 or 3, from 8 x 8
pixels; a copy has the image's size and type. What is random is drawn for each image by its number, so that
a copy does not depend on the others of its batch. JPEG depends on the libjpeg that Pillow brings; records
state its version.

    jpeg             quality 90 to 10; colour at half resolution
    brightness       grey levels added
    contrast         factor, about 128
    gamma            255 (v / 255)^g
    gauss_noise      sd in grey levels
    salt_pepper      share of the pixels, one at least, half of them white and half black
    blur, median     sd of a Gaussian in pixels; median of 3 x 3
    scale            to this factor and back, bicubic
    rotate           degrees, to a random side; the edge is mirrored outside
    watermark        weight of a chequered square of 8 x 8 pixels (half of a smaller image) in a corner
    shift            pixels, to a random one of four sides; the edge repeats
    crop, pad        share of a side cut or added (black) at each of its ends, a pixel at least; resized
    scale+brightness+jpeg, rotate+jpeg    one after the other

Raise ``VERSION`` when a change of the code changes a copy.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hashbench.authentication.seeded import normal, uniform
from hashbench.identity.digest import digest_of

Pixels = NDArray[np.uint8]
Index = NDArray[np.int64]
VERSION = 1
LOGO = 8  # pixels


@dataclass(frozen=True)
class Manipulation:
    """One kind of copy at one level.

    group: "usual"; "moved", by which pixels leave their place, the weak point of hashes of blocks; or
    "combined".
    """

    family: str
    level: str
    group: str
    function: Callable[..., Pixels]
    arguments: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Such as "jpeg 70"."""
        return f"{self.family} {self.level}"

    def copies(self, pixels: Pixels, ids: Index) -> Pixels:
        """Copies of images (n, c, h, w), whose numbers are ``ids``, (n,)."""
        return self.function(pixels, ids, *self.arguments)


def jpeg(pixels: Pixels, ids: Index, quality: int) -> Pixels:
    """Each image written and read as JPEG."""
    from PIL import Image

    copies = np.empty_like(pixels)
    for copy, image in zip(copies, pixels, strict=True):
        file = io.BytesIO()
        grey = len(image) == 1
        picture = Image.fromarray(image[0] if grey else np.ascontiguousarray(image.transpose(1, 2, 0)))
        picture.save(file, "JPEG", quality=quality, subsampling=0 if grey else 2)
        read = np.asarray(Image.open(file))
        copy[:] = read[None] if grey else read.transpose(2, 0, 1)
    return copies


def _looked_up(pixels: Pixels, ids: Index, curve: Callable[[NDArray], NDArray]) -> Pixels:
    return _to_bytes(curve(np.arange(256.0)))[pixels]


def _to_bytes(values: NDArray) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def brightness(pixels: Pixels, ids: Index, added: int) -> Pixels:
    """Grey levels added to every pixel."""
    return _looked_up(pixels, ids, lambda v: v + added)


def contrast(pixels: Pixels, ids: Index, factor: float) -> Pixels:
    """Distances from middle grey, 128, times a factor."""
    return _looked_up(pixels, ids, lambda v: 128 + factor * (v - 128))


def gamma(pixels: Pixels, ids: Index, exponent: float) -> Pixels:
    """255 (v / 255)^exponent."""
    return _looked_up(pixels, ids, lambda v: 255 * (v / 255) ** exponent)


def gauss_noise(pixels: Pixels, ids: Index, sd: int) -> Pixels:
    """Normal noise added in real numbers, then rounded."""
    noise = normal(ids, f"gauss_noise {sd}", pixels[0].size).reshape(pixels.shape)
    return _to_bytes(pixels + sd * noise)


def salt_pepper(pixels: Pixels, ids: Index, share: float) -> Pixels:
    """A share of the pixels, one at least, made black and white in turn, all channels of a pixel alike."""
    height, width = pixels.shape[2:]
    n_spots = max(1, round(share * height * width))
    drawn = uniform(ids, f"salt_pepper {share}", height * width)
    rank = drawn.argsort(1, kind="stable").argsort(1, kind="stable").reshape(-1, 1, height, width)
    spots = np.where(rank % 2, np.uint8(255), np.uint8(0))
    return np.where(rank < n_spots, spots, pixels)


def median(pixels: Pixels, ids: Index) -> Pixels:
    """The median of each pixel's 3 x 3 neighbourhood; the edge repeats."""
    from scipy.ndimage import median_filter

    return median_filter(pixels, size=(1, 1, 3, 3), mode="nearest")


def blur(pixels: Pixels, ids: Index, sd: float) -> Pixels:
    """A Gaussian; the edge is mirrored."""
    import torch
    from torchvision.transforms.v2.functional import gaussian_blur

    side = 2 * int(np.ceil(3 * sd)) + 1
    return gaussian_blur(torch.from_numpy(pixels), [side, side], [sd, sd]).numpy()


def _resized(pixels: Pixels, height: int, width: int) -> Pixels:
    import torch
    from torchvision.transforms.v2.functional import InterpolationMode, resize

    bicubic = InterpolationMode.BICUBIC
    return resize(torch.from_numpy(pixels), [height, width], bicubic, antialias=True).numpy()


def scale(pixels: Pixels, ids: Index, factor: float) -> Pixels:
    """Resized and back."""
    height, width = pixels.shape[2:]
    return _resized(_resized(pixels, round(factor * height), round(factor * width)), height, width)


def rotate(pixels: Pixels, ids: Index, degrees: int) -> Pixels:
    """Rotated about the centre, bilinear, in a mirrored frame that leaves no empty corners."""
    import torch
    from torchvision.transforms.v2.functional import InterpolationMode, center_crop, pad
    from torchvision.transforms.v2.functional import rotate as rotated

    height, width = pixels.shape[2:]
    frame = min(-(-max(height, width) // 4), height - 1, width - 1)
    framed = pad(torch.from_numpy(pixels), [frame] * 4, padding_mode="reflect")
    left = torch.from_numpy(uniform(ids, f"rotate {degrees}", 1)[:, 0] < 0.5)[:, None, None, None]
    to_left, to_right = (
        center_crop(rotated(framed, angle, InterpolationMode.BILINEAR), [height, width])
        for angle in (degrees, -degrees)
    )
    return torch.where(left, to_left, to_right).numpy()


def watermark(pixels: Pixels, ids: Index, weight: float) -> Pixels:
    """A chequered square, of cells of two pixels, mixed into the lower right corner."""
    side = min(LOGO, pixels.shape[2] // 2, pixels.shape[3] // 2)
    row, column = np.indices((side, side)) // 2
    logo = 255.0 * ((row + column) % 2)
    copies = pixels.copy()
    corner = pixels[..., -side:, -side:]
    copies[..., -side:, -side:] = _to_bytes((1 - weight) * corner + weight * logo)
    return copies


def shift(pixels: Pixels, ids: Index, by: int) -> Pixels:
    """Moved to one of four sides."""
    height, width = pixels.shape[2:]
    framed = np.pad(pixels, ((0, 0), (0, 0), (by, by), (by, by)), mode="edge")
    side = (4 * uniform(ids, f"shift {by}", 1)).astype(np.int64).reshape(-1, 1, 1, 1)
    copies = np.empty_like(pixels)
    for number, (y, x) in enumerate(((0, 1), (2, 1), (1, 0), (1, 2))):
        moved = framed[:, :, y * by : y * by + height, x * by : x * by + width]
        np.copyto(copies, moved, where=side == number)
    return copies


def _border(pixels: Pixels, share: float) -> tuple[int, int]:
    height, width = pixels.shape[2:]
    return max(1, round(share * height)), max(1, round(share * width))


def crop(pixels: Pixels, ids: Index, share: float) -> Pixels:
    """A border cut off, the rest resized."""
    height, width = pixels.shape[2:]
    y, x = _border(pixels, share)
    return _resized(np.ascontiguousarray(pixels[:, :, y : height - y, x : width - x]), height, width)


def pad(pixels: Pixels, ids: Index, share: float) -> Pixels:
    """A black border added, the whole resized."""
    y, x = _border(pixels, share)
    return _resized(np.pad(pixels, ((0, 0), (0, 0), (y, y), (x, x))), *pixels.shape[2:])


def _scaled_brighter_jpeg(pixels: Pixels, ids: Index) -> Pixels:
    return jpeg(brightness(scale(pixels, ids, 0.75), ids, 10), ids, 70)


def _rotated_jpeg(pixels: Pixels, ids: Index) -> Pixels:
    return jpeg(rotate(pixels, ids, 2), ids, 50)


def _listed() -> Iterator[Manipulation]:
    table: tuple[tuple[str, Callable[..., Pixels], tuple[float, ...]], ...] = (
        ("usual", jpeg, (90, 70, 50, 30, 10)),
        ("usual", brightness, (-20, -10, 10, 20)),
        ("usual", contrast, (0.8, 1.2)),
        ("usual", gamma, (0.75, 0.9, 1.1, 1.25)),
        ("usual", gauss_noise, (2, 5, 10)),
        ("usual", salt_pepper, (0.005, 0.02)),
        ("usual", blur, (0.5, 1.0)),
        ("usual", scale, (0.5, 0.75, 1.5, 2.0)),
        ("usual", rotate, (1, 2, 5)),
        ("usual", watermark, (0.1, 0.3)),
        ("moved", shift, (1, 2)),
        ("moved", crop, (0.03, 0.06)),
        ("moved", pad, (0.03, 0.06)),
    )
    for group, function, levels in table:
        for level in levels:
            sign = "+" if function is brightness and level > 0 else ""
            yield Manipulation(function.__name__, f"{sign}{level}", group, function, (level,))
    yield Manipulation("median", "3x3", "usual", median)
    yield Manipulation("scale+brightness+jpeg", "0.75 +10 70", "combined", _scaled_brighter_jpeg)
    yield Manipulation("rotate+jpeg", "2 50", "combined", _rotated_jpeg)


MANIPULATIONS = tuple(_listed())


def version_of(names: tuple[str, ...]) -> str:
    """The name of a list of changes: its version and the digest of its names."""
    return f"v{VERSION}-{digest_of([VERSION, names])[:8]}"
