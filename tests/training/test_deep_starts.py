"""Where the training of a deep method starts, and what it is trained with."""

import dataclasses

import numpy as np
import pytest
import torch
from with_state import WithState, same, state_of

from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.testing.toy import N_BITS, SHORT, new, toy
from hashbench.training import DeepHashMethod, gradient_norms, loop
from hashbench.training.pretrain import train_backbone

X, y = toy("images")


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
    with pytest.raises(InvalidInputError, match=f"{cls.name()}.*{fault}"):
        new(cls, **given).fit(X, y)


def test_a_start_that_would_not_be_used_is_refused(start):
    with pytest.raises(InvalidInputError, match="starts from a fresh backbone; leave 'start' out"):
        new(WithState, pretraining="none").fit(X, y, start=start)


def test_labels_are_needed():
    with pytest.raises(ValueError, match="is supervised; call fit"):
        new(WithState).fit(X)
