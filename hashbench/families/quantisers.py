"""Vectors that are rebuilt from the nearest centroids of their parts, by faiss: context rows, no codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.system.threads import threads_put_back, use_threads

if TYPE_CHECKING:
    import faiss
    import numpy as np
    from numpy.typing import NDArray


@dataclass(eq=False, repr=False, kw_only=True)
class Quantised(HashMethod):
    """A method that finds centroids for the parts of centred rows of length 1.

    code_bits: size of a quantised vector, a multiple of 8: a part for each 8 bits.
    n_iter: iterations of k-means; of the last one, where there are several.
    """

    output: ClassVar = "vectors"
    control: ClassVar = True
    needs: ClassVar = ("faiss",)
    code_bits: int = 48
    n_iter: int = 25

    # -- what a method writes ---------------------------------------------------------------------

    def _trained(self, rows: NDArray[np.float32], n_items: int) -> faiss.ProductQuantizer:
        """A ``_quantiser`` with centroids for rows (n, d)."""
        raise NotImplementedError

    def _turned(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows as the centroids are for; as they are, by default."""
        return rows

    # -- what all share ---------------------------------------------------------------------------

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        import faiss

        if self.code_bits < 8 or self.code_bits % 8:
            raise InvalidInputError(f"{self.name()}: code_bits={self.code_bits} must be a multiple of 8")
        self.mean_, self.n_parts_ = X.mean(0), self.code_bits // 8
        self.padding_ = -X.shape[1] % self.n_parts_
        with threads_put_back():
            use_threads(torch.get_num_threads())  # faiss's own threads too
            trained = self._trained(self._rows(X).cpu().numpy(), len(X))
        centroids = torch.from_numpy(faiss.vector_to_array(trained.centroids)).to(X)
        self.centroids_ = centroids.reshape(self.n_parts_, trained.ksub, trained.dsub)

    def _quantiser(self, n_features: int, n_items: int) -> faiss.ProductQuantizer:
        """A quantiser that is not trained yet, of at most 256 centroids a part."""
        import faiss

        new = faiss.ProductQuantizer(n_features, self.n_parts_, min(8, n_items.bit_length() - 1))
        new.cp.seed, new.cp.niter = self.random_state % 2**31, self.n_iter
        new.cp.min_points_per_centroid = 1  # else it warns below 39
        return new

    def _rows(self, X: torch.Tensor) -> torch.Tensor:
        rows = torch.nn.functional.normalize(X - self.mean_)
        return torch.nn.functional.pad(rows, (0, self.padding_))

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        parts = self._turned(self._rows(X)).unflatten(1, (len(self.centroids_), -1))
        nearest = [
            centroids[(centroids.square().sum(1) - 2 * part @ centroids.T).argmin(1)]
            for part, centroids in zip(parts.unbind(1), self.centroids_, strict=True)
        ]
        return torch.cat(nearest, 1)
