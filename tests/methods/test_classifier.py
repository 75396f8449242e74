import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.methods.classifier import Classifier
from hashbench.numerics import codewords
from hashbench.testing.toy import LONGER, N_CLASSES, new, toy
from hashbench.training import Batch

X, y = toy("images")


@pytest.fixture(scope="module")
def fitted():
    return new(Classifier, recipe=LONGER, n_bits=12).fit(X, y)


def test_codes_are_the_codewords_of_the_predicted_classes(fitted):
    with torch.no_grad():
        predicted = fitted.network_(torch.tensor(X)).argmax(1)
    assert np.array_equal(fitted.project(X), codewords(N_CLASSES, 12)[predicted])
    assert (predicted.numpy() == y).mean() > 0.9


def test_too_few_bits_for_the_classes_are_told_before_the_training(monkeypatch):
    monkeypatch.setattr("hashbench.training.loop.train", None)
    method = new(Classifier, recipe=LONGER, n_bits=1, pretraining="none")
    with pytest.raises(InvalidInputError, match="n_bits=1 has 2 codewords, too few for 4 classes"):
        method.fit(X, y)


@pytest.mark.parametrize("n_bits", [12, 16, 24, 32, 48, 64])
def test_wrong_classes_are_all_equally_far(n_bits):
    logits = torch.eye(10) * 5
    words = Classifier(n_bits=n_bits).readout(logits)
    distance = (words[:, None] != words).sum(2)
    assert (distance == n_bits // 2 * (1 - torch.eye(10))).all()


def test_the_most_probable_class_decides_whatever_the_margin():
    z = torch.tensor([[0.1, 0.2, 0.0], [-7.0, -5.0, -6.0], [9.0, -1.0, 0.0]])
    words = Classifier(n_bits=8).readout(z)
    assert torch.equal(words[0], words[1])
    assert not torch.equal(words[0], words[2])


def test_loss_and_outputs_are_a_classifiers():
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.tensor([0, 4, 2, 2, 1, 3])
    expected = -np.mean([float(z[i, c] - z[i].exp().sum().log()) for i, c in enumerate(labels)])
    assert Classifier().loss(z, Batch(labels, labels, 0.0)).item() == pytest.approx(expected, rel=1e-12)
    assert Classifier(n_bits=32).n_outputs(7) == 7


def test_multi_label_images_get_the_codeword_of_their_most_probable_class():
    labels = np.eye(N_CLASSES, dtype=np.uint8)[y]
    labels[y == 1, 0] = 1
    method = new(Classifier, recipe=Recipe(pretrain_epochs=0, epochs=0)).fit(X, labels)
    with torch.no_grad():
        predicted = method.network_(torch.tensor(X)).argmax(1)
    assert np.array_equal(method.project(X), codewords(N_CLASSES, 8)[predicted])
