"""Rates of acceptance, from histograms of distances: AUC, equal error rate, thresholds, resampling.

An image is accepted as a copy where its distance is at most a threshold t. Two histograms stand for the
distances that should be accepted (same) and refused (different); their weights may be any non-negative
numbers. TPR(t) and FPR(t) are the accepted parts of them, for t = -1, which accepts nothing, 0, ...,
n_bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hashbench.authentication.distances import Counts, Sample
from hashbench.identity.digest import seed_of

Array = NDArray[np.float64]


def accepted_parts(counts: Array) -> Array:
    """(n_bits + 2,): the part of a histogram at distances of at most -1, 0, ..., n_bits."""
    return np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()


def auc(same: Array, different: Array) -> float:
    """P(same distance < different one) + half of P(they are equal): ties count one half (midranks)."""
    return float(same @ beyond(different) / same.sum())


def beyond(counts: Array) -> Array:
    """(n_bits + 1,): the part of a histogram above each distance, and half of that at it."""
    return (counts.sum() - np.cumsum(counts) + counts / 2) / counts.sum()


def auc_by_image(same: Sample, different: Sample) -> Array:
    """(n_images,) values whose mean is the AUC, and whose spread is that of the AUC over samples of images.

    Image i has AUC + n dAUC/dw_i, w_i its weight, at equal weights (the influence function of a ratio of
    U-statistics; for distances that images do not share, DeLong, DeLong & Clarke-Pearson, Biometrics 44,
    1988). An image stands in many pairs: its mean over its own copies alone would vary too little.
    """
    s, d = same.counts.sum(0), different.counts.sum(0)
    area = auc(s, d)
    below = 1 - beyond(s)
    n, twice = len(same.counts), 2 if different.of_pairs else 1
    by_same = same.counts @ (beyond(d) - area) / s.sum()
    by_different = different.counts @ (below - area) / d.sum()
    return area + n * (by_same + twice * by_different)


def mean_by_image(sample: Sample, values: Array) -> Array:
    """(n_images,) values whose mean is that of ``values[distance]``, ``values`` (n_bits + 1,).

    Their spread is right as that of ``auc_by_image``. Where every image has as many distances of its own,
    they are the means of the images.
    """
    total = sample.counts.sum()
    mean = float(sample.counts.sum(0) @ values / total)
    n, twice = len(sample.counts), 2 if sample.of_pairs else 1
    return mean + n * twice * (sample.counts @ (values - mean)) / total


def eer(same: Array, different: Array) -> float:
    """The equal error rate, FPR = 1 - TPR, interpolated linearly between two whole distances."""
    fpr, frr = accepted_parts(different), 1 - accepted_parts(same)
    gap = fpr - frr
    t = int(np.argmax(gap >= 0))  # never the first, where the gap is -1
    part = -gap[t - 1] / (gap[t] - gap[t - 1])
    return float(fpr[t - 1] + part * (fpr[t] - fpr[t - 1]))


def equal_threshold(same: Array, different: Array) -> int:
    """The whole distance at which FPR and 1 - TPR differ least; the middle one of several."""
    gap = np.abs(accepted_parts(different) + accepted_parts(same) - 1)
    least = np.flatnonzero(gap == gap.min())
    return int(least[(len(least) - 1) // 2]) - 1


def threshold_at(different: Array, fpr: float) -> int:
    """The largest distance whose FPR is at most ``fpr``; -1 where there is none."""
    return int(np.flatnonzero(accepted_parts(different) <= fpr)[-1]) - 1


def tpr_at(same: Array, different: Array, fpr: float) -> float:
    """The TPR at the largest whole distance whose FPR is at most ``fpr``."""
    return float(accepted_parts(same)[threshold_at(different, fpr) + 1])


def d_prime(same: Array, different: Array) -> float:
    """|difference of the means| over the root of the mean variance; 0 where both do not vary."""
    places = np.arange(len(same))
    means, variances = [], []
    for counts in (same, different):
        mean = counts @ places / counts.sum()
        means.append(mean)
        variances.append(counts @ (places - mean) ** 2 / counts.sum())
    spread = np.sqrt(sum(variances) / 2)
    return float(abs(means[0] - means[1]) / spread) if spread > 0 else 0.0


def drawn_weights(n_images: int, n_draws: int) -> Iterator[Array]:
    """How often each image is drawn in samples of n images with replacement, (n_images,) each; fixed seed."""
    bits = np.random.PCG64(seed_of("authentication", "bootstrap", n_images))
    for _ in range(n_draws):
        drawn = (bits.random_raw(n_images) % np.uint64(n_images)).astype(np.int64)
        yield np.bincount(drawn, minlength=n_images).astype(np.float64)


class WeightedPairs:
    """Distances of pairs of images, counted anew for weights of the images.

    distances: (n, n). A pair i < j weighs w_i w_j: an image drawn twice makes no pair with itself.
    """

    def __init__(self, distances: NDArray[np.int64], n_bits: int) -> None:
        self.first, self.second = np.triu_indices(len(distances), 1)
        self.distances = distances[self.first, self.second]
        self.n_bits = n_bits

    def counts(self, weights: Array) -> Counts:
        """(n_bits + 1,) sums of the weights of the pairs at each distance."""
        pairs = weights[self.first] * weights[self.second]
        return np.bincount(self.distances, pairs, self.n_bits + 1).astype(np.float64, copy=False)
