"""Product quantisation, reconstructed vectors (context, no hash).

Jegou, Douze, Schmid, "Product quantization for nearest neighbor search", TPAMI 2011, by faiss. A vector is
cut into parts; each part is replaced by the nearest of 256 centroids, which k-means finds for that part, and
costs 8 bits. A control that shows what as many bits are worth when they are no Hamming code: ``code_bits``,
not n_bits.
Formula: from a port (faiss).
Departures from the paper: rows are centred and scaled to length 1, as for ``real_valued``, whose ranking
this row approximates. The suite ranks vectors by cosine, queries and database alike, so that both are
reconstructed: the paper's symmetric distance, not its asymmetric one, which keeps the query as it is.
Features are padded with zeros to a multiple of the number of parts. Fewer items than centroids give as many
centroids as the largest power of two among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.system.threads import threads_put_back, use_threads


@dataclass(eq=False, repr=False, kw_only=True)
class PQ(HashMethod):
    """Vectors rebuilt from the nearest centroids of their parts.

    code_bits: size of a quantised vector, a multiple of 8: a part for each 8 bits.
    n_iter: iterations of k-means.
    """

    output: ClassVar = "vectors"
    control: ClassVar = True
    needs: ClassVar = ("faiss",)
    code_bits: int = 48
    n_iter: int = 25

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        import faiss

        if self.code_bits < 8 or self.code_bits % 8:
            raise InvalidInputError(f"{self.name()}: code_bits={self.code_bits} must be a multiple of 8")
        self.mean_, n_parts = X.mean(0), self.code_bits // 8
        self.padding_ = -X.shape[1] % n_parts
        rows = self._rows(X).cpu().numpy()
        quantiser = faiss.ProductQuantizer(rows.shape[1], n_parts, min(8, len(X).bit_length() - 1))
        quantiser.cp.seed, quantiser.cp.niter = self.random_state % 2**31, self.n_iter
        quantiser.cp.min_points_per_centroid = 1  # else it warns below 39
        with threads_put_back():
            use_threads(torch.get_num_threads())  # faiss's own threads too
            quantiser.train(rows)
        centroids = torch.from_numpy(faiss.vector_to_array(quantiser.centroids)).to(X)
        self.centroids_ = centroids.reshape(n_parts, quantiser.ksub, quantiser.dsub)

    def _rows(self, X: torch.Tensor) -> torch.Tensor:
        rows = torch.nn.functional.normalize(X - self.mean_)
        return torch.nn.functional.pad(rows, (0, self.padding_))

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        parts = self._rows(X).unflatten(1, (len(self.centroids_), -1))
        nearest = [
            centroids[(centroids.square().sum(1) - 2 * part @ centroids.T).argmin(1)]
            for part, centroids in zip(parts.unbind(1), self.centroids_, strict=True)
        ]
        return torch.cat(nearest, 1)
