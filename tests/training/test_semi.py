"""Methods that see labels of some images: -1 stands for none."""

import dataclasses

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.identity.digest import seed_of
from hashbench.testing.toy import N_CLASSES, new, toy
from hashbench.training import DeepHashMethod, classification_loss, same_label
from hashbench.training.contract import Batch, is_labelled
from hashbench.training.pretrain import train_backbone

X, y = toy("images")
HIDDEN = np.where(np.arange(96) % 3, -1, y)


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Semi(DeepHashMethod):
    """Cross-entropy of the first outputs, and outputs near their signs on all images."""

    supervision = "semi-supervised"
    labelled_share = 0.25
    seen = None

    def loss(self, z, batch):
        if self.seen is not None:
            self.seen.append(batch)
        return classification_loss(z[:, :N_CLASSES], batch) + 0.1 * (z - z.sign()).square().mean()


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Supervised(DeepHashMethod):
    def loss(self, z, batch):
        raise AssertionError("labels are refused before the training")


@pytest.mark.parametrize("multi_label", [False, True])
def test_only_labelled_images_carry_labels_into_a_batch(multi_label):
    one_hot = np.eye(N_CLASSES, dtype=np.int64)[HIDDEN]
    labels = np.where(HIDDEN[:, None] < 0, -1, one_hot) if multi_label else HIDDEN
    method = new(Semi, recipe=Recipe(pretrain_epochs=1, epochs=2, batch_size=16))
    method.seen = seen = []
    method.fit(X, labels)
    assert len(seen) == 2 * 2, "as many steps as of 32 labelled images"
    for batch in seen:
        assert len(batch.index) == 16
        assert batch.labelled.sum() == 4
        assert torch.equal(batch.labels, torch.tensor(labels)[batch.index].to(batch.labels.dtype))
        assert torch.equal(batch.labelled, torch.tensor(HIDDEN)[batch.index] >= 0)
    assert method.n_classes_ == N_CLASSES
    assert np.isfinite(method.project(X)).all()


def test_stage_1_sees_the_labelled_images_alone():
    known = HIDDEN >= 0
    method = new(Semi, recipe=Recipe(pretrain_epochs=1, epochs=0, batch_size=16)).fit(X, HIDDEN)
    start = train_backbone(
        torch.tensor(X[known]), torch.tensor(y[known]), method.recipe, seed_of(0, "backbone")
    )
    for name, value in start.backbone.state_dict().items():
        assert torch.equal(method.network_.backbone.state_dict()[name], value)


def test_a_joint_classifier_learns_from_the_labelled_images():
    recipe = Recipe(pretrain_epochs=15, epochs=15, batch_size=16, label_smoothing=0.0, warp=0.0, jitter=0.0)
    losses = new(Semi, pretraining="joint", recipe=recipe).fit(X, HIDDEN).history_["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_names_of_classes_do_not_matter_where_some_are_hidden():
    first, second = (new(Semi).fit(X, np.where(HIDDEN < 0, -1, names[y])) for names in NAMES)
    assert second.classes_.tolist() == [3, 5, 7, 9]
    assert np.array_equal(first.project(X), second.project(X))


NAMES = np.array([0, 1, 2, 3]), np.array([3, 5, 7, 9])


@pytest.mark.parametrize(
    ("cls", "labels", "fault"),
    [
        (
            Supervised,
            HIDDEN,
            "-1 means unlabelled; test_semi is supervised, and 64 of 96 items have no label",
        ),
        (Supervised, np.where(HIDDEN < 0, "-1", "cat"), "-1 means unlabelled"),
        (Supervised, np.where(HIDDEN[:, None] < 0, -1, np.eye(4)[y]), "-1 means unlabelled"),
        (Semi, None, "is semi-supervised; call fit"),
        (Semi, np.full(96, -1), "labels name no class only; at least two"),
        (Semi, np.where(HIDDEN < 1, HIDDEN, -1), "labels name one class only; at least two"),
        (Semi, np.where(np.eye(4)[y] > 0, 1, -1), "must be zeros and ones, or a row of -1"),
    ],
)
def test_labels_that_a_method_cannot_use_are_refused(cls, labels, fault):
    with pytest.raises(InvalidInputError, match=fault) as error:
        new(cls).fit(X, labels)
    assert "test_semi" in str(error.value)


# -- shared losses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("multi_label", [False, True])
def test_an_image_without_labels_is_similar_to_none_and_classified_as_none(multi_label):
    labels, z = torch.tensor([0, -1, 2, -1, 0]), torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    known = labels >= 0
    if multi_label:
        one_hot = torch.nn.functional.one_hot(labels.clamp_min(0), 3).float()
        labels = torch.where(known[:, None], one_hot, -1.0)
    assert torch.equal(is_labelled(labels), known)
    similar = same_label(labels)
    assert torch.equal(similar[known][:, known], same_label(labels[known]))
    assert not similar[~known].any()
    assert not similar[:, ~known].any()
    index = torch.arange(5)
    for smoothing in (0.0, 0.2):
        value = classification_loss(z, Batch(labels, index, 0.0), smoothing)
        alone = classification_loss(z[known], Batch(labels[known], index[known], 0.0), smoothing)
        assert value.item() == pytest.approx(alone.item(), rel=1e-6)


def test_multi_hot_labels_that_name_no_class_are_labels():
    assert is_labelled(torch.tensor([[0.0, 0.0], [-1.0, -1.0], [0.0, 1.0]])).tolist() == [True, False, True]
    assert not is_labelled(torch.zeros(3, 0)).any(), "of unsupervised methods"
