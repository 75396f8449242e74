"""The contract of a data set: a file in ``datasets/`` with one subclass of ``Dataset``."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.hooks import unwritten
from hashbench.contracts.picture import fitting
from hashbench.contracts.recipe import Invariances
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.system.shown import Shown, shape_of

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, eq=False)
class Texts:
    """One text for each image of a data set, as a bag of words.

    rows: (n, V) uint8, 1 where the text has the word. vocabulary: V words, fixed, not learned.
    meaning: (n, C) uint8, 1 for each class that the text may mean to a reader who knows the vocabulary, 0 for
    all where it names none; None where that is not known.
    class_words: (V,) bool, the words on which ``meaning`` rests; known where it is, else None.
    """

    rows: NDArray[np.uint8]
    vocabulary: tuple[str, ...]
    meaning: NDArray[np.uint8] | None = None
    class_words: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        n = len(self.rows)
        if self.rows.dtype != np.uint8 or self.rows.shape != (n, len(self.vocabulary)):
            raise InvalidInputError(
                f"rows of texts must be (n, {len(self.vocabulary)}) uint8, not {self.rows.shape} "
                f"{self.rows.dtype}"
            )
        if self.meaning is not None and len(self.meaning) != n:
            raise InvalidInputError(f"meaning must have {n} rows, not {len(self.meaning)}")
        if (self.meaning is None) != (self.class_words is None):
            raise InvalidInputError("texts need both meaning and class_words, or neither")
        if self.class_words is not None and self.class_words.shape != (len(self.vocabulary),):
            raise InvalidInputError(
                f"class_words must be ({len(self.vocabulary)},) bool, not {self.class_words.shape}"
            )

    @property
    def attributes(self) -> NDArray[np.uint8] | None:
        """The rows (n, V) without the words that name classes; None where those are not known."""
        return None if self.class_words is None else self.rows * ~self.class_words

    def words(self, i: int) -> str:
        """The words of text i, in the order of the vocabulary."""
        return " ".join(word for word, there in zip(self.vocabulary, self.rows[i], strict=True) if there)


@dataclass(frozen=True, eq=False, repr=False)
class Images(Shown):
    """A labelled image collection in memory, or mapped from disk.

    pixels: (n, c, h, w) uint8.
    labels: (n,) int64 class indices, or (n, C) uint8 multi-hot.
    class_names: C names.
    test: (n,) bool, the official test part; None where the source defines none.
    texts: a text for each image; None unless the task asks for texts.
    name: of the data set, as it is shown; "" where it is not known.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.integer]
    class_names: tuple[str, ...]
    test: NDArray[np.bool_] | None = None
    texts: Texts | None = None
    name: str = ""

    def __post_init__(self) -> None:
        for name in ("pixels", "labels", "test"):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) and not (name == "test" and array is None):
                raise InvalidInputError(f"{name} must be a numpy array, not a {type(array).__name__}")
        n = len(self.pixels)
        if self.pixels.ndim != 4 or self.pixels.dtype != np.uint8:
            raise InvalidInputError(
                f"pixels must be (n, c, h, w) uint8, not {self.pixels.shape} {self.pixels.dtype}"
            )
        if self.labels.shape not in {(n,), (n, len(self.class_names))}:
            raise InvalidInputError(
                f"labels must be ({n},) or ({n}, {len(self.class_names)}), not {self.labels.shape}"
            )
        if self.test is not None and self.test.shape != (n,):
            raise InvalidInputError(f"test must be ({n},), not {self.test.shape}")
        if self.texts is not None and len(self.texts.rows) != n:
            raise InvalidInputError(f"there are {len(self.texts.rows)} texts of {n} images, not one each")

    def __len__(self) -> int:
        return len(self.pixels)

    def _shown(self) -> dict[str, str]:
        said = {"name": self.name} if self.name else {}
        said |= {"images": f"{len(self):,}", "shape": shape_of(self.pixels.shape[1:])}
        said["classes"] = f"{len(self.class_names):,}" + " (several an image)" * self.multi_label
        if self.test is not None:
            said["test"] = f"{int(self.test.sum()):,}"
        if self.texts is not None:
            said["words"] = f"{len(self.texts.vocabulary):,}"
        return said

    @property
    def multi_label(self) -> bool:
        """Whether an image can have more than one class."""
        return self.labels.ndim == 2

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything above but the name: equal digests mean equal data."""
        hasher = hashlib.sha256()
        for array in (self.pixels, self.labels, self.test):
            if array is not None:
                hasher.update(f"{array.dtype.str}{array.shape}".encode())
                hasher.update(np.ascontiguousarray(array).data)
        hasher.update("\0".join(self.class_names).encode("utf-8", "surrogatepass"))
        if self.texts is not None:
            hasher.update(np.ascontiguousarray(self.texts.rows).data)
            hasher.update("\0".join(self.texts.vocabulary).encode())
            for array in (self.texts.meaning, self.texts.class_words):
                if array is not None:
                    hasher.update(np.ascontiguousarray(array).data)
        return hasher.hexdigest()

    @cached_property
    def digest_without_texts(self) -> str:
        """``digest`` without the texts, as ``hashbench data info`` prints it: of what image features read."""
        return self.digest if self.texts is None else replace(self, texts=None).digest


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Where images come from. The file's stem is the data set's name.

    The module docstring's first line says what the images are; the source (authors, title, year) follows.
    ``argument`` is the text after the colon in ``NAME:ARGUMENT`` (a path, for ``folder:PATH``).
    """

    argument: str | None = None

    licence: ClassVar[str] = ""  # one line, as the source states it; required
    mirror: ClassVar[bool] = False  # a mirrored image is still of its class: augmentation may flip
    occlude: ClassVar[bool] = True  # hiding a part does not change the class: augmentation may erase
    small: ClassVar[bool] = False  # a cell keeps one core busy, not two: several run side by side by default
    files: ClassVar[tuple[str, ...]] = ()  # what lies under the data folder, relative to it
    text_views: ClassVar[tuple[str, ...]] = ()  # the kinds of texts that texts() makes
    checksums: ClassVar[Mapping[str, str]] = {}  # MD5 of the files, where the source states it

    @classmethod
    def from_argument(cls, argument: str | None) -> Self:
        """The data set of ``NAME`` (argument None) or ``NAME:ARGUMENT``."""
        if argument is not None:
            raise InvalidInputError(f"'{cls.name()}' takes no argument, got ':{argument}'")
        return cls()

    @classmethod
    def name(cls) -> str:
        """The registry name: the stem of the file that defines the class."""
        return cls.__module__.rpartition(".")[2]

    @property
    def spec(self) -> str:
        """What loads the data set: ``NAME`` or ``NAME:ARGUMENT``, the argument in its one normal form."""
        return self.name() if self.argument is None else f"{self.name()}:{self.argument}"

    @property
    def label(self) -> str:
        """What is shown and recorded: ``spec`` without local details such as a path."""
        return self.spec

    @property
    def invariances(self) -> Invariances:
        """What may be done to its images without changing their class."""
        return Invariances(mirror=self.mirror, occlude=self.occlude)

    @classmethod
    def photograph(cls, image: "Image", shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """An opened photograph as an image (c, h, w) of this kind; by default cropped and resized.

        A data set whose images were made in another way says how. Raises ValueError where it cannot be.
        """
        return fitting(image, shape)

    def load(self, root: Path) -> Images:
        """Decode the images under ``root``. Raises MissingDataError where they are not there."""
        raise unwritten(self.name(), "load(self, root)")

    def texts(self, images: Images, view: str) -> Texts:
        """A text for each of its images, for cross-view retrieval. view: one of ``text_views``.

        Raises InvalidInputError for any other.
        """
        raise InvalidInputError(
            f"data set '{self.name()}' has no texts '{view}'; choose another data set, or give it a method "
            "texts()"
        )

    def sources(self, root: Path) -> list[Path]:
        """The files that ``load`` reads; their names, sizes and times tell if a decoded copy is current."""
        return [root / file for file in self.files]

    def download(self, root: Path) -> None:
        """Fetch the files into ``root``, checksums verified. The default has nothing to fetch."""

    def require(self, root: Path) -> None:
        """Raise MissingDataError, which says what to do, unless every file of ``sources`` is there."""
        paths = self.sources(root)
        absent = [path for path in paths if not path.is_file()]
        if absent:
            raise self.missing(
                root, f"looked for {len(paths)} files, {len(absent)} not found: {absent[0]}, ..."
            )

    def missing(self, root: Path, fault: str) -> MissingDataError:
        """The error for data missing under ``root``: the fault, then every way to fix it."""
        name = self.name()
        return MissingDataError(
            f"data set '{name}': {fault}; fetch it with 'hashbench data get {name}', or take it from any "
            f"folder that has it with 'hashbench data import {name} FOLDER', or put these files under "
            f"{root} by hand: {', '.join(self.files)}; the data set 'digits' needs no files"
        )
