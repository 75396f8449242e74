"""Fast supervised hashing with boosted trees (FastHash).

Lin, Shen, Shi, van den Hengel, Suter, "Fast supervised hashing with decision trees for high-dimensional
data", CVPR 2014. Two-step hashing (``tsh``), bit by bit. Step 1: the next bit z of the items minimises sum
a_ij z_i z_j, a_ij from a loss of the Hamming distances of the codes so far, over blocks, the classes, in
random order, twice, all from +1. Step 2: boosted trees learn z; the bits that they give, not z, enter the
next distances.
Formula: read in the authors' code (fasthash_*.m, in a public copy).
Departures from the paper: a block is solved by descent from three starts in place of a graph cut. The trees
are scikit-learn's gradient boosting of the squared error on features of 8 bits, in place of AdaBoost with
weight trimming. The release boosts 200 trees of depth 4, our default is ``n_trees=40`` at the rate 0.3: at
48 bits, 5,000 items of 512 features take about a minute on one core, five times that with ``n_trees=200``.
Items with several labels are similar where they share one; a block is the items of one set of labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import block_descent, label_sets, pair_weights, sign
from hashbench.system.threads import threads_put_back, use_threads


@dataclass(eq=False, repr=False, kw_only=True)
class FastHash(HashMethod):
    """Bits that minimise a loss of Hamming distances, learned by boosted trees.

    loss: "hinge" or "ksh" (``numerics.pair_weights``).
    n_labelled: how many items, drawn from all, the bits are fitted to.
    n_trees, depth, rate: of the boosting, for each bit.
    n_features: how many features, drawn for each node, a split is chosen from.
    n_passes: passes over the blocks.
    """

    supervision: ClassVar = "supervised"
    loss: Literal["hinge", "ksh"] = "hinge"
    n_labelled: int = 10_000
    n_trees: int = 40
    depth: int = 4
    rate: float = 0.3
    n_features: int = 200
    n_passes: int = 2

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        assert y is not None
        if self.loss not in ("hinge", "ksh") or self.n_labelled < 1:
            raise InvalidInputError(
                f"{self.name()}: loss={self.loss!r} must be 'hinge' or 'ksh', n_labelled={self.n_labelled} "
                "positive"
            )
        drawn = torch.randperm(len(X), generator=generator)[: self.n_labelled].to(X.device)
        member, similarity = label_sets(y[drawn])
        blocks = [(member == number).nonzero()[:, 0] for number in range(len(similarity))]
        rows = X[drawn].cpu().numpy()
        codes = torch.empty(len(drawn), 0).to(X)
        self.trees_ = []
        for _ in range(self.n_bits):
            z = torch.ones(len(drawn)).to(X)
            for _ in range(self.n_passes):
                for number in torch.randperm(len(blocks), generator=generator).tolist():
                    z = self._renewed(z, blocks[number], codes, similarity[number, member] > 0)
            trees = HistGradientBoostingRegressor(
                max_iter=self.n_trees,
                max_depth=self.depth,
                learning_rate=self.rate,
                max_features=min(1.0, self.n_features / rows.shape[1]),
                early_stopping=False,
                random_state=int(torch.randint(2**31, (1,), generator=generator)),
            )
            with threads_put_back():
                use_threads(torch.get_num_threads())  # scikit-learn's own threads too
                bit = trees.fit(rows, z.cpu().numpy()).predict(rows)
            self.trees_.append(trees)
            codes = torch.cat([codes, sign(torch.from_numpy(bit).to(X))[:, None]], 1)

    def _renewed(
        self, z: torch.Tensor, block: torch.Tensor, codes: torch.Tensor, similar: torch.Tensor
    ) -> torch.Tensor:
        """z (n,) with the bits of a block of items set anew; similar (n,) bool: of the block to all items."""
        n_bits = codes.shape[1]
        differ = (n_bits - codes[block] @ codes.T) / 2
        weights = pair_weights(differ, similar.expand(len(block), -1), n_bits + 1, self.loss)
        inside = weights[:, block]
        ends = torch.ones(2, len(block)).to(z)
        ends[1] = -1
        z = z.clone()
        z[block] = block_descent(z[block], ends, inside, weights @ z - inside @ z[block])
        return z

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        rows = X.cpu().numpy()
        with threads_put_back():
            use_threads(torch.get_num_threads())
            values = np.stack([trees.predict(rows) for trees in self.trees_], 1)
        return torch.from_numpy(values).to(X)
