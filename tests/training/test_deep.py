import copy
import dataclasses

import numpy as np
import pytest
import torch
from sklearn.base import clone

from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.identity.digest import seed_of
from hashbench.plugins.registry import find, plugins
from hashbench.testing.toy import N_BITS, N_CLASSES, SHORT, new, options, toy
from hashbench.training import DeepHashMethod, gradient_norms, loop
from hashbench.training.pretrain import train_backbone

X, y = toy("images")
DEEP = [name for name in plugins("method") if find("method", name).deep]


class Centres(torch.nn.Module):
    """A parameter for each class, and a buffer for each training image."""

    def __init__(self, n_train, n_classes):
        super().__init__()
        self.centre = torch.nn.Parameter(torch.randn(n_classes, N_BITS))
        self.register_buffer("seen", torch.zeros(n_train, dtype=torch.int64))


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class WithState(DeepHashMethod):
    """Distance to the centre of the class; ``fail_at`` interrupts the training."""

    fail_at: float = 2.0

    def make_state(self, data):
        return Centres(data.n, data.n_classes)

    def loss(self, z, batch):
        if batch.progress >= self.fail_at:
            raise KeyboardInterrupt
        self.state_.seen[batch.index] += 1
        return (z - self.state_.centre[batch.labels]).square().mean()


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class TwiceAsWide(DeepHashMethod):
    """Two outputs a bit; the bit says which of them is larger."""

    def n_outputs(self, n_classes):
        return 2 * self.n_bits

    def readout(self, z):
        return z[:, ::2] - z[:, 1::2]

    def loss(self, z, batch):
        assert z.shape[1] == 2 * self.n_bits
        return (z - batch.labels[:, None]).square().mean()


@pytest.fixture(scope="module")
def start():
    pixels, labels = (torch.tensor(array) for array in (X, y))
    return train_backbone(pixels, labels, SHORT, seed=0)


def state_of(method):
    modules = torch.nn.ModuleList([method.network_, *([method.state_] if method.state_ else [])])
    return {name: value.clone() for name, value in modules.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_start_that_is_given_stays_as_it_is_and_is_trained_in_a_copy(start):
    before = copy.deepcopy(start.state_dict())
    method = new(WithState).fit(X, y, start=start)
    assert same(start.state_dict(), before)
    assert not start.training
    moved = method.network_.backbone.state_dict()
    assert not torch.equal(moved["0.weight"], before["backbone.0.weight"])
    # one short epoch from the start's weights stays nearer to them than to any other start
    assert (moved["0.weight"] - before["backbone.0.weight"]).abs().max() < 0.1


def test_without_epochs_the_network_is_the_start_below_a_fresh_head(start):
    method = new(WithState, recipe=Recipe(epochs=0)).fit(X, y, start=start)
    for name, value in start.backbone.state_dict().items():
        assert torch.equal(method.network_.backbone.state_dict()[name], value)
    values = method.project(X)
    np.testing.assert_allclose(values.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(values.std(0), 1, atol=0.02)
    assert not method.state_.seen.any()


@pytest.mark.parametrize("pretrain_epochs", [0, 10])
def test_training_starts_at_outputs_of_unit_scale(pretrain_epochs):
    """In training mode, that is with the statistics of the batch."""
    recipe = Recipe(pretrain_epochs=pretrain_epochs, epochs=0, batch_size=16)
    network = new(WithState, recipe=recipe).fit(X, y).network_.train()
    deviation = network(torch.tensor(X)).detach().std(0)
    assert deviation.min() > 0.3
    assert deviation.max() < 3


def test_training_without_a_start_is_training_stage_1_first():
    alone = new(WithState).fit(X, y)
    pixels, labels = (torch.tensor(array) for array in (X, y))
    given = train_backbone(pixels, labels, SHORT, seed_of(0, "backbone"))
    assert same(state_of(alone), state_of(new(WithState).fit(X, y, start=given)))


def test_state_is_trained_and_sees_every_image(start):
    fresh = new(WithState, recipe=Recipe(epochs=0)).fit(X, y, start=start).state_
    assert fresh.centre.shape == (N_CLASSES, N_BITS)
    state = new(WithState, recipe=dataclasses.replace(SHORT, epochs=2)).fit(X, y, start=start).state_
    assert state.seen.tolist() == [2] * 96
    assert (state.centre != fresh.centre).all()


def test_state_is_saved_with_the_checkpoint(start, tmp_path, monkeypatch):
    recipe = Recipe(epochs=3, batch_size=32)
    unbroken = state_of(new(WithState, recipe=recipe).fit(X, y, start=start))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    options = {"start": start, "checkpoint": tmp_path / "c"}
    with pytest.raises(KeyboardInterrupt):
        new(WithState, recipe=recipe, fail_at=0.5).fit(X, y, **options)
    assert torch.load(tmp_path / "c")["epoch"] == 1
    assert same(state_of(new(WithState, recipe=recipe).fit(X, y, **options)), unbroken)


def test_readout_decodes_and_n_outputs_sizes_the_head(start):
    method = new(TwiceAsWide).fit(X, y, start=start)
    with torch.no_grad():
        z = method.network_(torch.tensor(X[:5])).numpy()
    np.testing.assert_allclose(method.project(X[:5]), z[:, ::2] - z[:, 1::2], rtol=1e-5)
    assert method.encode(X[:5]).unpack().tolist() == (z[:, ::2] > z[:, 1::2]).astype(int).tolist()


def test_gradient_norms_are_those_of_the_loss_by_parameter(start):
    plain = Recipe(epochs=0, batch_size=96, crop=0.0, warp=0.0, jitter=0.0)
    method = new(WithState, recipe=plain).fit(X, y, start=start)
    before = state_of(method)
    norms = gradient_norms(method, X, y)
    assert same(state_of(method), before), "the method is left as it is"
    names = {f"network.{name}" for name, _ in method.network_.named_parameters()} | {"state.centre"}
    assert set(norms) == names
    # by hand where it is easy: d/dcentre of mean((z - c)^2), with batch statistics as in training
    labels = torch.tensor(y)
    with torch.no_grad():
        z = copy.deepcopy(method.network_).train()(torch.tensor(X))
        difference = (z - method.state_.centre[labels]) * (-2 / z.numel())
    by_hand = torch.zeros(N_CLASSES, N_BITS).index_add(0, labels, difference)
    assert norms["state.centre"] == pytest.approx(by_hand.norm().item(), rel=1e-3)
    assert not method.network_.training


def test_gradient_norms_of_what_the_loss_ignores_are_zero(start):
    class Blind(WithState):
        def loss(self, z, batch):
            return z.square().mean()

    method = Blind(n_bits=N_BITS, device="cpu", recipe=Recipe(epochs=0)).fit(X, y, start=start)
    assert gradient_norms(method, X, y)["state.centre"] == 0


@pytest.mark.parametrize("name", DEEP)
def test_parameters_survive_clone(name):
    recipe = Recipe(epochs=2, backbone="nin", clip=1.0)
    method = find("method", name)(n_bits=24, recipe=recipe, random_state=3)
    copied = clone(method)
    assert copied is not method
    assert copied.get_params() == method.get_params()
    assert copied.get_params()["recipe"] == recipe
    assert clone(copied.set_params(recipe=SHORT)).recipe == SHORT


@pytest.mark.parametrize("name", DEEP)
def test_every_deep_method_takes_multi_hot_labels_and_a_start(name):
    labels = np.eye(N_CLASSES, dtype=np.uint8)[y]
    labels[:30, 0] = 1
    pixels = torch.tensor(X)
    shared = train_backbone(pixels, torch.from_numpy(labels).float(), SHORT, seed=0)
    cls = find("method", name)
    method = new(cls).fit(X, labels, start=shared, **options(cls))
    assert method.n_classes_ == (0 if cls.supervision == "unsupervised" else N_CLASSES)
    assert method.project(X).shape == (96, N_BITS)
    norms = gradient_norms(method, X, labels)
    assert np.isfinite(list(norms.values())).all()
    assert sum(norms.values()) > 0


@pytest.mark.parametrize("name", DEEP)
def test_class_names_and_gaps_in_them_do_not_matter(name, start):
    words = np.array(["ship", "cat", "frog", "dog"])[y]
    _, indices = np.unique(words, return_inverse=True)
    cls = find("method", name)
    by_word, by_index = (new(cls).fit(X, labels, start=start, **options(cls)) for labels in (words, indices))
    assert np.array_equal(by_word.project(X), by_index.project(X))


def test_values_do_not_depend_on_the_batch_that_projects(start):
    method = new(WithState).fit(X, y, start=start)
    whole = method.project(X)
    for size in (1, 7, 96):
        method.project_batch = lambda device, size=size: size
        np.testing.assert_allclose(method.project(X), whole, atol=0.05)  # bfloat16 where the processor has it
    assert np.abs(whole).max() > 0.5


# -- where the training starts ------------------------------------------------------------------------


def weights(network):
    return {name: value.clone() for name, value in network.backbone.state_dict().items()}


def test_a_frozen_backbone_keeps_its_weights_and_statistics(start):
    method = new(WithState, pretraining="frozen", recipe=dataclasses.replace(SHORT, epochs=3))
    untrained = new(WithState, pretraining="frozen", recipe=Recipe(epochs=0)).fit(X, y, start=start)
    method.fit(X, y, start=start)
    assert same(weights(method.network_), weights(start))
    assert not torch.equal(method.network_.head.weight, untrained.network_.head.weight)
    assert set(gradient_norms(method, X, y)) == {
        "network.head.weight",
        "network.head.bias",
        "state.centre",
    }
    assert all(parameter.requires_grad for parameter in start.parameters()), "the start itself is free"


def test_without_pre_training_the_backbone_starts_fresh_and_learns_at_the_rate_of_stage_1(monkeypatch):
    groups = []
    monkeypatch.setattr(loop, "train", lambda *args, **given: groups.append(given) or [])
    recipe = Recipe(pretrain_epochs=7, epochs=2, lr=0.3, backbone_lr=0.1)
    for given in (
        {"pretraining": "none"},
        {"pretraining": "none", "budget": "total"},
        {"pretraining": "joint"},
    ):
        new(WithState, recipe=recipe, **given).fit(X, y)
    start = train_backbone(torch.tensor(X), torch.tensor(y), Recipe(pretrain_epochs=0), seed=0)
    for given in ({}, {"pretraining": "frozen"}):
        new(WithState, recipe=recipe, **given).fit(X, y, start=start)
    assert [[lr for _, lr in given["groups"]] for given in groups] == [
        [0.3, 0.3, 0.3],
        [0.3, 0.3, 0.3],
        [0.3, 0.3, 0.3, 0.3],
        [0.3, 0.1, 0.3],
        [0.3, 0.0, 0.3],
    ]
    assert [given["epochs"] for given in groups] == [2, 9, 9, 2, 2]


def test_a_fresh_backbone_is_of_the_seed():
    recipe = Recipe(pretrain_epochs=3, epochs=0)
    first, again, other = (
        new(WithState, pretraining="none", recipe=recipe, random_state=seed).fit(X, y) for seed in (0, 0, 1)
    )
    assert same(weights(first.network_), weights(again.network_))
    assert not same(weights(first.network_), weights(other.network_))
    assert first.history_ == {"loss": []}


def test_joint_training_adds_a_classifier_and_drops_it_afterwards():
    class Silent(WithState):
        """Its own loss says nothing: what is learned, the classifier beside it has taught."""

        def loss(self, z, batch):
            assert z.shape == (len(batch.index), N_BITS), "the classifier is no part of the outputs"
            return 0 * z.sum()

    recipe = Recipe(pretrain_epochs=10, epochs=10, batch_size=16, label_smoothing=0.0, warp=0.0, jitter=0.0)
    method = Silent(n_bits=N_BITS, device="cpu", recipe=recipe, pretraining="joint").fit(X, y)
    assert len(method.history_["loss"]) == 20
    assert method.history_["loss"][-1] < 0.3 * method.history_["loss"][0]
    assert method.network_.head.weight.shape == (N_BITS, method.network_.head.in_features)
    assert method.project(X).shape == (96, N_BITS)


def test_a_joint_training_resumes(tmp_path, monkeypatch):
    recipe = Recipe(pretrain_epochs=1, epochs=2, batch_size=32)
    given = {"recipe": recipe, "pretraining": "joint"}
    unbroken = state_of(new(WithState, **given).fit(X, y))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt):
        new(WithState, fail_at=0.5, **given).fit(X, y, checkpoint=tmp_path / "c")
    assert same(state_of(new(WithState, **given).fit(X, y, checkpoint=tmp_path / "c")), unbroken)


def test_the_history_holds_the_losses_of_both_stages(start):
    method = new(WithState, recipe=dataclasses.replace(SHORT, epochs=2))
    for history in (method.fit(X, y, start=start).history_, method.fit(X, y).history_):
        assert {name: len(values) for name, values in history.items()} == {"loss": 2, "pretrain_loss": 1}
        assert 1 < history["pretrain_loss"][0] < 2, (
            "of a classifier of four classes that has seen two batches"
        )


def test_the_loop_balances_classes_where_the_method_asks(start):
    labels = np.minimum(y, 1)  # 24 of one class, 72 of the other: 24 a batch, so that none comes twice in it
    plain, balanced = (new(WithState, class_balanced=choice).fit(X, labels, start=start) for choice in (0, 1))
    assert plain.state_.seen.tolist() == [1] * 96
    seen = balanced.state_.seen.numpy()
    assert (seen[labels == 0].sum(), seen[labels == 1].sum()) == (48, 48)


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Unsupervised(DeepHashMethod):
    """Outputs near their signs."""

    supervision = "unsupervised"

    def loss(self, z, batch):
        assert batch.labels.shape == (len(z), 0)
        return (z - z.sign()).square().mean()


def test_an_unsupervised_method_sees_no_labels_and_starts_without(start):
    method = new(Unsupervised, pretraining="none", recipe=dataclasses.replace(SHORT, epochs=10, warp=0.0))
    values = method.fit(X).project(X)
    assert np.array_equal(method.fit(X, y).project(X), values)
    assert method.history_["loss"][-1] < method.history_["loss"][0]
    norms = gradient_norms(method, X, None)
    assert norms == gradient_norms(method, X, y)
    assert min(norms.values()) > 0
    assert new(Unsupervised).fit(X, start=start).history_["pretrain_loss"]


@pytest.mark.parametrize(
    ("cls", "given", "fault"),
    [
        (Unsupervised, {}, "is unsupervised, but pretraining='softmax' needs labels; choose 'none'"),
        (Unsupervised, {"pretraining": "joint"}, "pretraining='joint' trains a classifier"),
        (
            WithState,
            {"pretraining": "supervised"},
            "pretraining must be one of 'softmax', 'none', .*'supervised'",
        ),
        (WithState, {"budget": "total"}, "budget='total' is the control of pretraining='none'"),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(cls, given, fault):
    with pytest.raises(InvalidInputError, match=f"test_deep.*{fault}"):
        new(cls, **given).fit(X, y)


def test_a_start_that_would_not_be_used_is_refused(start):
    with pytest.raises(InvalidInputError, match="starts from a fresh backbone; leave 'start' out"):
        new(WithState, pretraining="none").fit(X, y, start=start)


def test_labels_are_needed():
    with pytest.raises(ValueError, match="is supervised; call fit"):
        new(WithState).fit(X)
