"""8 x 8 grey images of handwritten digits that come with scikit-learn: no download.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
doi 10.24432/C50P49; its test part, as shipped in ``sklearn.datasets.load_digits``.
Shapes: 1,797 images (1, 8, 8), ten classes of 174 to 183 images, no official split. A pixel counts the ink
in a 4 x 4 block, 0 to 16, and is scaled to 0 to 255 and rounded.
Licence: CC BY 4.0.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from hashbench.captions import VIEWS, digit_words, make_texts, stroke_statistics
from hashbench.contracts.dataset import Dataset, Images, Texts

WORDS = digit_words(  # of all 1,797 images
    stroke=(1105, 1294), slant=(-93, 11), spread=(271, 362)
)


@dataclass(frozen=True, kw_only=True)
class Digits(Dataset):
    """The default data set."""

    text_views: ClassVar = VIEWS
    licence: ClassVar[str] = "CC BY 4.0"
    occlude: ClassVar[bool] = False  # an 8 without a stroke is a 3
    small: ClassVar[bool] = True

    def load(self, root: Path) -> Images:
        """Decode the copy inside scikit-learn; ``root`` is not used."""
        from sklearn.datasets import load_digits

        ink, labels = load_digits(return_X_y=True)
        pixels = (ink.astype(np.int64) * 255 + 8) // 16  # x * 255 / 16, rounded, in integers
        return Images(
            pixels=pixels.astype(np.uint8).reshape(-1, 1, 8, 8),
            labels=labels.astype(np.int64),
            class_names=tuple("0123456789"),
        )

    def texts(self, images: Images, view: str) -> Texts:
        """Texts of a view, v1 or v2, made by ``hashbench.captions``. Raises InvalidInputError for another."""
        if view not in self.text_views:
            return super().texts(images, view)
        return make_texts(images, self.name(), view, WORDS, stroke_statistics(images.pixels))
