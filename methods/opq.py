"""Optimised product quantisation, reconstructed vectors (context, no hash).

Ge, He, Ke, Sun, "Optimized product quantization", TPAMI 2014 (first: CVPR 2013), by faiss. As product
quantisation (``pq``), after a rotation that makes the parts easier to quantise: in turn, the centroids for
the rotated vectors, and the rotation that brings the vectors nearest to their reconstructions. A control
that shows what as many bits are worth when they are no Hamming code: ``code_bits``, not n_bits.
Formula: from a port (faiss): the non-parametric solution, from a random rotation.
Departures from the paper: as for ``pq``: centred rows of length 1; queries and database are both
reconstructed and ranked by cosine; zeros pad the features; few items give few centroids. Of more than 512
features the leading 512 principal directions are quantised, as a turn takes time cubic in their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from hashbench.families.quantisers import Quantised
from hashbench.numerics import gram, top_eigenvectors

if TYPE_CHECKING:
    import faiss
    import numpy as np
    from numpy.typing import NDArray


@dataclass(eq=False, repr=False, kw_only=True)
class OPQ(Quantised):
    """Rotated vectors rebuilt from the nearest centroids of their parts.

    n_turns: of rotation and centroids.
    n_components: how many principal directions are quantised at most, the same for each part, one at least.
    """

    n_turns: int = 50
    n_components: int = 512

    def _trained(self, rows: NDArray[np.float32], n_items: int) -> faiss.ProductQuantizer:
        import faiss

        directions = torch.eye(rows.shape[1])
        if rows.shape[1] - self.padding_ > self.n_components:
            kept = max(1, self.n_components // self.n_parts_) * self.n_parts_
            all_rows = torch.from_numpy(rows)
            directions = top_eigenvectors(gram(all_rows, all_rows), kept)[1].float()
            rows = rows @ directions.numpy()
        d = rows.shape[1]
        inner, outer = self._quantiser(d, n_items), self._quantiser(d, n_items)
        rotation = faiss.OPQMatrix(d, self.n_parts_, d)
        rotation.pq, rotation.niter = inner, self.n_turns
        rotation.train(rows)
        outer.train(rotation.apply(rows))
        self.rotation_ = directions @ torch.from_numpy(faiss.vector_to_array(rotation.A)).reshape(d, d).T
        return outer

    def _turned(self, rows: torch.Tensor) -> torch.Tensor:
        return rows @ self.rotation_.to(rows)
