"""Mu & Liu's weights of pairs, parameters, and standardised outputs."""

import math

import numpy as np
import pytest
import torch
from mu_liu_pairs import MULTI_HOT, batch, pair_weights, plain, random, similar_of

from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.methods.mu_liu import MuLiu, kind_weights, similar_fraction
from hashbench.testing.toy import new, toy
from hashbench.training import TrainingData, gradient_norms, same_label


def test_weights_of_pairs():
    weights, similar = pair_weights(6), similar_of(6)
    assert weights.sum() == pytest.approx(1)
    pairs = ~torch.eye(6, dtype=torch.bool)
    given = pairs * kind_weights(similar, (similar & pairs).sum().double() / 30, 0.7) / 30
    assert given.sum() == pytest.approx(1)
    assert given[similar].sum() == pytest.approx(0.7)
    assert len(given[similar & pairs].unique()) == len(given[~similar].unique()) == 1


@pytest.mark.parametrize("kind", [True, False])
def test_a_batch_of_one_kind_of_pairs_gives_it_all_the_weight(kind):
    similar = torch.full((4, 4), kind)
    assert (kind_weights(similar, torch.tensor(float(kind)), 0.5) == 1).all()


def test_the_prior_is_the_fraction_of_similar_training_pairs():
    y = torch.tensor([0, 0, 0, 0, 2, 2, 5])
    pairs = ~torch.eye(7, dtype=torch.bool)
    assert similar_fraction(y, False) == pytest.approx((same_label(y) & pairs).sum().item() / 42)
    balanced = torch.arange(9) % 3
    assert similar_fraction(balanced, False) == similar_fraction(balanced, True) == pytest.approx(18 / 72)
    assert similar_fraction(torch.tensor([0, 0, 0, 0, 0, 1]), True) == pytest.approx(2 * 3 * 2 / 30)
    rows = torch.cat([MULTI_HOT, torch.zeros(2, 4)])
    off_diagonal = same_label(rows) & ~torch.eye(11, dtype=torch.bool)
    assert similar_fraction(rows, True) == pytest.approx(off_diagonal.sum().item() / 110)


def test_prior_weights_are_balanced_on_average_over_random_batches():
    y = (torch.arange(60) ** 2) % 4  # unequal classes
    z, draw = random(60, 5), torch.Generator().manual_seed(0)
    whole = plain(n_bits=5).loss(z, batch(y)).item()
    method = plain(n_bits=5, pair_weights="prior")
    method.similar_fraction_ = similar_fraction(y, False)
    losses = []
    for _ in range(4000):
        index = torch.randperm(60, generator=draw)[:4]
        losses.append(method.loss(z[index], batch(y[index])).item())
    error = np.std(losses) / len(losses) ** 0.5
    assert np.mean(losses) == pytest.approx(whole, abs=4 * error)
    assert error < 0.02


def test_it_is_fitted_with_what_it_needs():
    X, y = toy("images")
    for given in ({"pair_weights": "prior"}, {"relaxation": "naive"}, {"relaxation": "taylor", "scale": 2.0}):
        method = new(MuLiu, **given).fit(X, y)
        assert np.isfinite(method.history_["loss"]).all()
        assert method.similar_fraction_ == pytest.approx(4 * 24 * 23 / (96 * 95))


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"scale": 0.0}, "scales .* must lie between 0 and 64 at 8 bits"),
        ({"dissimilar_scale": -1.0}, "must lie between 0 and 64"),
        ({"scale": 8.0, "relaxation": "taylor"}, "between 0 and 8 at 8 bits and relaxation='taylor'"),
        ({"scale": math.nan}, "must lie between"),
        ({"deviation": 0.0}, "deviation=0.0 must be positive, or None"),
        ({"deviation": math.nan}, "deviation=nan must be positive"),
        ({"similar_weight": 1.5}, r"similar_weight=1.5 must be in \[0, 1\]"),
        ({"relaxation": "quadratic"}, "relaxation must be one of 'bilinear', 'naive', 'taylor', not 'quad"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given, fault):
    with pytest.raises(InvalidInputError, match=f"mu_liu: .*{fault}"):
        new(MuLiu, **given).fit(*toy("images"))


def test_outputs_are_standardised_over_the_batch_and_at_test_by_their_moving_averages():
    z, labels = 3 + 7 * random(40, 6).float(), torch.arange(40) % 4
    method = MuLiu(n_bits=6)
    method.state_ = method.make_state(TrainingData(labels, 4))
    by_hand = 1.5 * (z - z.mean(0)) / z.std(0, correction=0)
    value = method.loss(z, batch(labels)).item()
    assert value == pytest.approx(plain(n_bits=6).loss(by_hand, batch(labels)).item(), rel=1e-5)
    assert method.loss(2 * z - 9, batch(labels)).item() == pytest.approx(value, rel=1e-5)

    X, y = toy("images")
    fitted = new(MuLiu).fit(X, y)
    assert not fitted.state_.training
    with torch.no_grad():
        outputs = fitted.network_(torch.tensor(X)).numpy()
    mean, variance = fitted.state_.running_mean.numpy(), fitted.state_.running_var.numpy()
    expected = 1.5 * (outputs - mean) / np.sqrt(variance + fitted.state_.eps)
    np.testing.assert_allclose(fitted.project(X), expected, rtol=1e-4, atol=1e-5)
    as_they_come = new(MuLiu, deviation=None).fit(X, y)
    with torch.no_grad():
        np.testing.assert_allclose(as_they_come.project(X), as_they_come.network_(torch.tensor(X)))


def test_zero_outputs_are_stationary_and_training_starts_elsewhere():
    z = torch.zeros(9, 12, dtype=torch.float64, requires_grad=True)
    loss = plain(n_bits=12, scale=1.0).loss(z, batch(torch.arange(9) % 3))
    loss.backward()
    assert (z.grad == 0).all()
    assert loss.item() == pytest.approx(math.cosh(1 / 12) ** 12, rel=1e-6)

    X, y = toy("images")
    trained = Recipe(pretrain_epochs=4, batch_size=16, epochs=0)
    start, shrunk = (new(MuLiu, deviation=None, recipe=trained).fit(X, y) for _ in range(2))
    for parameter in shrunk.network_.head.parameters():
        parameter.data *= 0.01
    norms = [gradient_norms(method, X, y)["network.backbone.0.weight"] for method in (start, shrunk)]
    assert norms[0] > 1000 * norms[1]
