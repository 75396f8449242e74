import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from hashbench.training import Batch, all_pairs, classification_loss, mean_of_pairs, pair_nll, same_label

CPU = torch.device("cpu")


def test_same_label_of_classes_and_of_multi_hot():
    assert same_label(torch.tensor([2, 0, 2])).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    multi = torch.tensor([[1.0, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0]])
    naive = [[bool(set(a) & set(b)) for b in ({0, 1}, {1, 2}, {0}, set())] for a in ({0, 1}, {1, 2}, {0}, ())]
    assert same_label(multi).tolist() == naive


def test_one_hot_and_class_indices_agree():
    y = torch.tensor([0, 3, 1, 3, 0])
    assert torch.equal(same_label(y), same_label(torch.nn.functional.one_hot(y).float()))


def test_the_mean_of_pairs_is_that_of_all_pairs():
    values = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    assert mean_of_pairs(values).item() == pytest.approx(values[all_pairs(6, CPU)].mean().item(), rel=1e-6)
    assert mean_of_pairs(values + 100 * torch.eye(6)).item() == pytest.approx(mean_of_pairs(values).item())


def test_all_pairs_leaves_out_the_diagonal():
    assert all_pairs(3, CPU).tolist() == [[False, True, True], [True, False, True], [True, True, False]]


def test_pair_nll_is_the_negative_log_likelihood():
    theta = torch.linspace(-8, 8, 9, dtype=torch.float64)
    for similar in (True, False):
        expected = [
            -math.log(1 / (1 + math.exp(-t)) if similar else 1 - 1 / (1 + math.exp(-t))) for t in theta
        ]
        np.testing.assert_allclose(pair_nll(theta, torch.full((9,), similar)), expected, rtol=1e-9)


def test_pair_nll_is_finite_where_the_naive_form_is_not():
    theta = torch.tensor([-1e4, 1e4], requires_grad=True)
    value = pair_nll(theta, torch.tensor([True, False]))
    assert value.tolist() == [1e4, 1e4]
    value.sum().backward()
    assert theta.grad.tolist() == [-1, 1]


def test_classification_is_cross_entropy_for_classes():
    logits = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 2, 1, 0, 2, 2])
    probability = np.exp(logits.double().numpy())
    probability /= probability.sum(1, keepdims=True)
    hard = log_loss(y, probability, labels=[0, 1, 2])
    assert classification_loss(logits, Batch(y, y, 0.0)) == pytest.approx(hard, rel=1e-5)
    smooth = 0.7 * hard - 0.3 * np.log(probability).mean()
    assert classification_loss(logits, Batch(y, y, 0.0), 0.3) == pytest.approx(smooth, rel=1e-5)


def test_classification_is_a_logistic_loss_for_each_class_of_multi_hot():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 3, generator=generator)
    y = torch.randint(2, (5, 3), generator=generator).float()
    probability = 1 / (1 + np.exp(-logits.double().numpy()))
    expected = np.mean([log_loss(y[:, c], probability[:, c], labels=[0, 1]) for c in range(3)])
    assert classification_loss(logits, Batch(y, torch.arange(5), 0.0)) == pytest.approx(expected, rel=1e-5)
