"""Draw the copies and forgeries that authentication makes of an image, and how far MM-CSLBP finds each.

    python docs/copies.py

writes docs/figures/mm_cslbp/copies.png. The image is ``flower.jpg`` that scikit-learn brings, its middle at
32 x 32 pixels; forgeries take their patches from ``china.jpg``.
"""

from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image

from hashbench import get_method
from hashbench.authentication.manipulations import MANIPULATIONS
from hashbench.authentication.tampering import COLUMNS, tampered

FILE = Path(__file__).parent / "figures" / "mm_cslbp" / "copies.png"
SIDE, N_BITS, COLUMNS_SHOWN = 32, 256, 9


def sample(name: str) -> NDArray[np.uint8]:
    """(1, 3, SIDE, SIDE): the middle square of a picture."""
    image = Image.fromarray(load_sample_image(name))
    side, (width, height) = min(image.size), image.size
    left, top = (width - side) // 2, (height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(square).transpose(2, 0, 1)[None].copy()


def picture() -> Figure:
    """Every copy and forgery with its name and its distance, as the share of bits that differ."""
    own, index = sample("flower.jpg"), np.zeros(1, np.int64)
    shown = {"the image": own} | {one.name: one.copies(own, index) for one in MANIPULATIONS}
    shown |= dict(zip(COLUMNS, tampered(own, sample("china.jpg"), index), strict=True))
    method = get_method("mm_cslbp", n_bits=N_BITS).fit(own)
    bits = method.transform(np.concatenate(list(shown.values())))
    distances = (bits != bits[0]).mean(axis=1)
    n_rows = -(-len(shown) // COLUMNS_SHOWN)
    figure = Figure(figsize=(1.15 * COLUMNS_SHOWN, 1.4 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, COLUMNS_SHOWN).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, (name, image), distance in zip(axes, shown.items(), distances, strict=False):
        axis.imshow(image[0].transpose(1, 2, 0))
        axis.set_title(f"{fill(name, 22)}\n{distance:.3f}", fontsize=6)
    return figure


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    picture().savefig(FILE, dpi=110)
