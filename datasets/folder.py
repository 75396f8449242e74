"""Images of your own: ``folder:PATH``, where PATH holds one folder of images for each class.

PATH may also hold ``train/`` and ``test/``, each with the same class folders; ``test/`` is then the official
test part. The images of a class lie directly in its folder; hidden files, folders and files without
an image suffix are ignored. Order: by class, then by file name; ``train/`` before ``test/``.
Shapes: images that all share one square size, of at most 512 pixels, keep it; otherwise each is cropped to
its central square and resized (bicubic, anti-aliased) to 32 x 32. ``folder:PATH,size=64`` names another side,
of 8 to 512 pixels, for all images. RGB, or one channel where all images are grey. Photographs are turned
upright by their EXIF tag; transparency is dropped.
Licence: that of the images.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.dataset import Dataset, Images
from hashbench.contracts.picture import fitting
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.system.paths import absolute, is_regular

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
SIDE = 32  # of resized images, unless ``size`` says otherwise
SMALLEST, LARGEST = 8, 512  # ``size``; the largest common side that is kept
USAGE = "'folder' needs the path of a folder of class folders: folder:PATH or folder:PATH,size=64"
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"})


@dataclass(frozen=True, kw_only=True)
class Folder(Dataset):
    """``argument`` is the absolute path of the folder, and ``,size=SIDE`` where it was given."""

    licence: ClassVar[str] = "that of the images"

    @classmethod
    def from_argument(cls, argument: str | None) -> Self:
        """The folder at a path, which may be relative or begin with ``~``."""
        path, size = _parse(argument)
        return cls(argument=_joined(str(absolute(path, "folder")), size))

    @property
    def label(self) -> str:
        """``folder:NAME``, the last part of the path; ``folder:NAME,size=SIDE`` where it was given."""
        path, size = _parse(self.argument)
        return f"{self.name()}:{_joined(path.name, size)}"

    def sources(self, root: Path) -> list[Path]:
        """Every image file, in the order of the loaded images; ``root`` is not used."""
        return [path for part in self._parts() for files in part.values() for path in files]

    def load(self, root: Path) -> Images:
        """Decode every image. Raises InvalidInputError that names the first one that cannot be read."""
        parts = self._parts()
        class_names = tuple(parts[0])
        per_class = [[len(files) for files in part.values()] for part in parts]
        per_part = [sum(counts) for counts in per_class]
        return Images(
            pixels=_decode(self.sources(root), _parse(self.argument)[1]),
            labels=np.concatenate([np.repeat(np.arange(len(class_names)), counts) for counts in per_class]),
            class_names=class_names,
            test=np.repeat([False, True], per_part) if len(parts) == 2 else None,
        )

    def _parts(self) -> list[dict[str, list[Path]]]:
        """Files by class: of the folder itself, or of ``train/`` and then of ``test/``."""
        path, _ = _parse(self.argument)
        if not path.is_dir():
            raise MissingDataError(f"there is no folder '{path}'; give folder:PATH the path of one")
        train, test = path / "train", path / "test"
        # "train" can also be a class, of vehicles say: a part has class folders, a class has images
        if not (_subfolders(train) and _subfolders(test)):
            return [_classes(path)]
        parts = [_classes(train), _classes(test)]
        for name in sorted(parts[0].keys() ^ parts[1].keys()):
            has, lacks = (train, test) if name in parts[0] else (test, train)
            raise InvalidInputError(
                f"class '{name}' is in '{has}' but not in '{lacks}'; both need the same classes"
            )
        return parts


def _parse(argument: str | None) -> tuple[Path, int | None]:
    """The path and the size of ``PATH,size=SIDE``."""
    match = re.fullmatch(r"(.+?)(?:,(\w+)=([^,/]*))?", argument or "")
    if match is None:
        raise InvalidInputError(USAGE)
    path, option, value = match.groups()
    if option not in {None, "size"}:
        raise InvalidInputError(f"'folder' has no option '{option}'; it has 'size': folder:PATH,size=64")
    if option and not (value.isdecimal() and SMALLEST <= int(value) <= LARGEST):
        raise InvalidInputError(
            f"'folder': size={value} must be a side of {SMALLEST} to {LARGEST} pixels, such as size=64"
        )
    return Path(path), int(value) if option else None


def _joined(path: str, size: int | None) -> str:
    return path if size is None else f"{path},size={size}"


def _subfolders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _classes(path: Path) -> dict[str, list[Path]]:
    """Image files by class name, both sorted; at least two classes, none of them empty."""
    folders = _subfolders(path)
    if len(folders) < 2:
        raise InvalidInputError(
            f"'{path}' has {len(folders)} class folder{'s' * (len(folders) != 1)}, needs at least 2: put the "
            "images of each class in a folder of their own"
        )
    found = {}
    for folder in folders:
        files = (entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES)
        images = sorted(entry for entry in files if not entry.name.startswith(".") and not entry.is_dir())
        for image in images:
            if not is_regular(image):
                raise InvalidInputError(
                    f"image '{image}' is a link to nothing, or no regular file; remove or replace it"
                )
        found[folder.name] = images
        if not found[folder.name]:
            raise InvalidInputError(
                f"class folder '{folder}' holds no image directly in it; images end in "
                f"{', '.join(sorted(SUFFIXES))}"
            )
    return found


def _decode(paths: Sequence[Path], size: int | None) -> NDArray[np.uint8]:
    """(n, c, side, side); the headers are read first, to choose side and channels."""
    headers = [_read(path, lambda image: (image.mode, image.size)) for path in paths]
    sizes = {size for _, size in headers}
    width, height = next(iter(sizes))
    side = size or (width if len(sizes) == 1 and width == height <= LARGEST else SIDE)
    mode = "L" if all(mode in GREY_MODES for mode, _ in headers) else "RGB"
    shape = (len(mode), side, side)
    pixels = np.empty((len(paths), *shape), np.uint8)
    for i, path in enumerate(paths):
        pixels[i] = _read(path, lambda image: fitting(image, shape))
    return pixels


def _read(path: Path, use: Callable[[Image], T]) -> T:
    """The result of ``use`` on the opened image; an error of the file is raised with the file's name."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return use(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "it is no image" if isinstance(error, UnidentifiedImageError) else error
        raise InvalidInputError(f"cannot read image '{path}' ({reason}); remove or replace it") from error
