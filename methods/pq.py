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
from typing import TYPE_CHECKING

from hashbench.families.quantisers import Quantised

if TYPE_CHECKING:
    import faiss
    import numpy as np
    from numpy.typing import NDArray


@dataclass(eq=False, repr=False, kw_only=True)
class PQ(Quantised):
    """Vectors rebuilt from the nearest centroids of their parts."""

    def _trained(self, rows: NDArray[np.float32], n_items: int) -> faiss.ProductQuantizer:
        quantiser = self._quantiser(rows.shape[1], n_items)
        quantiser.train(rows)
        return quantiser
