"""28 x 28 grey images of handwritten digits.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 1998.
Shapes: 60,000 training images, then the 10,000 of the official test part, (1, 28, 28), ten classes.
Files: the layout of torchvision, ``MNIST/raw/``.
Licence: CC BY-SA 3.0, copyright Y. LeCun and C. Cortes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from hashbench.captions import VIEWS, digit_words, make_texts, stroke_statistics
from hashbench.contracts.dataset import Dataset, Images, Texts

WORDS = digit_words(  # of the 60,000 training images
    stroke=(1754, 2190), slant=(-11, 223), spread=(362, 617)
)


@dataclass(frozen=True, kw_only=True)
class MNIST(Dataset):
    """Training part first, then the test part, each in the order of its file."""

    text_views: ClassVar = VIEWS
    licence: ClassVar[str] = "CC BY-SA 3.0 (Y. LeCun, C. Cortes)"
    occlude: ClassVar[bool] = False  # an 8 without a stroke is a 3
    checksums: ClassVar = {
        "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }
    files: ClassVar[tuple[str, ...]] = tuple(checksums)

    def load(self, root: Path) -> Images:
        """Decode the four files. Raises MissingDataError where they are not there."""
        self.require(root)
        # the readers, not the class: the class prefers files of its own older layout where it finds them
        from torchvision.datasets.mnist import read_image_file, read_label_file

        train_images, train_labels, test_images, test_labels = (str(root / file) for file in self.files)
        images = [read_image_file(path).numpy() for path in (train_images, test_images)]
        labels = [read_label_file(path).numpy() for path in (train_labels, test_labels)]
        return Images(
            pixels=np.concatenate(images)[:, None],
            labels=np.concatenate(labels).astype(np.int64),
            class_names=tuple("0123456789"),
            test=np.repeat([False, True], [len(part) for part in images]),
        )

    def texts(self, images: Images, view: str) -> Texts:
        """Texts of a view, v1 or v2, made by ``hashbench.captions``. Raises InvalidInputError for another."""
        if view not in self.text_views:
            return super().texts(images, view)
        return make_texts(images, self.name(), view, WORDS, stroke_statistics(images.pixels))

    def download(self, root: Path) -> None:
        """Fetch and unpack the files with torchvision, which compares its own checksums."""
        from torchvision import datasets

        datasets.MNIST(root, download=True)
