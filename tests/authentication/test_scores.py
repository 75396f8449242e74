import numpy as np
import pytest

from hashbench.authentication import rates
from hashbench.authentication.distances import Distances
from hashbench.authentication.manipulations import MANIPULATIONS
from hashbench.authentication.metric_table import describe, read_name
from hashbench.authentication.scores import Scores, columns_of
from hashbench.authentication.tampering import COLUMNS
from hashbench.errors import HashbenchError, InvalidInputError, UnknownNameError

BITS, N = 32, 40


def distances(seed, labels=None):
    rng = np.random.default_rng(seed)
    pairs = rng.binomial(BITS, 0.4, (N, N))
    pairs = np.triu(pairs, 1) + np.triu(pairs, 1).T
    strength = np.linspace(0.02, 0.3, len(MANIPULATIONS))
    copies = rng.binomial(BITS, strength, (N, len(MANIPULATIONS)))
    tampered = rng.binomial(BITS, 0.2, (N, len(COLUMNS)))
    labels = np.arange(N) % 4 if labels is None else labels
    return Distances(BITS, copies, pairs, labels[:, None] == labels, tampered)


@pytest.fixture(scope="module")
def scores():
    return Scores(distances(0), distances(1))


def value(scores, metric):
    found = scores.by_image(metric)
    return scores.of_set(metric) if found is None else found.mean()


def hist(values):
    return np.bincount(np.ravel(values), minlength=BITS + 1).astype(float)


def test_a_name_stands_for_its_distances(scores):
    known = scores.evaluation
    first, second = np.triu_indices(N, 1)
    different = known.pairs[first, second]
    usual = known.copies[:, [one.group != "moved" for one in MANIPULATIONS]]
    moved = known.copies[:, [one.group == "moved" for one in MANIPULATIONS]]
    jpeg = known.copies[:, [one.name == "jpeg 30" for one in MANIPULATIONS]]
    nearest = np.where(np.eye(N, dtype=bool), BITS, known.pairs).min(1)
    alike = different[known.alike[first, second]]
    for about, same, other in (
        ("", usual, different),
        ("[moved]", moved, different),
        ("[all]", known.copies, different),
        ("[jpeg 30]", jpeg, different),
        ("[class]", usual, alike),
        ("[nearest]", usual, nearest),
        ("[tampered]", usual, known.tampered[:, ::2]),
        ("[tampered+jpeg]", usual, known.tampered[:, 1::2]),
        ("[patch 40+jpeg]", usual, known.tampered[:, COLUMNS.index("patch 40+jpeg")]),
    ):
        s, d = hist(same), hist(other)
        assert value(scores, f"auc{about}") == pytest.approx(rates.auc(s, d)), about
        assert value(scores, f"eer{about}") == pytest.approx(rates.eer(s, d)), about
        assert value(scores, f"tpr@fpr0.01{about}") == pytest.approx(rates.tpr_at(s, d, 0.01)), about
        assert value(scores, f"d_prime{about}") == pytest.approx(rates.d_prime(s, d)), about
    for about, chosen in (("", usual), ("[pairs]", different), ("[class]", alike), ("[moved]", moved)):
        assert value(scores, f"nhd{about}") == pytest.approx(chosen.mean() / BITS)
        assert value(scores, f"accepted@r9{about}") == pytest.approx((chosen <= 9).mean())


def test_thresholds_are_those_of_the_calibration_images(scores):
    known = scores.calibration
    same = hist(known.copies[:, columns_of("usual")])
    different = hist(known.pairs[np.triu_indices(N, 1)])
    equal, rare = rates.equal_threshold(same, different), rates.threshold_at(different, 0.01)
    assert value(scores, "threshold") == equal
    assert value(scores, "threshold@fpr0.01") == rare
    usual = scores.evaluation.copies[:, columns_of("usual")]
    assert value(scores, "accepted") == pytest.approx((usual <= equal).mean())
    assert value(scores, "accepted@fpr0.01") == pytest.approx((usual <= rare).mean())
    changed = Scores(distances(5), scores.calibration)
    assert value(changed, "threshold") == equal


def test_a_kind_is_left_out_of_its_own_threshold(scores):
    families = np.array([one.family for one in MANIPULATIONS])
    usual = columns_of("usual")
    different = hist(scores.calibration.pairs[np.triu_indices(N, 1)])
    accepted = []
    for column in usual:
        others = usual[families[usual] != families[column]]
        limit = rates.equal_threshold(hist(scores.calibration.copies[:, others]), different)
        accepted.append(scores.evaluation.copies[:, column] <= limit)
    assert scores.by_image("accepted[left-out]") == pytest.approx(np.mean(accepted, axis=0))


def test_curves_tell_of_each_kind(scores):
    curves = scores.curves
    for place, one in enumerate(MANIPULATIONS):
        column = scores.evaluation.copies[:, place] / BITS
        limit = value(scores, "threshold") / BITS
        assert curves[f"copy {one.name}"][:2] == pytest.approx([column.mean(), column.std()])
        assert curves[f"copy {one.name}"][3] == pytest.approx((column <= limit).mean())
    assert {f"tampered {name}" for name in COLUMNS} <= curves.keys()
    assert sum(curves["histogram[pairs]"]) == N * (N - 1) / 2
    assert np.trapezoid(curves["tpr"], curves["fpr"]) == pytest.approx(value(scores, "auc"))
    for name in ("auc", "eer", "tpr@fpr0.001"):
        low, high = curves[f"interval[{name}]"]
        assert low <= value(scores, name) <= high
        assert low < high


def test_the_interval_is_as_wide_as_the_values_of_images_say(scores):
    low, high = scores.curves["interval[auc]"]
    spread = scores.by_image("auc").std() / np.sqrt(N)
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.3)


def test_which_way_is_better():
    better = {
        name: describe(name).better
        for name in ("auc", "eer", "accepted", "accepted[pairs]", "accepted[tampered]", "nhd", "nhd[pairs]")
    }
    assert better == {
        "auc": "higher",
        "eer": "lower",
        "accepted": "higher",
        "accepted[pairs]": "lower",
        "accepted[tampered]": "lower",
        "nhd": "lower",
        "nhd[pairs]": "higher",
    }
    assert describe("threshold").better is None
    assert "0.05" in describe("tpr@fpr0.05").definition
    assert read_name("accepted@r31[jpeg 10]") == ("accepted@rR", 31, "jpeg 10")


@pytest.mark.parametrize(
    "name",
    [
        *("map", "auc[jpg 70]", "auc[pairs]", "auc[usual]", "eer@r3", "nhd@fpr0.1", "accepted@r3.5"),
        *("tpr@fpr1", "tpr@fprP", "tpr", "threshold[moved]", "eer[left-out]", "auc[", "", "accepted@r007"),
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(HashbenchError) as caught:
        describe(name)
    assert isinstance(caught.value, UnknownNameError | InvalidInputError)


def test_pairs_of_a_class_that_are_not_there():
    lonely = Scores(distances(0, labels=np.arange(N)), distances(1))
    with pytest.raises(InvalidInputError, match=r"auc\[class\]"):
        lonely.by_image("auc[class]")
