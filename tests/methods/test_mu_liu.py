import itertools
import math

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.errors import InvalidInputError
from hashbench.methods import mu_liu
from hashbench.methods.mu_liu import (
    MuLiu,
    kind_weights,
    log_products,
    log_products_at_once,
    log_products_bit_by_bit,
    log_products_by_series,
    pair_losses,
    series_bound,
    similar_fraction,
)
from hashbench.testing.toy import new, toy
from hashbench.training import Batch, TrainingData, gradient_norms, same_label

SIZES = [(3, 1.0), (12, 1.0), (12, 5.0), (48, 1.0), (48, 5.0)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bits(n, n_bits, seed=0):
    return random(n, n_bits, seed=seed).sign()


def similar_of(n, n_classes=3):
    y = torch.arange(n) % n_classes
    return y[:, None] == y


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def pair_weights(n, n_classes=3):
    """Half for similar pairs, half for dissimilar ones, sum 1."""
    pairs = ~torch.eye(n, dtype=torch.bool)
    similar = similar_of(n, n_classes)
    n_similar, n_pairs = (similar & pairs).sum().double(), n * (n - 1)
    return pairs * kind_weights(similar, n_similar / n_pairs, 0.5) / n_pairs


def plain(**given):
    """Outputs as they come, so that the loss is a function of a batch alone."""
    method = MuLiu(deviation=None, **given)
    method.state_ = None
    return method


def bilinear_loss(h, similar, scale):
    return pair_losses(h, similar, (scale, scale))


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_on_bits_it_is_the_exponentiated_loss(n_bits, scale):
    b, similar = bits(40, n_bits), similar_of(40)
    exact = torch.exp(-scale * (2.0 * similar - 1) * (b @ b.T) / n_bits)
    np.testing.assert_allclose(bilinear_loss(b, similar, scale), exact, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_between_bits_it_is_the_expected_loss_of_random_bits(scale):
    h = torch.tanh(random(2, 3))
    for similar in (True, False):
        expected = 0.0
        for b in itertools.product((-1, 1), repeat=6):
            b_i, b_j = np.array(b[:3]), np.array(b[3:])
            probability = np.prod((1 + b_i * h[0].numpy()) / 2) * np.prod((1 + b_j * h[1].numpy()) / 2)
            expected += probability * np.exp(-scale * (2 * similar - 1) * (b_i @ b_j) / 3)
        value = bilinear_loss(h, torch.full((2, 2), similar), scale)[0, 1]
        assert value == pytest.approx(expected, rel=1e-12)


MULTI_HOT = (random(9, 4, seed=3) > 0.3).float()


@pytest.mark.parametrize("weights", ["balanced", "prior", "none"])
@pytest.mark.parametrize("relaxation", ["bilinear", "naive", "taylor"])
@pytest.mark.parametrize("labels", [torch.arange(9) % 3, MULTI_HOT], ids=["classes", "multi-hot"])
def test_the_loss_of_a_batch_is_a_loop_over_pairs(labels, relaxation, weights):
    z, scales, share, prior = random(9, 6), {True: 2.0, False: 3.5}, 0.3, 0.2
    h = np.tanh(z.numpy() / 2)
    values = {True: [], False: []}
    for i, j in itertools.permutations(range(9), 2):
        s = bool(labels[i] == labels[j] if labels.ndim == 1 else labels[i] @ labels[j] > 0)
        x = [(2 * s - 1) * scales[s] / 6 * h[i, k] * h[j, k] for k in range(6)]
        values[s].append(
            {
                "bilinear": math.prod(
                    math.cosh(scales[s] / 6) - (2 * s - 1) * math.sinh(scales[s] / 6) * h[i, k] * h[j, k]
                    for k in range(6)
                ),
                "naive": math.exp(-sum(x)),
                "taylor": math.prod(1 - x_k for x_k in x),
            }[relaxation]
        )
    expected = {
        "balanced": share * np.mean(values[True]) + (1 - share) * np.mean(values[False]),
        "prior": (share / prior * sum(values[True]) + (1 - share) / (1 - prior) * sum(values[False])) / 72,
        "none": np.mean(values[True] + values[False]),
    }[weights]
    method = plain(
        n_bits=6,
        scale=2.0,
        dissimilar_scale=3.5,
        similar_weight=share,
        relaxation=relaxation,
        pair_weights=weights,
    )
    method.similar_fraction_ = prior
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_gradient_is_the_analytic_one(n_bits, scale):
    z = random(20, n_bits).requires_grad_()
    similar, weights = similar_of(20), pair_weights(20)
    (weights * bilinear_loss(torch.tanh(z / 2), similar, scale)).sum().backward()

    h, S = torch.tanh(z.detach() / 2), 2 * similar.double() - 1
    c, d = math.cosh(scale / n_bits), math.sinh(scale / n_bits)
    F = [c - d * S * torch.outer(h[:, k], h[:, k]) for k in range(n_bits)]
    A = weights * torch.stack(F).prod(0) * S
    by_h = torch.stack([-2 * d * (A / F[k]) @ h[:, k] for k in range(n_bits)], dim=1)
    np.testing.assert_allclose(z.grad, by_h * (1 - h.square()) / 2, rtol=1e-12, atol=1e-17)


def test_it_is_affine_in_each_expected_bit():
    h, similar = torch.tanh(random(6, 4)), similar_of(6)
    weights = pair_weights(6)

    def at(value, i, k):
        moved = h.clone()
        moved[i, k] = value
        return (weights * bilinear_loss(moved, similar, 5.0)).sum()

    for i, k in itertools.product(range(6), range(4)):
        assert abs(at(-1.0, i, k) - 2 * at(0.0, i, k) + at(1.0, i, k)) < 1e-14


def test_rounding_bit_after_bit_against_the_gradient_never_raises_the_loss():
    h, similar, weights = torch.tanh(random(12, 5)), similar_of(12), pair_weights(12)
    value = math.inf
    for i, k in itertools.product(range(12), range(5)):
        h.requires_grad_()
        loss = (weights * bilinear_loss(h, similar, 1.0)).sum()
        assert loss.item() <= value + 1e-14
        value = loss.item()
        (gradient,) = torch.autograd.grad(loss, h)
        h = h.detach()
        h[i, k] = -gradient[i, k].sign()
    assert (h.abs() == 1).all()


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_it_bounds_the_naive_relaxation_from_above(n_bits, scale):
    h, similar = torch.tanh(2 * random(30, n_bits)), similar_of(30)
    naive = torch.exp(-scale * (2.0 * similar - 1) * (h @ h.T) / n_bits)
    ratio = bilinear_loss(h, similar, scale) / naive
    assert ratio.min() >= 1
    assert ratio.max() <= math.exp(scale**2 / (2 * n_bits)), "Hoeffding's lemma, factor by factor"
    assert bilinear_loss(h * 0, similar, scale).min() == pytest.approx(math.cosh(scale / n_bits) ** n_bits)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_lower_bound_is_reached_by_a_simplex_of_codes_and_by_nothing_less(scale):
    n_classes, per_class = 4, 5
    bound = (math.exp(-scale) + math.exp(-scale / (n_classes - 1))) / 2
    y = torch.arange(n_classes).repeat(per_class)
    simplex = torch.tensor(
        [[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    ).double()  # <a, b> = -1 = -K/3
    method = plain(n_bits=3, scale=scale)
    assert method.loss(60 * simplex[y], batch(y)).item() == pytest.approx(bound, rel=1e-6)
    for seed in range(20):
        z = random(len(y), 3, seed=seed).requires_grad_()
        optimizer = torch.optim.Adam([z], lr=0.3)
        for _ in range(seed * 3):
            optimizer.zero_grad()
            method.loss(z, batch(y)).backward()
            optimizer.step()
        assert method.loss(z, batch(y)).item() >= bound - 1e-6


def test_descent_from_unit_outputs_separates_ten_classes():
    y = torch.arange(100) % 10
    z = random(100, 12).requires_grad_()
    optimizer, method = torch.optim.Adam([z], lr=0.1), plain(n_bits=12, scale=1.0)
    for _ in range(200):
        optimizer.zero_grad()
        method.loss(z, batch(y)).backward()
        optimizer.step()
    assert 0.6314 < method.loss(z, batch(y)).item() < 0.70
    assert torch.tanh(z / 2).abs().mean() > 0.9, "no quantisation penalty is needed"


def test_permuted_images_permute_the_values():
    h, similar = torch.tanh(random(8, 5)), similar_of(8)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    permuted = bilinear_loss(h[order], similar[order][:, order], 2.0)
    np.testing.assert_allclose(permuted, bilinear_loss(h, similar, 2.0)[order][:, order], rtol=1e-14)


@pytest.mark.parametrize(
    ("relaxation", "n_bits", "scale"),
    [
        *itertools.product(("bilinear", "naive"), (48, 4), (1.0, 5.0, 30.0)),
        *itertools.product(("taylor",), (48,), (1.0, 5.0, 47.0)),
        ("bilinear", 48, 79.0),
    ],
)
def test_single_precision_is_finite_at_saturated_outputs(relaxation, n_bits, scale):
    z = (50 * bits(30, n_bits)).float().requires_grad_()
    method = plain(n_bits=n_bits, scale=scale, relaxation=relaxation)
    loss = method.loss(z, batch(torch.arange(30) % 3))
    loss.backward()
    assert 0.99 * math.exp(-scale) <= loss.item() <= 1.01 * math.exp(scale) or relaxation == "taylor"
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(("scale", "relaxation"), [(2.0, "bilinear"), (2.0, "naive"), (2.0, "taylor")])
def test_an_image_is_no_pair_with_itself(scale, relaxation):
    """Two images, dissimilar: the value is that of one pair, and nothing is left of the diagonal."""
    z = random(2, 6)
    value = plain(n_bits=6, scale=scale, relaxation=relaxation).loss(z, batch(torch.arange(2)))
    h = torch.tanh(z / 2)
    of_pairs = pair_losses(h, torch.eye(2, dtype=torch.bool), (scale, scale), relaxation)
    assert value.item() == pytest.approx(of_pairs[0, 1].item(), rel=1e-12)
    assert plain(n_bits=6).loss(z[:1], batch(torch.arange(1))).item() == 0


@pytest.mark.parametrize("relaxation", ["bilinear", "naive", "taylor"])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_values_stay_within_those_of_codes(scale, relaxation):
    h = torch.cat([torch.tanh(3 * random(30, 12)), bits(10, 12)])
    log_values = pair_losses(h, similar_of(40), (scale, scale), relaxation).log()
    assert log_values.max() <= scale + 1e-12
    if relaxation != "taylor":  # which falls below: (1 - a/K)^K < exp(-a)
        assert log_values.min() >= -scale - 1e-12


def test_relaxations_agree_as_codes_grow():
    distances = []
    for n_bits in (6, 60, 600):
        b, similar = torch.tanh(2 * random(12, n_bits)), similar_of(12)
        values = [pair_losses(b, similar, (1.0, 1.0), name) for name in ("bilinear", "naive", "taylor")]
        distances.append(max((value / values[1] - 1).abs().max().item() for value in values))
    assert distances[0] > 0.02
    assert distances[2] < 0.1 * distances[0]


# -- three computations ------------------------------------------------------------------------------


def value_and_gradient(compute, h, t, weights):
    h = h.clone().requires_grad_()
    value = compute(h, t)
    (weights * value.exp()).sum().backward()
    return value.detach(), h.grad


def signed(n, largest):
    return torch.where(similar_of(n), largest, -0.7 * largest).double()  # a scale of its own for each kind


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_bit_by_bit_is_the_reference(n_bits, scale):
    h, t, weights = (
        torch.tanh(random(20, n_bits)),
        signed(20, math.tanh(scale / n_bits)),
        random(20, 20, seed=1),
    )
    for one, other in zip(
        value_and_gradient(log_products_bit_by_bit, h, t, weights),
        value_and_gradient(log_products_at_once, h, t, weights),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_bit_by_bit_has_the_gradient_of_differences():
    h, t = torch.tanh(random(5, 4)).requires_grad_(), signed(5, 0.6)
    assert torch.autograd.gradcheck(lambda h: log_products_bit_by_bit(h, t), h)


def test_bit_by_bit_keeps_no_more_than_its_input():
    h, t = torch.tanh(random(20, 12)).requires_grad_(), signed(20, 0.1)
    kept = {}
    for compute in (log_products_bit_by_bit, log_products_at_once):
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, saved=saved: saved.append(x) or x, lambda x: x
        ):
            compute(h, t)
        kept[compute] = sum(x.numel() for x in saved)
    assert kept[log_products_bit_by_bit] <= 20 * 12 + 20 * 20
    assert kept[log_products_at_once] > 20 * 20 * 12


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_the_series_is_off_by_no_more_than_its_bound(n_bits, scale, order):
    largest = math.tanh(scale / n_bits)
    bound = series_bound(n_bits, largest, order)
    # the bound is met nowhere better than at equal codes of dissimilar sign
    h, t = torch.cat([torch.tanh(random(20, n_bits)), torch.ones(1, n_bits)]).double(), signed(21, largest)
    error = (log_products_by_series(h, t, order) - log_products_at_once(h, t)).abs().max().item()
    assert error <= bound + 1e-14
    assert error >= 0.3 * bound - 1e-14, "and the bound is not far above"


@pytest.mark.parametrize("order", [3, 5])
def test_the_gradient_of_the_series_converges(order):
    h, t, weights = torch.tanh(random(20, 12)), signed(20, math.tanh(1 / 12)), random(20, 20, seed=1)
    _, exact = value_and_gradient(log_products_at_once, h, t, weights)
    _, close = value_and_gradient(lambda h, t: log_products_by_series(h, t, order), h, t, weights)
    assert (close - exact).norm() / exact.norm() < {3: 5e-4, 5: 1e-6}[order]


@pytest.mark.parametrize(
    ("dtype", "n_bits", "largest", "limit", "chosen"),
    [
        (torch.float32, 12, math.tanh(1 / 12), None, "series of 5"),
        (torch.float32, 48, math.tanh(1 / 48), None, "series of 4"),
        (torch.float32, 12, math.tanh(5 / 12), None, "series of 15"),
        (torch.float32, 12, 0.9, None, "at once"),
        (torch.float32, 12, 0.9, 20 * 20 * 12 - 1, "bit by bit"),
        (torch.float64, 12, math.tanh(1 / 12), None, "series of 13"),
        (torch.float64, 12, math.tanh(5 / 12), None, "at once"),
    ],
)
def test_the_size_picks_the_computation(dtype, n_bits, largest, limit, chosen, monkeypatch):
    seen = []
    for name, given in (("by_series", "series of {}"), ("at_once", "at once"), ("bit_by_bit", "bit by bit")):
        monkeypatch.setattr(
            mu_liu,
            f"log_products_{name}",
            lambda h, t, *order, given=given: seen.append(given.format(*order)),
        )
    if limit:
        monkeypatch.setattr(mu_liu, "MAX_TENSOR", limit)
    log_products(torch.zeros(20, n_bits, dtype=dtype), torch.zeros(20, 20, dtype=dtype), largest)
    assert seen == [chosen]


@pytest.mark.parametrize(("n_bits", "scale"), SIZES)
def test_what_is_picked_is_the_reference_to_rounding(n_bits, scale):
    for dtype, tolerance in ((torch.float32, 3e-6), (torch.float64, 1e-13)):
        h, t, weights = (
            x.to(dtype)
            for x in (torch.tanh(random(20, n_bits)), signed(20, math.tanh(scale / n_bits)), pair_weights(20))
        )
        picked = value_and_gradient(lambda h, t: log_products(h, t, math.tanh(scale / n_bits)), h, t, weights)
        reference = value_and_gradient(
            log_products_at_once, *(x.double() for x in (h, t, weights))
        )  # of what was rounded, exactly
        for one, other in zip(picked, reference, strict=True):
            assert (one - other).abs().max() <= tolerance * max(1e-3, other.abs().max())


# -- weights, parameters -----------------------------------------------------------------------------


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
