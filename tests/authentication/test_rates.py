import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.authentication import rates
from hashbench.authentication.distances import Distances, Sample, between, from_own, same_class
from hashbench.contracts.codes import Codes

BITS = 12
distances = st.lists(st.integers(0, BITS), min_size=1, max_size=15)


def counts(values):
    return np.bincount(values, minlength=BITS + 1).astype(float)


@given(distances, distances)
def test_as_by_looking_at_every_pair_and_threshold(same, different):
    s, d = counts(same), counts(different)
    pairs = [(a < b) + (a == b) / 2 for a in same for b in different]
    assert rates.auc(s, d) == pytest.approx(np.mean(pairs))
    tpr, fpr = (
        [np.mean([v <= t for v in values]) for t in range(-1, BITS + 1)] for values in (same, different)
    )
    assert rates.accepted_parts(s) == pytest.approx(tpr)
    for rate in (0.0, 0.1, 0.5):
        best = max(p for p, f in zip(tpr, fpr, strict=True) if f <= rate)
        assert rates.tpr_at(s, d, rate) == pytest.approx(best)
        limit = rates.threshold_at(d, rate)
        assert np.mean([v <= limit for v in different]) <= rate
        assert limit == BITS or np.mean([v <= limit + 1 for v in different]) > rate
    # the lines FPR and 1 - TPR over t, drawn finely, meet at the EER
    fine = np.linspace(-1, BITS, 100 * (BITS + 1) + 1)
    whole = np.arange(-1, BITS + 1)
    gap = np.interp(fine, whole, fpr) - np.interp(fine, whole, 1 - np.array(tpr))
    crossing = np.interp(fine, whole, fpr)[np.abs(gap).argmin()]
    assert rates.eer(s, d) == pytest.approx(crossing, abs=0.02)
    limit = rates.equal_threshold(s, d)
    errors = np.abs(np.array(fpr) + np.array(tpr) - 1)
    assert errors[limit + 1] == pytest.approx(errors.min())


def test_the_ends():
    low, high = counts([1, 2, 2]), counts([7, 8, 9])
    assert (rates.auc(low, high), rates.eer(low, high), rates.tpr_at(low, high, 0.001)) == (1, 0, 1)
    assert (rates.auc(high, low), rates.tpr_at(high, low, 0.001)) == (0, 0)
    assert (rates.auc(low, low), rates.eer(low, low)) == (0.5, 0.5)
    tied = counts([4, 4, 4])
    assert (rates.auc(tied, tied), rates.eer(tied, tied)) == (0.5, 0.5)
    assert rates.equal_threshold(low, high) == 4  # in the middle of 2 and 6
    assert rates.d_prime(low, low) == 0
    assert rates.d_prime(counts([1, 3]), counts([6, 8])) == 5
    assert rates.threshold_at(counts([0, 0]), 0.1) == -1


def toy(n=30, seed=0):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n, BITS))
    copies = bits[:, None] ^ (rng.random((n, 4, BITS)) < 0.15)
    tampered = bits[:, None] ^ (rng.random((n, 2, BITS)) < 0.3)
    labels = rng.integers(0, 3, n)

    def coded(array):
        return Codes.from_real(array.reshape(-1, BITS))

    own = [from_own(coded(bits), coded(versions)) for versions in (copies, tampered)]
    known = Distances(BITS, own[0], between(coded(bits), coded(bits)), same_class(labels), own[1])
    return bits, copies, labels, known


def test_distances_are_counted_image_by_image():
    bits, copies, labels, known = toy()
    for i in range(len(bits)):
        assert np.array_equal(known.copies[i], (copies[i] != bits[i]).sum(1))
        assert np.array_equal(known.pairs[i], (bits != bits[i]).sum(1))
        others = np.delete(known.pairs[i], i)
        assert np.array_equal(known.different("pairs").counts[i], counts(others))
        assert np.array_equal(known.different("nearest").counts[i], counts([others.min()]))
        alike = known.pairs[i][(labels == labels[i]) & (np.arange(len(bits)) != i)]
        assert np.array_equal(known.different("class").counts[i], counts(alike))
    distinct = known.pairs[np.triu_indices(len(bits), 1)] / BITS
    assert known.moments == pytest.approx((distinct.mean(), distinct.var()))


def test_classes_shared_by_multi_hot_labels():
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    assert same_class(labels).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("about", ["pairs", "class", "nearest"])
def test_values_of_images_have_the_mean_and_the_spread_of_the_whole(about):
    _, _, labels, known = toy(60)
    same, different = known.own(known.copies), known.different(about)
    values = rates.auc_by_image(same, different)
    assert values.mean() == pytest.approx(rates.auc(same.counts.sum(0), different.counts.sum(0)), rel=1e-12)
    # as the AUC of one image more, divided by its weight
    alike = labels[:, None] == labels if about == "class" else np.ones((60, 60), bool)
    for i in (0, 7):
        weights = np.ones(60)
        weights[i] += 1e-5
        if about == "nearest":
            weighted = weights @ different.counts
        else:
            first, second = np.nonzero(np.triu(alike, 1))
            pair = weights[first] * weights[second]
            weighted = np.bincount(known.pairs[first, second], pair, BITS + 1)
        change = rates.auc(weights @ same.counts, weighted) - values.mean()
        assert values[i] - values.mean() == pytest.approx(60 * change / 1e-5, abs=1e-3)


def test_means_by_image():
    _, _, _, known = toy()
    places = np.arange(BITS + 1.0)
    own = rates.mean_by_image(known.own(known.copies), places)
    assert own == pytest.approx(known.copies.mean(1))
    pairs = rates.mean_by_image(known.different("pairs"), places)
    assert pairs.mean() == pytest.approx(known.pairs[np.triu_indices(30, 1)].mean())
    others = known.pairs.sum(1) / 29
    assert pairs - pairs.mean() == pytest.approx(2 * (others - others.mean()))


def test_weighted_pairs_are_those_of_the_resampled_list():
    _, _, _, known = toy(12)
    pairs = rates.WeightedPairs(known.pairs, BITS)
    for weights in rates.drawn_weights(12, 3):
        drawn = np.repeat(np.arange(12), weights.astype(int))
        expected = np.zeros(BITS + 1)
        for a in range(12):
            for b in range(a):
                if drawn[a] != drawn[b]:
                    expected[known.pairs[drawn[a], drawn[b]]] += 1
        assert np.array_equal(pairs.counts(weights), expected)


def test_samples_of_images_are_fair_and_the_same_every_time():
    drawn = np.array(list(rates.drawn_weights(50, 400)))
    assert (drawn.sum(1) == 50).all()
    assert np.abs(drawn.mean(0) - 1).max() < 0.2
    assert drawn.var(0).mean() == pytest.approx(49 / 50, abs=0.05)
    assert np.array_equal(drawn[:5], list(rates.drawn_weights(50, 5)))


def test_a_constant_does_not_vary():
    constant = Sample(np.tile(counts([3, 3]), (10, 1)), False)
    values = rates.mean_by_image(constant, np.arange(BITS + 1.0))
    found = {float((w * values).sum() / w.sum()) for w in rates.drawn_weights(10, 50)}
    assert np.std(list(found)) == pytest.approx(0, abs=1e-12)
    assert np.std(rates.auc_by_image(constant, constant)) == pytest.approx(0, abs=1e-12)
