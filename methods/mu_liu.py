"""Deep hashing with an exponentiated loss (Mu & Liu).

Mu & Liu, "Deep Hashing: A Joint Approach for Image Signature Learning", AAAI 2017.

Only the abstract is at hand. It fixes: an exponentiated loss on pairs, a bilinear smooth approximation of it,
back-propagation through one network, pre-training from image classification, and an experiment on
the effect of pre-training (here: ``hashbench run --suite mu-liu-ablation``).

Derived here. With s = +-1 for (dis)similar pairs, the loss of two codes in {-1, 1}^K is
exp(-(a s / K) <b_i, b_j>) = prod_k (c - s d b_ik b_jk), c = cosh(a/K), d = sinh(a/K), and no other bilinear
factor gives it. Replace b by the expected bits h = tanh(z / 2). Then P_ij = prod_k (c - s d h_ik h_jk) is
- the exact loss at bits, and between them its exact expectation over independent bits with means h;
- affine in each h_ik, so that the minimum over the cube is attained at codes, without a quantisation penalty;
- in [exp(-a), exp(a)], and between 1 and exp(a^2 / 2K) times exp(-(a s / K) <h_i, h_j>);
- at weights 1/2 of similar and of dissimilar pairs, on average at least (exp(-a) + exp(-a / (C - 1))) / 2
  for C balanced classes;
- stationary at z = 0; the fixed deviation of the outputs keeps them away from it.
With F_k = c - s d h_ik h_jk, the gradient is dP_ij / dh_ik = -s d h_jk P_ij / F_k: bit k gives more
weight to the pairs that the other bits get wrong.

Formula: ours, from what the paper's abstract fixes.
Departures from the paper: unknown beyond the abstract. Ours are the form of the pair loss, its scale, the
weights of pairs, the standardised outputs, and what the suite gives all methods: network, recipe and softmax
pre-training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from hashbench.errors import InvalidInputError
from hashbench.training import Batch, DeepHashMethod, TrainingData, mean_of_pairs, same_label

MAX_ORDER = 16  # terms of the series; with more, the other computations are as fast on a CPU
MAX_TENSOR = 2**24  # elements of a (b, b, K) tensor


@dataclass(eq=False, repr=False, kw_only=True)
class MuLiu(DeepHashMethod):
    """Mu & Liu's joint deep hashing.

    relaxation: "bilinear", as above; "naive", exp(-(a s / K) <h_i, h_j>); "taylor", prod_k (1 - (a s / K)
    h_ik h_jk), which is not exact on bits. They agree as K grows.
    scale: a, the exponent of a pair whose codes agree (or differ) in every bit; of 1, 2, 5 and 10, 5 was best
    on images held out from training (results/recipe.md).
    dissimilar_scale: the scale of dissimilar pairs, if different: their codes cannot all be opposite.
    pair_weights: "balanced", similar pairs weigh ``similar_weight`` in every batch and dissimilar ones the
    rest; "prior", the same on average over the training set; "none", all pairs weigh the same.
    deviation: outputs z are standardised to mean 0 and this deviation over the batch (Ioffe & Szegedy, ICML
    2015; at test by their moving averages), so that bits are balanced and tanh does not saturate; None: z as
    the hash layer gives it. Chosen as ``scale`` was.
    """

    relaxation: Literal["bilinear", "naive", "taylor"] = "bilinear"
    scale: float = 5.0
    dissimilar_scale: float | None = None
    pair_weights: Literal["balanced", "prior", "none"] = "balanced"
    similar_weight: float = 0.5
    deviation: float | None = 1.5
    class_balanced: bool = True

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Weighted mean of the losses of all ordered pairs of two images."""
        similar = same_label(batch.labels)
        values = pair_losses(torch.tanh(self.readout(z) / 2), similar, self._scales, self.relaxation)
        if self.pair_weights == "none":
            return mean_of_pairs(values)
        if self.pair_weights == "prior":
            fraction = z.new_full((), self.similar_fraction_)
        else:
            fraction = mean_of_pairs(similar.to(z.dtype))
        return mean_of_pairs(kind_weights(similar, fraction, self.similar_weight) * values)

    def make_state(self, data: TrainingData) -> torch.nn.Module | None:
        """The statistics of the outputs. Raises InvalidInputError for unusable parameters."""
        self._check_numbers()
        self.similar_fraction_ = similar_fraction(data.labels, self.class_balanced)
        return None if self.deviation is None else torch.nn.BatchNorm1d(self.n_bits, affine=False)

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """Outputs with mean 0 and the deviation asked for."""
        return z if self.state_ is None else self.deviation * self.state_(z)

    @property
    def _scales(self) -> tuple[float, float]:
        return self.scale, self.scale if self.dissimilar_scale is None else self.dissimilar_scale

    def _check_numbers(self) -> None:
        largest = min(80, self.n_bits if self.relaxation == "taylor" else 8 * self.n_bits)
        if not all(0 < scale < largest for scale in self._scales):
            raise InvalidInputError(
                f"{self.name()}: scales {self._scales} must lie between 0 and {largest} at {self.n_bits} "
                f"bits and relaxation='{self.relaxation}': beyond, factors leave float32 or turn negative"
            )
        if not 0 <= self.similar_weight <= 1:
            raise InvalidInputError(f"{self.name()}: similar_weight={self.similar_weight} must be in [0, 1]")
        if self.deviation is not None and not 0 < self.deviation < math.inf:
            raise InvalidInputError(f"{self.name()}: deviation={self.deviation} must be positive, or None")


def pair_losses(
    h: torch.Tensor, similar: torch.Tensor, scales: tuple[float, float], relaxation: str = "bilinear"
) -> torch.Tensor:
    """(b, b): the relaxed exponentiated loss of each pair of expected bits h (b, K) in [-1, 1].

    scales: a of similar and of dissimilar pairs. log P_ij lies in [-a, a], so there is no overflow.
    """
    n_bits = h.shape[1]
    steps = [scale / n_bits for scale in scales]

    def by_kind(of_similar: float, of_dissimilar: float) -> torch.Tensor:
        return torch.where(similar, h.new_full((), of_similar), h.new_full((), of_dissimilar))

    if relaxation == "naive":
        return torch.exp(-by_kind(steps[0], -steps[1]) * (h @ h.T))
    if relaxation == "taylor":
        return log_products(h, by_kind(steps[0], -steps[1]), max(steps)).exp()
    log_cosh = [n_bits * (x + math.log1p(math.exp(-2 * x)) - math.log(2)) for x in steps]
    t = [math.tanh(x) for x in steps]
    return (by_kind(*log_cosh) + log_products(h, by_kind(t[0], -t[1]), max(t))).exp()


def log_products(h: torch.Tensor, t: torch.Tensor, largest: float) -> torch.Tensor:
    """(b, b): sum_k log(1 - t_ij h_ik h_jk), by the fastest of three computations that are equal to rounding.

    h: (b, K) in [-1, 1]. t: (b, b), symmetric, with |t| <= ``largest`` < 1.
    """
    b, n_bits = h.shape
    rounding = 8 * torch.finfo(h.dtype).eps
    for order in range(1, MAX_ORDER + 1):
        if series_bound(n_bits, largest, order) < rounding:
            return log_products_by_series(h, t, order)
    return log_products_at_once(h, t) if b * b * n_bits <= MAX_TENSOR else log_products_bit_by_bit(h, t)


def log_products_at_once(h: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """As defined, with a (b, b, K) tensor; the reference."""
    return torch.log1p(-t[:, :, None] * h[:, None, :] * h[None, :, :]).sum(dim=2)


def log_products_by_series(h: torch.Tensor, t: torch.Tensor, order: int) -> torch.Tensor:
    """log(1 - x) = -sum_m x^m / m up to m = ``order``: one matrix product a term; off by ``series_bound``."""
    total, h_m, t_m = -t * (h @ h.T), h, t
    for m in range(2, order + 1):
        h_m, t_m = h_m * h, t_m * t
        total = total - t_m / m * (h_m @ h_m.T)
    return total


def series_bound(n_bits: int, t: float, order: int) -> float:
    """What the terms of the series beyond ``order`` add up to at most, over all bits."""
    return n_bits * t ** (order + 1) / ((order + 1) * (1 - t))


def log_products_bit_by_bit(h: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """As defined, in O(b^2) memory: the backward pass computes the factors of each bit again."""
    from torch.utils.checkpoint import checkpoint

    def of_bit(h_k: torch.Tensor) -> torch.Tensor:
        return torch.log1p(-t * torch.outer(h_k, h_k))

    total = torch.zeros_like(t)
    for h_k in h.unbind(dim=1):
        total = total + checkpoint(of_bit, h_k, use_reentrant=False, preserve_rng_state=False)
    return total


def kind_weights(similar: torch.Tensor, fraction: torch.Tensor, share: float) -> torch.Tensor:
    """(b, b) weights by which similar pairs, a ``fraction`` of all, get the ``share`` of all pairs' weight.

    Dissimilar ones get the rest. The sum of all weights is the number of pairs; if there is only one kind, it
    gets all the weight.
    """
    one_kind = (fraction == 0) | (fraction == 1)
    of_each = torch.where(similar, share / fraction, (1 - share) / (1 - fraction))
    return torch.where(one_kind, 1, of_each)


def similar_fraction(labels: torch.Tensor, class_balanced: bool) -> float:
    """The fraction of the pairs of two training images that is similar.

    class_balanced: as if all classes were equally frequent; ignored for multi-label images.
    """
    n = len(labels)
    if labels.ndim == 1:
        counts = labels.bincount().double()
        counts = counts[counts > 0]
        if class_balanced:
            counts = torch.full_like(counts, n / len(counts))
        n_similar = (counts * (counts - 1)).sum().item()
    else:
        rows = labels.split(1024)
        n_similar = sum(int((some @ labels.T > 0).sum()) for some in rows) - int(labels.any(dim=1).sum())
    return n_similar / max(1, n * (n - 1))
