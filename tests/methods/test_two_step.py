"""TSH and FastHash."""

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.fasthash import FastHash
from hashbench.methods.tsh import TSH
from hashbench.numerics import pair_weights

rng = np.random.default_rng(0)
y = np.arange(60) % 3
X = (3 * np.eye(6)[y] + rng.normal(size=(60, 6))).astype(np.float32)
FEW = {"n_trees": 5, "n_features": 4}


def fitted(cls, n_bits=8, labels=y, **params):
    return cls(n_bits=n_bits, device="cpu", **params).fit(X, labels)


def signs(method):
    return np.where(method.project(X) > 0, 1.0, -1.0)


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (TSH, {}),
        (TSH, {"classifier": "linear", "loss": "ksh"}),
        (FastHash, FEW),
        (FastHash, {**FEW, "loss": "ksh"}),
    ],
)
def test_codes_are_near_within_a_class_and_far_between(cls, params):
    codes = signs(fitted(cls, **params))
    distance = (codes[:, None] != codes).sum(2)
    same = y[:, None] == y
    assert distance[same].mean() < 0.3 * distance[~same].mean()


@pytest.mark.parametrize("loss", ["hinge", "ksh"])
def test_tsh_words_of_two_classes_are_complementary(loss):
    words = TSH(n_bits=6, loss=loss)._words(
        torch.eye(2) > 0, torch.tensor([30.0, 20.0]), torch.Generator().manual_seed(0)
    )
    assert torch.equal(words[0], -words[1]) or loss == "hinge"
    assert (words[0] != words[1]).sum() >= 3  # where the hinge ends


@pytest.mark.parametrize("loss", ["hinge", "ksh"])
def test_tsh_bit_after_bit_is_the_best_of_all(loss):
    sizes = torch.tensor([5.0, 9.0, 2.0, 7.0])
    words = TSH(n_bits=6, loss=loss)._words(torch.eye(4) > 0, sizes, torch.Generator().manual_seed(0))
    everything = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4)
    for k in range(6):
        differ = (k - words[:, :k] @ words[:, :k].T) / 2
        A = sizes * sizes[:, None] * pair_weights(differ, torch.eye(4) > 0, k + 1, loss)
        values = ((everything @ A) * everything).sum(1)
        assert float(words[:, k] @ A @ words[:, k]) == pytest.approx(float(values.min()), rel=1e-4)


def test_fasthash_next_bit_is_no_worse_with_more_passes_and_better_than_equal_bits():
    generator = torch.Generator().manual_seed(0)
    codes, member = torch.randn(60, 3, generator=generator).sign(), torch.from_numpy(y)
    A = pair_weights((3 - codes @ codes.T) / 2, member[:, None] == member, 4, "hinge")

    def loss(n_passes):
        z = FastHash(n_bits=4, n_passes=n_passes)._next_bit(
            codes, member, 2 * torch.eye(3) - 1, torch.Generator().manual_seed(1)
        )
        return float(z @ A @ z)

    assert float(A.sum()) == loss(0)
    assert loss(3) <= loss(2) <= loss(1) < loss(0)
    rng = np.random.default_rng(0)
    at_random = [z @ A.numpy() @ z for z in rng.choice([-1.0, 1.0], (500, 60))]
    assert loss(2) < min(at_random)


def test_fasthash_learns_from_the_bits_that_the_trees_give():
    # Two classes of the same features cannot be told apart: the trees' bits say so, the wanted ones do not.
    same = np.repeat(X[:2], 30, axis=0)
    method = FastHash(n_bits=4, device="cpu", **FEW).fit(same, np.arange(60) % 2)
    assert np.array_equal(method.project(same[:30]), np.repeat(method.project(same[:1]), 30, axis=0))
    assert len(method.trees_) == 4


@pytest.mark.parametrize("cls", [TSH, FastHash])
def test_an_unknown_loss(cls):
    with pytest.raises(InvalidInputError, match="loss='square'"):
        fitted(cls, loss="square")
