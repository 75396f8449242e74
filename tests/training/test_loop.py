import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from hashbench.contracts.recipe import Recipe
from hashbench.training import loop
from hashbench.training.images import DeviceImages
from hashbench.training.order import balanced_order, stratified_order, train

N, N_CLASSES = 23, 3
RECIPE = Recipe(batch_size=6, flip=True, crop=0.25)
pixels = torch.randint(256, (N, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
labels = torch.arange(N) % N_CLASSES


class Small(nn.Module):
    """All that makes resuming hard: dropout, and buffers that are not parameters."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3)
        )

    def forward(self, images):
        return self.layers(images.float() / 255)


class Running(nn.Module):
    """A loss's state: a parameter and a buffer that the loss writes to."""

    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(3))
        self.register_buffer("last_seen", torch.zeros(N))


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, values):
        return values.float() * self.scale


def small(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Small(), Running()


def run(
    modules=None, loss=None, epochs=4, recipe=RECIPE, seed=7, checkpoint=None, lrs=(1e-2, 1e-3), y=labels
):
    """Train; the weights and buffers afterwards."""
    network, state = modules = modules or small()
    train(
        network,
        DeviceImages(pixels, recipe),
        y,
        loss or loss_of(state),
        groups=list(zip(modules, lrs, strict=True)),
        epochs=epochs,
        recipe=recipe,
        seed=seed,
        checkpoint=checkpoint,
    )
    return {name: value.clone() for name, value in nn.ModuleList(modules).state_dict().items()}


def loss_of(state, calls=None, fail_at=None):
    def loss(z, batch):
        if fail_at is not None and batch.progress >= fail_at:
            raise KeyboardInterrupt
        if calls is not None:
            calls.append(batch)
        state.last_seen[batch.index] = batch.progress
        return nn.functional.cross_entropy(z + state.offset, batch.labels)

    return loss


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


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
        sizes, network, recipe = [], nn.Sequential(nn.Flatten(), Scale()), Recipe(batch_size=9, crop=0)

        def loss(z, batch, sizes=sizes):
            sizes.append(len(z))
            return z.mean()

        images = DeviceImages(torch.zeros(n, 1, 1, 1, dtype=torch.uint8), recipe)
        y = torch.arange(n) % 2
        train(
            network,
            images,
            y,
            loss,
            groups=[(network, 0.1)],
            epochs=1,
            recipe=Recipe(batch_size=9, schedule="cosine"),
            seed=0,
        )
        assert sum(sizes) == n
        assert max(sizes) - min(sizes) <= 1
        assert min(n, 6) <= min(sizes) <= max(sizes) <= 13


def test_outputs_labels_and_index_belong_to_the_same_images():
    images = torch.arange(N, dtype=torch.uint8).view(N, 1, 1, 1).expand(N, 1, 4, 4)

    def loss(z, batch):
        assert torch.equal(z.detach()[:, 0], batch.index.float())
        return 0 * z.sum()

    recipe = Recipe(batch_size=5, weight_decay=0.0, warp=0.0, jitter=0.0)
    network = nn.Sequential(nn.Flatten(), Scale())
    train(
        network,
        DeviceImages(images, recipe),
        labels,
        loss,
        groups=[(network, 0.1)],
        epochs=2,
        recipe=recipe,
        seed=0,
    )


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
    before = copy.deepcopy(network.layers.state_dict())
    run((network, state), lrs=(0.0, 1e-2))
    for name, parameter in network.layers.named_parameters():
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

    def train_it(modules, loss, epochs=3):
        groups = [(module, 1e-2) for module in modules]
        options = {"recipe": RECIPE, "seed": 0, "checkpoint": tmp_path / "c"}
        return train(
            modules[0], DeviceImages(pixels, RECIPE), labels, loss, groups=groups, epochs=epochs, **options
        )

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


def test_modules_end_as_the_moving_average_of_their_weights_and_statistics():
    seen, modules = [], small()

    def loss(z, batch):  # before the step: as the last one left them, and the statistics of this batch
        seen.append({name: value.clone() for name, value in modules[0].state_dict().items()})
        return loss_of(modules[1])(z, batch)

    plain = run(modules, loss, recipe=replace(RECIPE, averaging=0.0))
    end = {name.removeprefix("0."): value for name, value in plain.items() if name.startswith("0.")}
    name, statistic = "layers.1.weight", "layers.2.running_mean"
    weights = [*(state[name] for state in seen[1:]), end[name]]
    means = [state[statistic] for state in seen]
    expected, expected_mean = seen[0][name], torch.zeros(8)
    for n, (weight, mean) in enumerate(zip(weights, means, strict=True)):
        keep = min(0.7, (1 + n) / (10 + n))
        expected = keep * expected + (1 - keep) * weight
        expected_mean = keep * expected_mean + (1 - keep) * mean
    averaged = run(recipe=replace(RECIPE, averaging=0.7))
    assert torch.allclose(averaged[f"0.{name}"], expected, atol=1e-6)
    assert torch.allclose(averaged[f"0.{statistic}"], expected_mean, atol=1e-6)
    assert averaged["0.layers.2.num_batches_tracked"] == len(seen)
    assert not torch.equal(averaged["1.offset"], plain["1.offset"]), "also what the loss is made of"
    assert not torch.allclose(averaged[f"0.{name}"], end[name], atol=1e-4)


# -- checkpoints -------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
@pytest.mark.parametrize("done", [1, 3])
def test_a_resumed_training_equals_an_unbroken_one_bit_for_bit(done, schedule, tmp_path, monkeypatch):
    recipe = Recipe(batch_size=6, flip=True, schedule=schedule)
    unbroken = run(recipe=recipe)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    network, state = small()
    checkpoint = tmp_path / "deep" / "c.pt"
    failing = loss_of(state, fail_at=(done + 0.5) / 4)  # amid an epoch: what it had done is done again
    with pytest.raises(KeyboardInterrupt):
        run((network, state), failing, recipe=recipe, checkpoint=checkpoint)
    network, state = small(seed=5)  # nothing may come from the modules as they are given
    calls = []
    resumed = run((network, state), loss_of(state, calls), recipe=recipe, checkpoint=checkpoint)
    assert len(calls) == 4 * (4 - done)
    assert same(resumed, unbroken)


def test_writing_checkpoints_changes_no_weight(tmp_path, monkeypatch):
    plain = run()
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    assert same(run(checkpoint=tmp_path / "c"), plain)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    calls, modules = [], small(seed=5)
    finished = run(modules, loss_of(modules[1], calls), checkpoint=tmp_path / "c")
    assert same(finished, plain)
    assert not calls, "a finished training is not trained on"


def test_checkpoints_are_at_least_30_seconds_apart(tmp_path):
    run(checkpoint=tmp_path / "c")
    assert loop.CHECKPOINT_SECONDS == 30
    assert not list(tmp_path.iterdir())


# -- order -------------------------------------------------------------------------------------------

COUNTS = [100, 60, 30, 7, 3]
classes = torch.arange(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS))


def largest_surplus(order):
    """How far any prefix is from the classes' proportions, in units of the bound 1 + C n_c / n."""
    counts = torch.tensor(COUNTS)
    n = counts.sum()
    seen = torch.nn.functional.one_hot(classes[order]).cumsum(0)
    expected = torch.arange(1, n + 1)[:, None] * counts / n
    return ((seen - expected).abs() / (1 + len(COUNTS) * counts / n)).max()


@pytest.mark.parametrize("seed", range(5))
def test_every_prefix_has_the_classes_proportions(seed):
    order = stratified_order(classes, torch.Generator().manual_seed(seed))
    assert order.sort().values.tolist() == list(range(200))
    assert largest_surplus(order) < 1


def test_a_plain_shuffle_would_not_pass():
    shuffles = [torch.randperm(200, generator=torch.Generator().manual_seed(seed)) for seed in range(5)]
    assert max(map(largest_surplus, shuffles)) > 1


def test_batches_of_balanced_classes_are_balanced():
    y = torch.randperm(500, generator=torch.Generator().manual_seed(0)) % 10
    order = stratified_order(y, torch.Generator().manual_seed(1))
    counts = torch.stack([y[index].bincount(minlength=10) for index in order.tensor_split(10)])
    assert counts.min() >= 3
    assert counts.max() <= 7


def test_a_balanced_order_has_each_class_equally_often():
    orders = torch.stack([balanced_order(classes, torch.Generator().manual_seed(s)) for s in range(50)])
    counts = torch.stack([classes[order].bincount() for order in orders])
    assert (counts == 40).all()
    for order in orders:
        batches = torch.stack([classes[part].bincount(minlength=5) for part in order.tensor_split(8)])
        assert (batches - 5).abs().max() <= 2
        drawn = order.bincount(minlength=200)
        assert drawn[classes == 0].max() == 1, "a frequent class is drawn without replacement"
        assert (drawn[classes == 4] - 40 / 3).abs().max() < 1
        rounds = order[classes[order] == 4][:39].view(13, 3).sort().values
        assert (rounds == torch.tensor([197, 198, 199])).all(), "a rare one round by round"
    assert len(orders[:, 0].unique()) > 10
    assert orders.flatten().unique().tolist() == list(range(200)), "over the epochs, all images are seen"
    assert torch.equal(orders[3], balanced_order(classes, torch.Generator().manual_seed(3)))


def test_a_balanced_order_of_balanced_classes_or_of_multi_label_images_is_one_of_all_images():
    for y in (torch.arange(60) % 4, torch.ones(50, 3)):
        order = balanced_order(y, torch.Generator().manual_seed(0))
        assert order.sort().values.tolist() == list(range(len(y)))


def test_the_rest_of_a_balanced_order_falls_to_any_class():
    y = torch.arange(23) % 3
    counts = [y[balanced_order(y, torch.Generator().manual_seed(s))].bincount().tolist() for s in range(20)]
    assert {tuple(count) for count in counts} == {(8, 8, 7), (8, 7, 8), (7, 8, 8)}


def test_order_is_random_within_and_between_classes():
    orders = torch.stack([stratified_order(classes, torch.Generator().manual_seed(s)) for s in range(100)])
    first = classes[orders[:, 0]].bincount(minlength=5)
    assert (first[:3] > 0).all(), "the first image is of any frequent class"
    of_class = [order[classes[order] == 2] for order in orders]
    assert len(torch.stack(of_class).unique(dim=0)) == 100
    assert torch.equal(orders[3], stratified_order(classes, torch.Generator().manual_seed(3)))


def test_classes_without_images_and_a_single_class_do_no_harm():
    for y in (torch.tensor([0, 5, 5, 2, 0]), torch.zeros(4, dtype=torch.int64)):
        order = stratified_order(y, torch.Generator().manual_seed(0))
        assert order.sort().values.tolist() == list(range(len(y)))


def test_multi_label_images_are_shuffled():
    order = stratified_order(torch.ones(50, 3), torch.Generator().manual_seed(0))
    assert order.sort().values.tolist() == list(range(50))
    assert not torch.equal(order, torch.arange(50))


def test_cudnn_stays_on_and_is_deterministic_while_training():
    seen = []

    class Watch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, images):
            seen.append((torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic))
            return images.float().mean() * self.weight

    network = Watch()
    pixels = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    train(
        network,
        DeviceImages(pixels, Recipe()),
        torch.arange(8) % 2,
        lambda z, batch: z.sum(),
        groups=[(network, 0.1)],
        epochs=1,
        recipe=Recipe(batch_size=4),
        seed=0,
    )
    assert set(seen) == {(True, True)}
