"""32 x 32 colour photographs of ten kinds of animals and vehicles.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, University of
Toronto, 2009.
Shapes: 50,000 training images, then the 10,000 of the official test part, (3, 32, 32) RGB, ten classes.
Files: the layout of torchvision, ``cifar-10-batches-py/``.
Licence: none stated; the author asks that the report be cited.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from hashbench.captions import VIEWS, Attribute, Words, make_texts, photo_statistics
from hashbench.contracts.dataset import Dataset, Images, Texts

WORDS = Words(
    classes=(
        ("airplane", "plane", "aircraft", "jet"),
        ("automobile", "car", "sedan", "coupe"),
        ("bird", "fowl", "songbird", "sparrow"),
        ("cat", "kitten", "feline", "tomcat"),
        ("deer", "stag", "doe", "fawn"),
        ("dog", "puppy", "canine", "hound"),
        ("frog", "toad", "treefrog", "bullfrog"),
        ("horse", "pony", "stallion", "mare"),
        ("ship", "boat", "vessel", "ferry"),
        ("truck", "lorry", "pickup", "hauler"),
    ),
    pairs={"craft": (0, 8), "roadster": (1, 9), "critter": (2, 6), "pet": (3, 5), "hoofed": (4, 7)},
    groups={"vehicle": (0, 1, 8, 9), "animal": (2, 3, 4, 5, 6, 7)},
    attributes={  # terciles of the 50,000 training images
        "light": Attribute(words=("dark", "medium", "bright"), terciles=(108_634, 133_069)),
        "contrast": Attribute(words=("flat", "normal", "contrasty"), terciles=(1_828_740, 3_196_265)),
        "edges": Attribute(words=("smooth", "textured", "busy"), terciles=(294_444, 410_000)),
        "saturation": Attribute(words=("grey", "muted", "colourful"), terciles=(199_149, 317_367)),
        "warmth": Attribute(words=("cool", "neutral", "warm"), terciles=(1_452, 22_528)),
        "top": Attribute(words=("dark-topped", "level", "light-topped"), terciles=(-6_196, 24_808)),
    },
)


@dataclass(frozen=True, kw_only=True)
class CIFAR10(Dataset):
    """Training batches 1 to 5 first, then the test batch, each in the order of its file."""

    text_views: ClassVar = VIEWS
    licence: ClassVar[str] = "none stated; the author asks to cite Krizhevsky 2009"
    mirror: ClassVar[bool] = True
    checksums: ClassVar = {
        "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
        "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
    }
    files: ClassVar[tuple[str, ...]] = tuple(checksums)

    def load(self, root: Path) -> Images:
        """Decode the batches. Raises MissingDataError where they are not there or are damaged."""
        self.require(root)
        from torchvision import datasets

        try:  # it compares the checksums before it unpickles anything
            parts = [datasets.CIFAR10(root, train=train) for train in (True, False)]
        except RuntimeError as error:
            raise self.missing(root, f"a file under {root / 'cifar-10-batches-py'} is damaged") from error
        channels_last = np.concatenate([part.data for part in parts])
        return Images(
            pixels=np.ascontiguousarray(channels_last.transpose(0, 3, 1, 2)),
            labels=np.array([label for part in parts for label in part.targets], np.int64),
            class_names=tuple(parts[0].classes),
            test=np.repeat([False, True], [len(part.data) for part in parts]),
        )

    def texts(self, images: Images, view: str) -> Texts:
        """Texts of a view, v1 or v2, made by ``hashbench.captions``. Raises InvalidInputError for another."""
        if view not in self.text_views:
            return super().texts(images, view)
        return make_texts(images, self.name(), view, WORDS, photo_statistics(images.pixels))

    def download(self, root: Path) -> None:
        """Fetch and unpack the archive with torchvision, which compares its checksum."""
        from torchvision import datasets

        datasets.CIFAR10(root, download=True)
