"""The contract of a cross-view method: codes of images and codes of texts that can be compared.

It is a ``HashMethod`` that also gets the texts of the training images, and writes ``_project_text``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.codes import Codes
from hashbench.contracts.hooks import require_tensor, unwritten
from hashbench.contracts.method import HashMethod, batches_on
from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


@dataclass(eq=False, repr=False, kw_only=True)
class CrossViewMethod(HashMethod):
    """Maps images, or features of images, and texts to codes of one space.

    ``fit(X, y, texts=T)``: T is (n, V), row i is the text of item i; ``_fit(X, y, generator, texts)`` gets it
    as float32 on the device. Text and image are encoded apart: neither code depends on the other view.
    """

    reads_text: ClassVar = True
    made_for: ClassVar = ("cross_view",)

    # -- what a method writes, besides _fit and _project ------------------------------------------

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        """Real values (n, n_bits) of texts T (n, V) float32; bit = value > 0."""
        raise unwritten(self.name(), "_project_text(self, T)")

    # -- what a user calls ------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **options: Any) -> Self:
        """Learn from training items and their texts: ``fit(X, y, texts=T)``. Returns self."""
        import torch

        if "texts" not in options:
            raise InvalidInputError(f"{self.name()} learns from texts too; call fit(X, y, texts=T)")
        texts = self._check_texts(options.pop("texts"))
        if len(texts) != len(np.asarray(X)):
            raise InvalidInputError(
                f"{self.name()}: {len(texts)} texts of {len(np.asarray(X))} items; give one each"
            )
        self.n_words_ = texts.shape[1]
        return super().fit(X, y, texts=torch.from_numpy(texts).to(self._device()), **options)

    def project_text(self, T: ArrayLike) -> NDArray[np.float32]:
        """Real values (n, n_bits) float32 of texts (n, V), whose signs are the bits."""
        import torch

        if not hasattr(self, "n_words_"):
            raise InvalidInputError(f"{self.name()} is not fitted; call fit() first")
        texts = self._check_texts(T)
        if texts.shape[1] != self.n_words_:
            raise InvalidInputError(
                f"{self.name()} was fitted on texts of {self.n_words_} words, got {texts.shape[1]}"
            )
        device = self._device()
        with torch.inference_mode():
            parts = [
                require_tensor(self.name(), "_project_text", self._project_text(part)).float()
                for part in batches_on(device, texts, self.project_batch(device))
            ]
            return torch.cat(parts).cpu().numpy()

    def encode_text(self, T: ArrayLike) -> Codes:
        """Codes of texts."""
        return Codes.from_real(self.project_text(T))

    def _check_texts(self, T: ArrayLike) -> NDArray[np.float32]:
        array = np.asarray(T)
        if array.ndim != 2 or not array.size or array.dtype.kind not in "fiub":
            raise InvalidInputError(
                f"{self.name()}: texts must be (n, V) numbers, a column a word, not {array.shape} "
                f"{array.dtype}"
            )
        rows = np.array(array, np.float32)
        if not np.isfinite(rows).all():
            raise InvalidInputError(f"{self.name()}: texts contain NaN or infinity; clean them first")
        return rows
