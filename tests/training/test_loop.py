"""The loop that all deep methods share: its randomness, its batches, its steps."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_network import RECIPE, N, Scale, labels, loss_of, pixels, run, same, small, train_on
from torch import nn

from hashbench.contracts.recipe import Recipe
from hashbench.system.watching import watched
from hashbench.training import loop

# -- randomness --------------------------------------------------------------------------------------


def test_the_seed_decides_and_the_global_generator_neither_matters_nor_moves():
    first = run()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        before = torch.get_rng_state()
        again = run()
        assert torch.equal(torch.get_rng_state(), before)
    assert same(first, again)
    other = run(seed=8)
    assert not torch.equal(first["0.layers.1.weight"], other["0.layers.1.weight"])


def test_who_watches_is_told_each_epoch_and_changes_nothing():
    told = []
    network, state = small()
    with watched(told.append):
        losses = train_on(network, pixels, labels, loss_of(state), RECIPE, epochs=3)
    assert [(step.phase, step.epoch, step.epochs) for step in told] == [("train", i, 3) for i in (1, 2, 3)]
    assert [step.loss for step in told] == losses
    assert all(step.images == N and step.rate > 0 for step in told)
    unwatched, state = small()
    assert train_on(unwatched, pixels, labels, loss_of(state), RECIPE, epochs=3) == losses
    assert same(unwatched.state_dict(), network.state_dict())
    assert len(told) == 3


def test_epochs_differ_in_order():
    calls, modules = [], small()
    run(modules, loss_of(modules[1], calls))
    orders = torch.cat([batch.index for batch in calls]).view(4, N)
    assert len(orders.unique(dim=0)) == 4


# -- batches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"), [(23, 6, [6, 6, 6, 5]), (23, 11, [12, 11]), (23, 22, [23])]
)
@pytest.mark.parametrize("multi_label", [False, True])
def test_batches_are_even_and_show_each_image_once_an_epoch(n, batch_size, sizes, multi_label):
    y = nn.functional.one_hot(labels).float() if multi_label else labels
    calls = []

    def loss(z, batch):
        calls.append(batch)
        assert torch.equal(batch.labels, y[batch.index])
        return z.square().mean()

    run(loss=loss, recipe=Recipe(batch_size=batch_size), epochs=2, y=y)
    assert [len(batch.index) for batch in calls] == sizes * 2
    for epoch in (calls[: len(sizes)], calls[len(sizes) :]):
        assert torch.cat([batch.index for batch in epoch]).sort().values.tolist() == list(range(n))
    assert [batch.progress for batch in calls] == pytest.approx(
        [i / (2 * len(sizes)) for i in range(2 * len(sizes))]
    )


def test_batches_are_at_least_two_thirds_of_their_nominal_size():
    for n in range(2, 40):
        sizes, recipe = [], Recipe(batch_size=9, crop=0, schedule="cosine")

        def loss(z, batch, sizes=sizes):
            sizes.append(len(z))
            return z.mean()

        train_on(Scale(), torch.zeros(n, 1, 1, 1, dtype=torch.uint8), torch.arange(n) % 2, loss, recipe)
        assert sum(sizes) == n
        assert max(sizes) - min(sizes) <= 1
        assert min(n, 6) <= min(sizes) <= max(sizes) <= 13


@pytest.mark.parametrize("views", [1, 2, 3])
def test_all_that_a_batch_holds_belongs_to_the_same_images(views):
    images = torch.arange(N, dtype=torch.uint8).view(N, 1, 1, 1).expand(N, 1, 4, 4)

    def loss(z, batch):
        assert torch.equal(z, batch.features)
        assert torch.equal(batch.images[:, 0, 0, 0], batch.index.float())
        np.testing.assert_allclose(z.detach()[:, 0], batch.index)
        assert torch.equal(batch.labels, labels[batch.index])
        assert batch.labelled.all()
        first, *others = batch.index.chunk(views)
        assert all(torch.equal(first, other) for other in others)
        return z.mean()

    recipe = Recipe(batch_size=6, weight_decay=0.0, warp=0.0, jitter=0.0, lr=1e-9)
    network = Scale()
    train_on(network, images, labels, loss, recipe, [(network, 1e-9)], epochs=2, views=views)


def test_views_of_an_image_differ_and_no_method_sees_more_images_than_another():
    rows, different = [], []

    def loss(z, batch):
        first, second = batch.images.chunk(2)
        rows.append(len(z))
        different.append(len(batch.index.unique()))
        assert (first != second).flatten(1).any(dim=1).all()
        return z.square().mean()

    run(loss=loss, views=2, epochs=3)
    assert rows == [6, 6, 6, 4] * 3, "as many steps as with one view, of half as many images"
    assert different == [3, 3, 3, 2] * 3


# -- optimisation ------------------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch):
    """Learning rates and the norm of the whole gradient at each step."""
    seen = []
    step = torch.optim.AdamW.step

    def record(self, *args, **kwargs):
        gradients = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
        seen.append(([group["lr"] for group in self.param_groups], torch.cat(gradients).norm().item()))
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", record)
    return seen


@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
def test_each_group_peaks_at_its_rate_and_ends_near_zero(schedule, steps):
    run(recipe=Recipe(batch_size=6, schedule=schedule), epochs=10)
    for group, peak in enumerate((1e-2, 1e-3)):
        rates = [lr[group] for lr, _ in steps]
        assert len(rates) == 40
        assert 0.95 * peak < max(rates) <= peak
        assert rates[-1] < 0.02 * peak
        top = rates.index(max(rates))
        assert rates[top:] == sorted(rates[top:], reverse=True)
        assert rates[: top + 1] == sorted(rates[: top + 1])
        assert (top > 5) == (schedule == "onecycle")


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
def test_trainings_of_a_few_steps_run_to_their_end(schedule, epochs, steps):
    run(recipe=Recipe(batch_size=N, schedule=schedule), epochs=epochs)
    assert len(steps) == epochs


def test_clipping_bounds_the_norm_of_all_gradients_together(steps):
    run(epochs=1)
    free = [norm for _, norm in steps]
    steps.clear()
    run(epochs=1, recipe=Recipe(batch_size=6, clip=0.01))
    assert min(free) > 0.02
    assert [norm for _, norm in steps] == pytest.approx([0.01] * 4, rel=1e-3)


def test_a_module_with_rate_0_is_not_trained():
    network, state = small()
    before = copy.deepcopy(network.state_dict())
    run((network, state), lrs=(0.0, 1e-2))
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name])
    assert state.offset.abs().sum() > 0


def test_gradients_do_not_add_up_over_steps(steps):
    modules = small()
    run(modules, lambda z, batch: modules[1].offset.sum() + 0 * z.sum())
    assert [norm for _, norm in steps] == pytest.approx([3**0.5] * 16)


def test_without_epochs_nothing_changes_and_the_network_is_in_eval_mode(tmp_path):
    modules = small()
    before = copy.deepcopy(nn.ModuleList(modules).state_dict())

    def never(z, batch):
        raise AssertionError("no batch is due")

    assert same(run(modules, never, epochs=0, checkpoint=tmp_path / "c"), before)
    assert not modules[0].training


def test_the_loss_falls_and_the_network_ends_in_eval_mode():
    modules = small()
    y = (pixels.float().mean(dim=(1, 2, 3)) > 127).long()
    values = []

    def loss(z, batch):
        values.append(nn.functional.cross_entropy(z, batch.labels))
        return values[-1]

    run(modules, loss, epochs=40, y=y)
    assert sum(values[-8:]) < 0.6 * sum(values[:8])
    assert not modules[0].training


def test_it_gives_the_mean_loss_of_each_epoch(tmp_path, monkeypatch):
    values, modules = [], small()

    def loss(z, batch):
        values.append(loss_of(modules[1])(z, batch))
        return values[-1]

    def train_it(modules, loss):
        groups = [(module, 1e-2) for module in modules]
        return train_on(modules[0], pixels, labels, loss, RECIPE, groups, 3, checkpoint=tmp_path / "c")

    losses = train_it(modules, loss)
    assert losses == pytest.approx([sum(v.item() for v in values[i : i + 4]) / 4 for i in (0, 4, 8)])

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    modules = small()
    with pytest.raises(KeyboardInterrupt):
        train_it(modules, loss_of(modules[1], fail_at=0.5))
    modules = small()
    assert train_it(modules, loss_of(modules[1])) == losses, "those before a stop are kept"


@pytest.mark.parametrize("spoilt", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_an_error_that_says_when(spoilt, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)

    def loss(z, batch):
        return z.sum() * (spoilt if batch.progress == 0.25 else 1.0)

    with pytest.raises(FloatingPointError, match=r"the loss is nan in epoch 2 of 4"):
        run(loss=loss, checkpoint=tmp_path / "c")
    assert torch.load(tmp_path / "c")["epoch"] == 1, "the last checkpoint is from before"


def test_parameters_end_as_their_moving_average_and_buffers_as_they_are():
    seen, modules = [], small()

    def loss(z, batch):  # before the step: as the last one left them
        seen.append({name: value.clone() for name, value in modules[0].state_dict().items()})
        return loss_of(modules[1])(z, batch)

    plain = run(modules, loss, recipe=replace(RECIPE, averaging=0.0))
    name = "layers.1.weight"
    expected = seen[0][name]
    for n, weight in enumerate([*(state[name] for state in seen[1:]), plain[f"0.{name}"]]):
        keep = min(0.7, (1 + n) / (10 + n))
        expected = keep * expected + (1 - keep) * weight
    averaged = run(recipe=replace(RECIPE, averaging=0.7))
    assert torch.allclose(averaged[f"0.{name}"], expected, atol=1e-6)
    assert not torch.allclose(averaged[f"0.{name}"], plain[f"0.{name}"], atol=1e-4)
    assert not torch.equal(averaged["1.offset"], plain["1.offset"]), "also what the loss is made of"
    for buffer in ("0.layers.2.running_mean", "0.layers.2.num_batches_tracked", "1.last_seen"):
        assert torch.equal(averaged[buffer], plain[buffer]), buffer


def test_cudnn_stays_on_and_is_deterministic_while_training():
    seen, network = [], Scale()

    def loss(z, batch):
        seen.append((torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic))
        return z.sum()

    train_on(network, pixels, labels, loss, RECIPE)
    assert set(seen) == {(True, True)}
