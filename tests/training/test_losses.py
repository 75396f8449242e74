import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from hashbench.training import (
    Batch,
    all_pairs,
    balanced_mean,
    classification_loss,
    cosines,
    log_cosh,
    mean_of_pairs,
    pair_nll,
    same_label,
    straight_through,
)

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


@pytest.mark.parametrize("labels", [[0, 0, 1, 2, 1], [0, 0, 0, 0, 0], [0, 1, 2, 3, 4], [0]])
def test_the_balanced_mean_weighs_both_kinds_of_pairs_alike(labels):
    b = len(labels)
    values = torch.randn(b, b, generator=torch.Generator().manual_seed(0))
    pairs = [(i, j) for i in range(b) for j in range(b) if i != j]
    kinds = [
        [values[i, j].item() for i, j in pairs if (labels[i] == labels[j]) is same] for same in (True, False)
    ]
    expected = sum(np.mean(kind) for kind in kinds if kind)
    assert balanced_mean(values, same_label(torch.tensor(labels))).item() == pytest.approx(expected, rel=1e-5)


def test_cosines_are_those_of_numpy_and_zero_for_a_row_of_zeros():
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(4, 3, generator=generator), torch.randn(5, 3, generator=generator)
    for i, a in enumerate(left.numpy()):
        for j, b in enumerate(right.numpy()):
            expected = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
            assert cosines(left, right)[i, j].item() == pytest.approx(expected, abs=1e-6)
    zero = torch.zeros(1, 3, requires_grad=True)
    cosines(zero, right).sum().backward()
    assert cosines(zero, right).count_nonzero() == 0
    assert zero.grad.isfinite().all()


def test_log_cosh_is_its_definition_and_does_not_overflow():
    x = torch.linspace(-5, 5, 21, dtype=torch.float64)
    np.testing.assert_allclose(log_cosh(x), np.log(np.cosh(x.numpy())), atol=1e-12)
    assert log_cosh(torch.tensor([-1e4, 1e4])).tolist() == pytest.approx([1e4 - math.log(2)] * 2)


def test_straight_through_gives_bits_forward_and_the_gradient_unchanged():
    z = torch.tensor([-2.0, 0.0, 0.3], requires_grad=True)
    bits = straight_through(z)
    assert bits.tolist() == [-1, -1, 1]
    (bits * torch.tensor([1.0, 2, 3])).sum().backward()
    assert z.grad.tolist() == [1, 2, 3]
