"""What the loop does between epochs, and how a training goes on that was stopped."""

import numpy as np
import pytest
import torch
from small_network import N, loss_of, pixels, run, same, small

from hashbench.contracts.recipe import Recipe
from hashbench.training import loop

# -- between epochs ----------------------------------------------------------------------------------


class Recorder:
    """A refresh that keeps what it was told, and writes to a buffer as a method would."""

    def __init__(self, modules, fail_at=2.0):
        self.network, self.state, self.fail_at, self.told = *modules, fail_at, []

    def __call__(self, epoch):
        if epoch.progress >= self.fail_at:
            raise KeyboardInterrupt
        mode = self.network.training
        before = torch.get_rng_state()
        outputs, features = epoch.outputs(), epoch.features()
        assert epoch.outputs() is outputs, "computed once"
        assert torch.equal(torch.get_rng_state(), before), "no random number is drawn"
        assert self.network.training == mode
        assert not outputs.requires_grad
        noise = torch.rand(N, generator=epoch.generator)
        self.state.last_seen.copy_(outputs.sum(1) + features.sum(1) + noise)
        self.told.append((epoch.progress, outputs, noise))


def test_refresh_is_called_before_each_epoch_and_after_the_last_on_the_averages():
    modules = small()
    recorder = Recorder(modules)
    run(modules, refresh=recorder, epochs=3)
    assert [progress for progress, *_ in recorder.told] == [0, 1 / 3, 2 / 3, 1]
    assert len({tuple(noise.tolist()) for *_, noise in recorder.told}) == 4, "each epoch draws its own"
    network = modules[0]
    with torch.no_grad():
        outputs = network.head(network.features(pixels))
    np.testing.assert_allclose(recorder.told[-1][1], outputs, rtol=1e-6)
    start = small()[0].eval()
    np.testing.assert_allclose(
        recorder.told[0][1], start.head(start.features(pixels)).detach(), rtol=1e-5, atol=1e-6
    )


def test_what_refresh_computes_moves_no_weight():
    asked = small()
    weights = run(asked, lambda z, batch: z.square().mean(), refresh=Recorder(asked))
    plain = run(loss=lambda z, batch: z.square().mean())
    del weights["1.last_seen"], plain["1.last_seen"]
    assert same(weights, plain)


@pytest.mark.parametrize("stopped_at", [1 / 4, 3 / 4, 1.0])
def test_a_resumed_training_is_refreshed_as_an_unbroken_one(stopped_at, tmp_path, monkeypatch):
    modules = small()
    unbroken = run(modules, refresh=Recorder(modules))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    modules = small()
    with pytest.raises(KeyboardInterrupt):
        run(modules, refresh=Recorder(modules, stopped_at), checkpoint=tmp_path / "c")
    modules = small(seed=5)
    recorder = Recorder(modules)
    assert same(run(modules, refresh=recorder, checkpoint=tmp_path / "c"), unbroken)
    assert recorder.told[0][0] == stopped_at, "what was left is done, and no more"


# -- checkpoints -------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
@pytest.mark.parametrize("done", [1, 3])
def test_a_resumed_training_equals_an_unbroken_one_bit_for_bit(done, schedule, tmp_path, monkeypatch):
    recipe = Recipe(batch_size=6, schedule=schedule)
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
