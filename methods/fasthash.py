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
48 bits, 5,000 items of 512 features take about 50 seconds on one core (reckoned from 2 bits), some three
minutes with ``n_trees=200``. Items with several labels are similar where they share one; a block is the
items of one set of labels.
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
    not_saved: ClassVar[str] = "its trees are objects of scikit-learn"
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
        rows = X[drawn].cpu().numpy()
        codes = torch.empty(len(drawn), 0).to(X)
        self.trees_ = []
        for _ in range(self.n_bits):
            z = self._next_bit(codes, member, similarity, generator)
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

    def _next_bit(
        self, codes: torch.Tensor, member: torch.Tensor, similarity: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Step 1: z (n,) for the codes (n, k) so far of items of the sets of labels ``member`` (n,).

        Items of one set and one code are alike, so that they get one bit: the problem is solved over such
        groups, weighted by their sizes.
        """
        rows = torch.cat([member[:, None].to(codes), codes], 1)
        groups, group, sizes = rows.unique(dim=0, return_inverse=True, return_counts=True)
        member, codes, n_bits = groups[:, 0].long(), groups[:, 1:], codes.shape[1]
        z = torch.ones(len(groups)).to(codes)
        for _ in range(self.n_passes):
            for number in torch.randperm(len(similarity), generator=generator).tolist():
                block = (member == number).nonzero()[:, 0]
                similar = (similarity[number, member] > 0).expand(len(block), -1)
                differ = (n_bits - codes[block] @ codes.T) / 2
                weights = pair_weights(differ, similar, n_bits + 1, self.loss)
                weights = weights * sizes * sizes[block, None]
                inside, ends = weights[:, block], torch.ones(2, len(block)).to(z)
                ends[1] = -1
                z[block] = block_descent(z[block], ends, inside, weights @ z - inside @ z[block])
        return z[group]

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        rows = X.cpu().numpy()
        with threads_put_back():
            use_threads(torch.get_num_threads())
            values = np.stack([trees.predict(rows) for trees in self.trees_], 1)
        return torch.from_numpy(values).to(X)
