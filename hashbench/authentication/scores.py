"""All metrics of authentication, from the distances of the evaluation and the calibration images.

Every threshold is taken from the calibration images and applied to the evaluation images. The EER and the TPR
at an FPR are read off the evaluation images' own curve, as the literature does, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from hashbench.authentication import rates
from hashbench.authentication.distances import Distances, Sample
from hashbench.authentication.manipulations import MANIPULATIONS
from hashbench.authentication.metric_table import DIFFERENT, LEFT_OUT, SAME, Name, read_name
from hashbench.authentication.rates import Array
from hashbench.authentication.tampering import COLUMNS, SAVED
from hashbench.errors import InvalidInputError

FPR = 0.001  # of the second threshold
DRAWS = 300
RESAMPLED = ("auc", "eer", "tpr@fpr0.01", "tpr@fpr0.001")


def columns_of(name: str) -> NDArray[np.int64]:
    """The places in the list of copies of those that a name of ``SAME`` stands for."""
    groups = {"usual": ("usual", "combined"), "all": ("usual", "moved", "combined")}.get(name, (name,))
    places = [place for place, one in enumerate(MANIPULATIONS) if one.group in groups or one.name == name]
    return np.array(places, np.int64)


class Scores:
    """Metrics of one method on one data set."""

    def __init__(self, evaluation: Distances, calibration: Distances) -> None:
        self.evaluation, self.calibration = evaluation, calibration
        self.sample = cache(self._sample)

    @cached_property
    def n_bits(self) -> int:
        """Length of the codes."""
        return self.evaluation.n_bits

    def _sample(self, about: str) -> Sample:
        """The distances that a name of ``SAME`` or ``DIFFERENT`` stands for."""
        known = self.evaluation
        if about in SAME:
            return known.own(known.copies[:, columns_of(about)])
        if about in ("pairs", "class", "nearest"):
            return known.different(about)
        saved = about.endswith(SAVED)
        whole = about.removesuffix(SAVED) == "tampered"
        chosen = [
            place
            for place, name in enumerate(COLUMNS)
            if (name.endswith(SAVED) == saved if whole else name == about)
        ]
        return known.own(known.tampered[:, chosen])

    @cached_property
    def _calibrated(self) -> tuple[Array, Array]:
        known = self.calibration
        copies = known.own(known.copies[:, columns_of("usual")])
        return copies.counts.sum(0), known.different("pairs").counts.sum(0)

    def threshold(self, name: Name) -> int:
        """The distance up to which images are accepted."""
        if name.statistic.endswith("@rR"):
            assert name.number is not None
            return int(name.number)
        if name.number is not None:
            return rates.threshold_at(self._calibrated[1], name.number)
        return rates.equal_threshold(*self._calibrated)

    @cached_property
    def _accepted_left_out(self) -> NDArray[np.bool_]:
        """(n, M): whether copies are accepted at the threshold of equal errors of all other kinds."""
        usual, known = columns_of("usual"), self.calibration
        families = np.array([one.family for one in MANIPULATIONS])
        accepted = np.zeros(self.evaluation.copies.shape, bool)
        for family in dict.fromkeys(families.tolist()):
            others = usual[families[usual] != family]
            same = known.own(known.copies[:, others]).counts.sum(0)
            limit = rates.equal_threshold(same, self._calibrated[1])
            mine = families == family
            accepted[:, mine] = self.evaluation.copies[:, mine] <= limit
        return accepted

    def by_image(self, metric: str) -> Array | None:
        """(n_images,) values whose mean is the metric; None where only all images together have one."""
        name = read_name(metric)
        if name.about == LEFT_OUT:
            return self._accepted_left_out[:, columns_of("usual")].mean(1)
        places = np.arange(self.n_bits + 1)
        if name.statistic == "auc":
            return rates.auc_by_image(*self._compared(metric, name))
        if name.statistic == "nhd":
            return rates.mean_by_image(self._filled(metric, name.about), places / self.n_bits)
        if name.statistic.startswith("accepted"):
            accepted = (places <= self.threshold(name)).astype(np.float64)
            return rates.mean_by_image(self._filled(metric, name.about), accepted)
        return None

    def of_set(self, metric: str) -> float:
        """The value of a metric that only all images together have."""
        name = read_name(metric)
        if name.statistic.startswith("threshold"):
            return float(self.threshold(name))
        same, different = (sample.counts.sum(0) for sample in self._compared(metric, name))
        return _statistic(name, same, different)

    def _compared(self, metric: str, name: Name) -> tuple[Sample, Sample]:
        if name.about in SAME:
            return self._filled(metric, name.about), self._filled(metric, "pairs")
        return self._filled(metric, "usual"), self._filled(metric, name.about)

    def _filled(self, metric: str, about: str) -> Sample:
        sample = self.sample(about)
        if not sample.counts.any():
            raise InvalidInputError(f"metric '{metric}': there is none of {DIFFERENT[about]}")
        return sample

    @cached_property
    def intervals(self) -> Mapping[str, list[float]]:
        """The 2.5 % and 97.5 % quantiles of ``RESAMPLED`` over samples of images with replacement."""
        copies = self.sample("usual").counts
        pairs = rates.WeightedPairs(self.evaluation.pairs, self.n_bits)
        found = []
        for weights in rates.drawn_weights(len(copies), DRAWS):
            same, different = weights @ copies, pairs.counts(weights)
            if different.any():  # not where one image alone was drawn
                found.append([_statistic(read_name(metric), same, different) for metric in RESAMPLED])
        low, high = np.quantile(found, [0.025, 0.975], axis=0)
        return {f"interval[{name}]": [low[i], high[i]] for i, name in enumerate(RESAMPLED)}

    @cached_property
    def curves(self) -> Mapping[str, list[float]]:
        """For each kind of copy and of forgery: mean, standard deviation and 95 % quantile of the normalised
        distance, the parts accepted at both thresholds and, of copies, at that without its kind; histograms;
        TPR and FPR at -1, 0, ..., n_bits bits; intervals.
        """
        limits = [self.threshold(read_name(name)) for name in ("accepted", f"accepted@fpr{FPR}")]
        curves = {}
        for kind, names, table in (
            ("copy", [one.name for one in MANIPULATIONS], self.evaluation.copies),
            ("tampered", list(COLUMNS), self.evaluation.tampered),
        ):
            for place, name in enumerate(names):
                column = table[:, place]
                part = column / self.n_bits
                curve = [part.mean(), part.std(), np.quantile(part, 0.95)]
                curve += [(column <= limit).mean() for limit in limits]
                if kind == "copy":
                    curve.append(self._accepted_left_out[:, place].mean())
                curves[f"{kind} {name}"] = [float(value) for value in curve]
        for about in ("usual", "moved", "pairs", "class", "nearest", "tampered"):
            sample = self.sample(about)
            counts = sample.counts.sum(0) / (2 if sample.of_pairs else 1)
            curves[f"histogram[{about}]"] = counts.tolist()
        for rate, about in (("tpr", "usual"), ("fpr", "pairs")):
            curves[rate] = rates.accepted_parts(self.sample(about).counts.sum(0)).tolist()
        return curves | dict(self.intervals)


def _statistic(name: Name, same: Array, different: Array) -> float:
    if name.statistic == "auc":
        return rates.auc(same, different)
    if name.statistic == "eer":
        return rates.eer(same, different)
    if name.statistic == "d_prime":
        return rates.d_prime(same, different)
    assert name.number is not None
    return rates.tpr_at(same, different, name.number)
