"""Training on a CUDA device: the same calls, nothing left on the host, the same numbers twice."""

import dataclasses

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.evaluation import evaluate
from hashbench.plugins.registry import find, plugins
from hashbench.testing.toy import LONGER, N_CLASSES, SHORT, new, options, toy
from hashbench.training import DeepHashMethod, classification_loss, loop
from hashbench.training.encoding import network_features
from hashbench.training.images import N_DRAWS, DeviceImages
from hashbench.training.order import Order
from hashbench.training.pretrain import train_backbone

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch.cuda.is_available() is false"),
]
X, y = toy("images")
DEEP = [name for name in plugins("method") if find("method", name).deep]
MIRROR = Invariances(mirror=True)


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Views(DeepHashMethod):
    """Two views, no labels, and a bank that the loss writes to and ``refresh`` overwrites."""

    supervision = "unsupervised"
    views = 2

    def make_state(self, data):
        state = torch.nn.Module()
        state.register_buffer("bank", torch.zeros(data.n, self.n_bits))
        return state

    def refresh(self, epoch):
        self.state_.bank.copy_(epoch.outputs())

    def loss(self, z, batch):
        first, second = z.tanh().chunk(2)
        logits = 5 * first @ second.T / self.n_bits
        contrast = torch.nn.functional.cross_entropy(logits, torch.arange(len(first), device=z.device))
        drift = (first - self.state_.bank[batch.index[: len(first)]]).square().mean()
        self.state_.bank[batch.index[: len(first)]] = first.detach()
        return contrast + 0.01 * drift


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Semi(DeepHashMethod):
    """A trained state, two views, and labels of some images."""

    supervision = "semi-supervised"
    labelled_share = 0.5
    views = 2

    def make_state(self, data):
        return torch.nn.Linear(self.n_bits, data.n_classes)

    def loss(self, z, batch):
        known = (z.square().mean(1) * batch.labelled).mean()
        return (
            classification_loss(self.state_(z), batch) + 0.1 * (z - z.sign()).square().mean() + 0.01 * known
        )


def on_cuda(name, **parameters):
    cls = find("method", name) if isinstance(name, str) else name
    return new(cls, device="cuda", **parameters)


def labels_for(cls, multi_label=False):
    """The toy labels in the form that a method takes."""
    labels = np.eye(N_CLASSES, dtype=np.int64)[y] if multi_label else y
    if cls is Semi:
        labels = labels.copy()
        labels[::2] = -1
    return labels


def texts_for(cls):
    return options(find("method", cls)) if isinstance(cls, str) else {}


@pytest.fixture(scope="module")
def start():
    return train_backbone(torch.tensor(X).cuda(), torch.tensor(y).cuda(), SHORT, seed=0)


@pytest.fixture
def no_waiting(monkeypatch):
    """An error wherever a training epoch waits for the device; its loss is read after it."""
    epochs = []

    def guarded(*args):
        torch.cuda.set_sync_debug_mode("error")
        try:
            epochs.append(train_epoch(*args))
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return epochs[-1]

    train_epoch = loop.train_epoch
    monkeypatch.setattr(loop, "train_epoch", guarded)
    return epochs


def test_the_guard_finds_a_loss_that_waits(no_waiting, start):
    class Waits(Views):
        supervision = "supervised"

        def loss(self, z, batch):
            return z[batch.labels == 0].square().mean()

    with pytest.raises(RuntimeError, match="synchroniz"):
        on_cuda(Waits).fit(X, y, start=start)
    torch.zeros(1, device="cuda").item()  # and waiting is allowed again


@pytest.mark.parametrize("multi_label", [False, True], ids=["classes", "multi-hot"])
@pytest.mark.parametrize("cls", [*DEEP, Views, Semi])
def test_no_step_waits_for_the_device(cls, multi_label, start, no_waiting):
    """With all that a recipe can ask for: every augmentation, dropout, clipping, both schedules, averages."""
    recipe = Recipe(batch_size=32, epochs=2, pretrain_epochs=1, erase=0.3, clip=1.0)
    method = on_cuda(cls, recipe=recipe, invariances=MIRROR)
    method.fit(X, labels_for(cls, multi_label), start=start, **texts_for(cls))
    assert len(no_waiting) == 2
    assert np.isfinite(method.history_["loss"]).all()


@pytest.mark.parametrize(
    "given",
    [
        {"pretraining": "softmax"},
        {"pretraining": "none"},
        {"pretraining": "joint"},
        {"pretraining": "frozen"},
        {"class_balanced": True},
        {"recipe": dataclasses.replace(SHORT, backbone="nin")},  # dropout
        {"recipe": dataclasses.replace(SHORT, schedule="cosine", averaging=0.0)},
    ],
    ids=str,
)
def test_no_step_waits_however_the_training_starts(given, no_waiting):
    on_cuda(Semi, **given).fit(X, labels_for(Semi))
    assert no_waiting


@pytest.mark.parametrize("cls", [*DEEP, Views, Semi])
def test_two_trainings_give_the_same_bits_of_every_weight(cls, start):
    recipe = dataclasses.replace(SHORT, epochs=3)
    first, again = (
        on_cuda(cls, recipe=recipe).fit(X, labels_for(cls), start=start, **texts_for(cls)) for _ in range(2)
    )
    for key, value in first.network_.state_dict().items():
        assert torch.equal(value, again.network_.state_dict()[key]), key


@pytest.mark.parametrize("cls", [Views, Semi])
def test_a_resumed_training_equals_an_unbroken_one_bit_for_bit(cls, start, tmp_path, monkeypatch):
    recipe, labels = dataclasses.replace(SHORT, epochs=3), labels_for(cls)
    unbroken = on_cuda(cls, recipe=recipe).fit(X, labels, start=start)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    broken = on_cuda(cls, recipe=recipe)
    train_epoch, epochs = loop.train_epoch, []

    def stops(*args):
        if len(epochs) == 2:
            raise KeyboardInterrupt
        epochs.append(train_epoch(*args))
        return epochs[-1]

    monkeypatch.setattr(loop, "train_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, labels, start=start, checkpoint=tmp_path / "c")
    monkeypatch.setattr(loop, "train_epoch", train_epoch)
    resumed = on_cuda(cls, recipe=recipe).fit(X, labels, start=start, checkpoint=tmp_path / "c")
    for one, other in zip(
        (unbroken.network_, unbroken.state_), (resumed.network_, resumed.state_), strict=True
    ):
        for key, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize(
    "given", [{"pretraining": "none"}, {"pretraining": "frozen"}, {"pretraining": "joint"}]
)
def test_every_start_gives_the_same_bits_of_every_weight(given, start):
    network = {"start": start} if given["pretraining"] == "frozen" else {}
    first, again = (on_cuda("mu_liu", **given).fit(X, y, **network) for _ in range(2))
    for key, value in first.network_.state_dict().items():
        assert value.is_cuda
        assert torch.equal(value, again.network_.state_dict()[key]), key
    assert first.history_ == again.history_


def test_stage_1_is_deterministic_and_leaves_the_global_generators_alone():
    pixels, labels = torch.tensor(X).cuda(), torch.tensor(y).cuda()
    first = train_backbone(pixels, labels, SHORT, seed=0).state_dict()
    torch.rand(3, device="cuda")
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    again = train_backbone(pixels, labels, SHORT, seed=0).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(torch.cuda.get_rng_state(), before[1])


@pytest.mark.parametrize("cls", [*DEEP, Views, Semi])
def test_weights_and_state_live_on_the_device(cls, start):
    method = on_cuda(cls).fit(X, labels_for(cls), start=start, **texts_for(cls))
    modules = [method.network_, *([method.state_] if method.state_ else [])]
    assert all(value.is_cuda for module in modules for value in module.state_dict().values())


def test_images_stay_on_the_device_and_are_drawn_as_on_the_cpu():
    index = torch.arange(0, 96, 3)
    draws = torch.rand(len(index), N_DRAWS, generator=torch.Generator().manual_seed(0))
    shifted = Recipe(crop=0.25, warp=0.0, jitter=0.0)
    images = DeviceImages(torch.tensor(X).cuda(), shifted, MIRROR)
    batch = images.augmented(index.cuda(), draws.cuda())
    assert images.padded.is_cuda
    assert batch.is_cuda
    assert torch.equal(batch.cpu(), DeviceImages(torch.tensor(X), shifted, MIRROR).augmented(index, draws))
    changed = (
        DeviceImages(pixels, Recipe(erase=0.3), MIRROR)
        .augmented(index.to(pixels.device), draws.to(pixels.device))
        .cpu()
        for pixels in (torch.tensor(X), torch.tensor(X).cuda())
    )
    np.testing.assert_allclose(*changed, atol=0.05)
    orders = (
        Order(places, 32).draw(torch.Generator().manual_seed(0))
        for places in (torch.tensor(y).cuda(), torch.tensor(y))
    )
    assert all(torch.equal(one, other) for one, other in zip(*orders, strict=True))


@pytest.mark.parametrize(
    "given", [X, torch.tensor(X), torch.tensor(X).pin_memory], ids=["numpy", "host", "pinned"]
)
def test_features_wait_for_the_device_nowhere(given, start):
    pixels = given() if callable(given) else given
    expected = network_features(start, torch.tensor(X).cuda())
    torch.cuda.set_sync_debug_mode("error")
    try:
        features = network_features(start, pixels)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert features.is_cuda
    assert torch.equal(features, expected)


def test_values_are_near_those_of_the_same_network_on_the_cpu():
    method = on_cuda("mu_liu", recipe=LONGER).fit(X, y)
    values = method.project(X)
    method.network_.cpu()
    if method.state_ is not None:
        method.state_.cpu()
    method.device = "cpu"
    np.testing.assert_allclose(method.project(X), values, atol=0.1)


def test_evaluation_of_its_codes_is_exact_and_above_chance():
    method = on_cuda("mu_liu", recipe=LONGER).fit(X, y)
    (database, labels), (query, query_labels) = toy("images", 1), toy("images", 2)
    codes = method.encode(query), method.encode(database)
    metrics = ["map", "map_optimistic", "map_pessimistic"]
    first = evaluate(*codes, query_labels, labels, metrics)
    torch.rand(1000, device="cuda")  # whatever the device is doing
    again = evaluate(*codes, query_labels, labels, metrics)
    assert [first[name] for name in metrics] == [again[name] for name in metrics]
    assert first["map"] > 0.5
