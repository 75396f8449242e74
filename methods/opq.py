"""Optimised product quantisation, reconstructed vectors (context, no hash).

Ge, He, Ke, Sun, "Optimized product quantization", TPAMI 2014 (first: CVPR 2013), by faiss. As product
quantisation (``pq``), after a rotation that makes the parts easier to quantise: in turn, the centroids for
the rotated vectors, and the rotation that brings the vectors nearest to their reconstructions. A control
that shows what as many bits are worth when they are no Hamming code: ``code_bits``, not n_bits.
Formula: from a port (faiss): the non-parametric solution, from a random rotation.
Departures from the paper: as for ``pq``: centred rows of length 1; queries and database are both
reconstructed and ranked by cosine; zeros pad the features; few items give few centroids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.system.threads import threads_put_back, use_threads


@dataclass(eq=False, repr=False, kw_only=True)
class OPQ(HashMethod):
    """Rotated vectors rebuilt from the nearest centroids of their parts.

    code_bits: size of a quantised vector, a multiple of 8: a part for each 8 bits.
    n_iter: iterations of the last k-means.
    n_turns: of rotation and centroids.
    """

    output: ClassVar = "vectors"
    control: ClassVar = True
    needs: ClassVar = ("faiss",)
    code_bits: int = 48
    n_iter: int = 25
    n_turns: int = 50

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        import faiss

        if self.code_bits < 8 or self.code_bits % 8:
            raise InvalidInputError(f"{self.name()}: code_bits={self.code_bits} must be a multiple of 8")
        self.mean_, n_parts = X.mean(0), self.code_bits // 8
        self.padding_ = -X.shape[1] % n_parts
        rows = self._rows(X).cpu().numpy()
        d = rows.shape[1]

        def quantiser() -> faiss.ProductQuantizer:
            new = faiss.ProductQuantizer(d, n_parts, min(8, len(X).bit_length() - 1))
            new.cp.seed, new.cp.niter = self.random_state % 2**31, self.n_iter
            new.cp.min_points_per_centroid = 1  # else it warns below 39
            return new

        inner, outer = quantiser(), quantiser()
        rotation = faiss.OPQMatrix(d, n_parts, d)
        rotation.pq, rotation.niter = inner, self.n_turns
        with threads_put_back():
            use_threads(torch.get_num_threads())  # faiss's own threads too
            rotation.train(rows)
            outer.train(rotation.apply(rows))
        self.rotation_ = torch.from_numpy(faiss.vector_to_array(rotation.A)).to(X).reshape(d, d).T
        centroids = torch.from_numpy(faiss.vector_to_array(outer.centroids)).to(X)
        self.centroids_ = centroids.reshape(n_parts, outer.ksub, outer.dsub)

    def _rows(self, X: torch.Tensor) -> torch.Tensor:
        rows = torch.nn.functional.normalize(X - self.mean_)
        return torch.nn.functional.pad(rows, (0, self.padding_))

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        parts = (self._rows(X) @ self.rotation_).unflatten(1, (len(self.centroids_), -1))
        nearest = [
            centroids[(centroids.square().sum(1) - 2 * part @ centroids.T).argmin(1)]
            for part, centroids in zip(parts.unbind(1), self.centroids_, strict=True)
        ]
        return torch.cat(nearest, 1)
