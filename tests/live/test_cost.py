"""The time left: unknown until something is measured, then by what each job's training sees."""

import pytest

from hashbench.live import cost
from hashbench.live.cost import Costs, Left
from hashbench.plugins import registry
from hashbench.system.watching import Step

N = 720  # training images of the digits under protocol 5k


def test_nothing_is_known_before_anything_is_measured(planned):
    at = planned("lsh", "dpsh")
    left = Costs(at.plan).left(range(3), {})
    assert (left.seconds, left.unknown) == (0, 3)


def test_a_cell_costs_what_the_same_method_took(planned):
    at = planned("itq", "ksh", bits=[8, 12, 16])
    costs = Costs(at.plan)
    costs.measure(at.number("itq", 8), 2.0)
    assert costs.seconds(at.number("itq", 12)) == pytest.approx(2)
    assert costs.seconds(at.number("ksh", 8)) == pytest.approx(2)  # the same sort, as nothing better is known
    costs.measure(at.number("ksh", 8), 60.0)
    assert costs.seconds(at.number("ksh", 16)) == pytest.approx(60)
    assert costs.seconds(at.number("itq", 16)) == pytest.approx(2)
    costs.forget(at.number("ksh", 8))
    assert costs.seconds(at.number("ksh", 16)) == pytest.approx(2)


def test_networks_cost_by_the_images_that_their_training_sees(planned):
    at = planned("dpsh", "lsh", "dsh", set={"recipe.pretrain_epochs": 6, "recipe.epochs": 3})
    costs = Costs(at.plan)
    costs.measure(at.number("cnn"), 60.0)  # six epochs
    assert costs.seconds(at.number("dpsh")) == pytest.approx(30)  # three
    assert costs.seconds(at.number("lsh")) is None
    costs.measure(at.number("dpsh"), 40.0)
    assert costs.seconds(at.number("dsh")) == pytest.approx(40)  # a cell like it says more than a network


JOINT = '''"""A method that trains both stages at once. Departures from the paper: none."""
from dataclasses import dataclass
from hashbench.training import DeepHashMethod
@dataclass(eq=False, repr=False, kw_only=True)
class Both(DeepHashMethod):
    pretraining: str = "joint"
    def loss(self, z, batch):
        return z.square().mean()
'''


@pytest.mark.parametrize(
    ("method", "params", "epochs"),
    [
        ("dpsh", {}, 2),
        ("dpsh", {"pretraining": "joint"}, 6),
        ("dpsh", {"pretraining": "none", "budget": "total"}, 6),
        ("both", {}, 6),  # as its class says
        ("both", {"pretraining": "softmax"}, 2),
    ],
)
def test_a_cell_of_both_stages_trains_as_long_as_both(planned, tmp_path, method, params, epochs):
    (tmp_path / "both.py").write_text(JOINT)
    registry.register_file(tmp_path / "both.py")
    own = {f"{method}.{name}": value for name, value in params.items()}
    at = planned(method, "dsh", set={"recipe.pretrain_epochs": 4, "recipe.epochs": 2, **own})
    costs = Costs(at.plan)
    costs.measure(at.number("dsh"), 2.0)  # two epochs
    assert costs.seconds(at.number(method)) == pytest.approx(epochs)


@pytest.mark.parametrize(("feature", "seconds"), [("ssl", 4), ("ssl=5", 20)])
def test_a_network_without_labels_costs_as_much_as_its_argument_says(planned, feature, seconds):
    at = planned("lsh", features=["cnn", feature])
    costs = Costs(at.plan)
    costs.measure(at.number("cnn"), 4.0)
    assert costs.seconds(at.number("ssl")) == pytest.approx(seconds)


def test_a_training_says_how_long_it_and_others_take(planned):
    at = planned("dpsh")
    costs, step = Costs(at.plan), Step("train", 1, 4, 0.5, N, 100.0)
    costs.measure_training(at.number("cnn"), step)
    left = costs.left([at.number("dpsh")], {at.number("cnn"): (50.0, step)})
    # three epochs of the network and two of the cell, of 720 images each, at 100 images a second
    assert left == Left(pytest.approx(5 * N / 100), 0)


def test_jobs_that_run_at_the_same_time_share_what_is_left(planned):
    at = planned("itq", "lsh", bits=[8, 12, 16])
    costs = Costs(at.plan)
    for method in ("itq", "lsh"):
        costs.measure(at.number(method, 8), 10.0)
    waiting = [at.number(method, 16) for method in ("itq", "lsh")]
    running = {at.number("itq", 12): (4.0, Step("fit")), at.number("lsh", 12): (8.0, Step("fit"))}
    assert costs.left(waiting, running).seconds == pytest.approx((6 + 2 + 10 + 10) / 2)
    assert costs.left([], running).seconds == pytest.approx(6)  # the longest
    late = {at.number("itq", 12): (99.0, Step("evaluate"))}
    assert costs.left([], late).seconds == 0


def test_a_redraw_does_not_grow_with_what_was_measured(planned, monkeypatch):
    at = planned("itq", "lsh", bits=list(range(8, 58)))
    costs, medians = Costs(at.plan), []
    for number in range(50):
        costs.measure(number, 1.0)
    monkeypatch.setattr(cost, "median", lambda values: medians.append(values) or 1.0 / N)
    for _ in range(3):
        assert costs.left(range(50, 100), {}).seconds == pytest.approx(50)
    assert len(medians) == 1  # all wait for what the other method took


@pytest.mark.parametrize(
    ("seconds", "unknown", "number"), [(20, 0, "20 s"), (300, 0, "5 min"), (7500, 2, "2 h 5 min")]
)
def test_the_time_left_in_words(seconds, unknown, number):
    said = str(Left(seconds, unknown))
    assert number in said
    assert ("over" in said) == bool(unknown)  # a lower bound is not called an estimate
