"""A fitted encoder: a feature and a method together, from images, rows or texts to codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.codes import Codes
from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.contracts.feature import Feature
from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.system.shown import Shown, shape_of
from hashbench.training.encoding import network_features
from hashbench.training.network import Network

AT_A_TIME = 2048  # images whose rows are in memory at once


@dataclass(frozen=True, eq=False, repr=False)
class Encoder(Shown):
    """Encodes as the cell of a run did. ``hashbench.load`` makes one from a file.

    label: the name of the features that the method reads, None where it reads images. feature: what computes
    them; None too where they are of a user's file. network: that of a trained feature. shape: (c, h, w) of
    the images that it was trained on. dataset: its name. photographs: the data set whose class makes a
    photograph fit, "" where it is done as usual. facts: digests, rooms and versions of the run.
    sha256: of the tensors in the file that it was loaded from, else "".
    """

    method: HashMethod
    label: str | None = None
    feature: Feature | None = None
    network: Network | None = None
    shape: tuple[int, int, int] | None = None
    dataset: str = ""
    photographs: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @property
    def n_bits(self) -> int:
        """The length of its codes."""
        return int(self.method.n_bits)

    def encode(self, X: ArrayLike) -> Codes:
        """Codes of images (n, c, h, w) uint8 or, of methods that read features, of rows (n, d).

        Raises InvalidInputError.
        """
        self._require_codes()
        return Codes.from_real(self.project(X))

    def encode_text(self, T: ArrayLike) -> Codes:
        """Codes of texts (n, V), a column a word of the training's vocabulary. Raises InvalidInputError."""
        self._require_codes()
        return Codes.from_real(self.project_text(T))

    def project(self, X: ArrayLike) -> NDArray[np.float32]:
        """The real values (n, n_bits) float32 whose signs are the bits, of what ``encode`` takes."""
        items = np.asarray(X)
        if self.label is None or items.ndim != 4:
            return self.method.project(items)
        self._require_images(items)
        parts = np.array_split(items, max(1, -(-len(items) // AT_A_TIME)))
        return np.concatenate([self.method.project(self._rows(part)) for part in parts])

    def project_text(self, T: ArrayLike) -> NDArray[np.float32]:
        """As ``project``, of what ``encode_text`` takes."""
        if not isinstance(self.method, CrossViewMethod):
            raise InvalidInputError(f"{self.method.name()} encodes no texts; choose a cross-view method")
        return self.method.project_text(T)

    def _rows(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.network is not None:
            return network_features(self.network, images).cpu().numpy()
        assert self.feature is not None
        return self.feature.rows_of(images, self.method._device())

    def _require_images(self, images: NDArray) -> None:
        if self.feature is None:
            raise InvalidInputError(
                f"{self!r} reads features '{self.label}' of your own, which no code here computes; give rows "
                "(n, d) of them"
            )
        if images.dtype != np.uint8 or (self.shape is not None and images.shape[1:] != self.shape):
            raise InvalidInputError(
                f"{self!r} reads images (n, c, h, w) uint8 with (c, h, w) = {self.shape}, not "
                f"{images.shape} {images.dtype}"
            )

    def _require_codes(self) -> None:
        if self.method.output == "vectors":
            raise InvalidInputError(f"{self.method.name()} makes no codes; rank its project() by cosine")

    def _shown(self) -> dict[str, str]:
        said = {"method": self.method.name(), "reads": self.label or self.method.inputs}
        if self.method.output == "codes":
            said["bits"] = str(self.n_bits)
        if self.dataset:
            said["dataset"] = self.dataset
        return said if self.shape is None else said | {"images": shape_of(self.shape)}

    def __repr__(self) -> str:
        read = f"{self.label} features" if self.label else self.method.inputs
        of = f" of {self.dataset}" if self.dataset else ""
        length = f", {self.n_bits} bits" if self.method.output == "codes" else ""
        return f"Encoder({self.method.name()}{length}, {read}{of})"
