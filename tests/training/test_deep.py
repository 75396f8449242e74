"""What a deep method promises: its state, its outputs, its labels."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from sklearn.base import clone
from with_state import WithState, same, state_of

from hashbench.contracts.recipe import Recipe
from hashbench.identity.digest import seed_of
from hashbench.plugins.registry import find, plugins
from hashbench.testing.toy import N_BITS, N_CLASSES, SHORT, new, options, toy
from hashbench.training import DeepHashMethod, gradient_norms, loop
from hashbench.training.pretrain import train_backbone

X, y = toy("images")


DEEP = [name for name in plugins("method") if find("method", name).deep]


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
