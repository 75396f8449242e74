"""Features of your own: ``LABEL=FILE.npy`` or ``LABEL=FILE.npz``, one row an image.

A ``.npy`` file holds (n_images, d) numbers in the order of the data set's images; their number is checked. A
``.npz`` file holds them as ``features``, and may hold ``digest``, the SHA-256 that ``hashbench data info``
prints for their images (it is then checked), and ``learned_from``: "nothing", "images" or
"labels". Where a file does not say what its features learned from, tables print "not stated".
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images
from hashbench.contracts.feature import LEARNED_FROM, Feature, LearnedFrom
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.system.archives import DAMAGED, check_archive
from hashbench.system.paths import absolute

if TYPE_CHECKING:
    import torch


class _Content(NamedTuple):
    rows: NDArray  # memory-mapped where the file is .npy
    images: str | None  # the digest of the images that the rows are of
    learned_from: LearnedFrom
    digest: str


@dataclass(frozen=True, kw_only=True)
class File(Feature):
    """``argument`` is the absolute path of the file."""

    learned_from: ClassVar[LearnedFrom] = "not stated"
    cached: ClassVar[bool] = False

    @classmethod
    def from_argument(cls, argument: str | None) -> Self:
        """The features in a file, whose path may be relative or begin with ``~``."""
        if not argument:
            raise InvalidInputError("features of your own need a label and a file: --features clip=FILE.npy")
        return cls(argument=str(absolute(argument, "features file")))

    def source(self) -> LearnedFrom:
        """What the file says that its features have learned from."""
        return self._content().learned_from

    def digest(self) -> str:
        """SHA-256 of the file."""
        return self._content().digest

    def check(self, images: Images) -> None:
        """Raise InvalidInputError where the file belongs to other images."""
        content, digest = self._content(), images.digest_without_texts
        if content.images is not None and content.images != digest:
            raise InvalidInputError(
                f"'{self.argument}' says that it is of images '{content.images}', but these are "
                f"'{digest}'; compute the features anew, or take the file of this data set"
            )
        if len(content.rows) != len(images):
            raise InvalidInputError(
                f"'{self.argument}' has {len(content.rows):,} rows, but the data set has {len(images):,} "
                "images; give one row for each image, in the data set's order"
            )

    def rows(self, images: Images, index: NDArray[np.int64], device: torch.device) -> NDArray[np.float32]:
        """The rows at ``index``. Raises as ``check``."""
        self.check(images)
        rows = np.asarray(self._content().rows[index], np.float32)
        if not np.isfinite(rows).all():
            raise InvalidInputError(f"'{self.argument}' holds NaN or infinity; clean its features first")
        return rows

    def _content(self) -> _Content:
        assert self.argument is not None
        path = Path(self.argument)
        if not path.is_file():
            raise MissingDataError(f"features file '{path}' does not exist; give the path of a .npy or .npz")
        stat = path.stat()
        return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, size: int, time: int) -> _Content:
    """The content of a file; size and modification time are only there to detect a change."""
    try:
        if zipfile.is_zipfile(path):
            check_archive(path)
        content = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(content, np.ndarray):
            rows, said = content, {}
        else:
            rows = content["features"]
            said = {name: str(content[name]) for name in ("digest", "learned_from") if name in content}
    except KeyError as error:
        raise InvalidInputError(f"'{path}' lacks the array 'features'; save it with numpy.savez") from error
    except DAMAGED as error:
        raise InvalidInputError(
            f"'{path}' cannot be read ({error}); save numbers with numpy.save or numpy.savez"
        ) from error
    if rows.ndim != 2 or rows.dtype.kind not in "fiub":
        raise InvalidInputError(f"'{path}' must hold (n_images, d) numbers, not {rows.shape} {rows.dtype}")
    learned_from = said.get("learned_from", "not stated")
    if learned_from not in LEARNED_FROM:
        raise InvalidInputError(
            f"'{path}': learned_from is '{learned_from}', must be one of {', '.join(LEARNED_FROM)}"
        )
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return _Content(rows, said.get("digest"), cast(LearnedFrom, learned_from), digest)
