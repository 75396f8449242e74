from itertools import pairwise

import numpy as np
import pytest

from hashbench.errors import InvalidInputError
from hashbench.methods import bre
from hashbench.methods.bre import BRE

rng = np.random.default_rng(0)
X = (rng.normal(size=(200, 12)) * np.linspace(2, 0.5, 12)).astype(np.float32)


def small_problem(seed, n=8, r=3):
    draw = np.random.default_rng(seed)
    pairs = np.array([(i, j) for i in range(n) for j in range(n) if i != j and draw.random() < 0.6]).T
    others = draw.integers(0, r, pairs.shape[1])
    return draw.normal(size=n), draw.normal(size=n), others, pairs, draw.random(pairs.shape[1]), r


@pytest.mark.parametrize("seed", range(12))
def test_best_weight_equals_trying_every_interval(seed):
    rest, slope, others, pairs, wanted, r = small_problem(seed)
    if seed % 3 == 0:
        slope[:2] = 0  # items whose bit never changes
    if seed % 4 == 0:
        rest[3], slope[3] = 2 * rest[4], 2 * slope[4]  # two that change at once

    def loss(w):
        bits = rest + w * slope > 0
        return bre.reconstruction((others + (bits[pairs[0]] != bits[pairs[1]])) / r, wanted)

    ends = np.sort(-rest[slope != 0] / slope[slope != 0])
    tried = [ends[0] - 1, *((a + b) / 2 for a, b in pairwise(ends) if b - a > 1e-12), ends[-1] + 1]
    w = bre.best_weight(rest, slope, others, pairs, wanted, r, 0.3)
    assert loss(w) == pytest.approx(min(*map(loss, tried), loss(0.3)))


def test_a_weight_of_no_effect_stays():
    rest, slope, *others = small_problem(0)
    assert bre.best_weight(rest, 0 * slope, *others, 0.3) == 0.3


def test_sweeps_lower_the_reconstruction_error():
    draw = np.random.default_rng(0)
    rows = X[:60] / np.linalg.norm(X[:60], axis=1, keepdims=True)
    kernel = (rows @ rows.T).astype(np.float64)
    pairs = draw.integers(0, 60, (2, 400))
    wanted = 1 - kernel[pairs[0], pairs[1]]
    anchors, weights = draw.integers(0, 60, (4, 10)), draw.normal(size=(4, 10))

    def loss(n_iter):
        picks = np.random.default_rng(1).integers(0, 10, (20, 4))[:n_iter]
        W = bre.descended(kernel, anchors, weights, pairs, wanted, picks, -np.inf)
        bits = np.stack([kernel[:, anchors[k]] @ W[k] > 0 for k in range(4)])
        return bre.reconstruction((bits[:, pairs[0]] != bits[:, pairs[1]]).mean(0), wanted)

    losses = [loss(n) for n in (0, 1, 2, 5, 20)]
    assert all(after <= before + 1e-9 for before, after in pairwise(losses))
    assert losses[-1] < 0.9 * losses[0]


def test_the_length_of_a_centred_row_is_no_matter_to_bre():
    method = BRE(n_bits=6, n_anchors=10, device="cpu").fit(X)
    mean = method.mean_.numpy()
    np.testing.assert_allclose(method.project(mean + 7 * (X - mean)), method.project(X), atol=1e-4)
    with pytest.raises(InvalidInputError, match="bre: n_items=1"):
        BRE(n_items=1, device="cpu").fit(X)
