"""The losses of deep methods without labels, beside loops over images and bits, and at their limits."""

import numpy as np
import pytest
import torch
from label_free_loss import batch, cosine, data, made, module, normal

from hashbench.training.fixed import FixedFeatures, cosine_gap, hard_bits, scaled_layer

# -- what they share ------------------------------------------------------------------------------


def test_bits_have_the_gradient_of_the_sigmoid():
    a = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    bits = hard_bits(a)
    assert bits.tolist() == pytest.approx([0, 0, 1], abs=1e-7)
    (bits * torch.tensor([1.0, 2, 5])).sum().backward()
    p = a.detach().sigmoid()
    assert torch.allclose(a.grad, torch.tensor([1.0, 2, 5]) * p * (1 - p))


def test_a_scaled_layer_gives_mean_0_and_deviation_1():
    inputs = normal(50, 7).float().relu()
    z = scaled_layer(inputs, 4)(inputs)
    assert torch.allclose(z.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(z.std(0), torch.ones(4), atol=1e-5)


def test_fixed_features_are_centred_and_scaled_on_demand():
    rows = normal(20, 3) * 4 + 2
    assert torch.equal(FixedFeatures(data(rows))(torch.tensor([3, 1])), rows[[3, 1]])
    changed = FixedFeatures(data(rows), centred=True, scaled=True).rows
    np.testing.assert_allclose(changed.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(changed.std(0, correction=0), 1)


@pytest.mark.parametrize("n", [6, 7])
def test_the_gap_of_cosines_is_a_loop_over_pairs(n):
    codes, rows = normal(n, 4).sign(), normal(n, 5, seed=1)
    gap = [[(cosine(codes[i], codes[j]) - cosine(rows[i], rows[j])) ** 2 for j in range(n)] for i in range(n)]
    every = np.mean([gap[i][j] for i in range(n) for j in range(n) if i != j])
    assert cosine_gap(codes, rows).item() == pytest.approx(every)
    halves = np.mean([gap[i][n - n // 2 + i] for i in range(n // 2)])
    assert cosine_gap(codes, rows, halves=True).item() == pytest.approx(halves)
    assert cosine_gap(rows, 3 * rows).item() == pytest.approx(0, abs=1e-12)


# -- GreedyHash-u and Bi-Half ---------------------------------------------------------------------


def test_greedy_codes_with_the_cosines_of_the_features_cost_nothing():
    codes = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1]], dtype=torch.float64)
    method = made("greedyhash_u", 2 * codes, 4)
    z = codes.clone().requires_grad_()
    assert method.loss(z, batch(3)).item() == pytest.approx(0, abs=1e-12)
    far = method.loss(2 * codes, batch(3)).item()
    assert far == pytest.approx(0.1), "the cubic term, alpha times |2 - 1|^3"


@pytest.mark.parametrize("n", [8, 9])
def test_half_of_each_column_is_set_whatever_its_scale(n):
    bi_half, z = module("bihalf").bi_half, normal(n, 5)
    codes = bi_half(z)
    assert codes.round().sum(0).tolist() == [-(n % 2)] * 5
    assert torch.allclose(codes, bi_half(z * torch.tensor([1.0, 2, 3, 4, 5]) + 7))
    same = bi_half(torch.zeros(4, 1, dtype=torch.float64))
    assert same[:, 0].tolist() == [1, 1, -1, -1], "ties go to the earlier image"


def test_the_bi_half_layer_has_the_gradient_of_the_paper():
    """dL/dz = dL/dB + gamma (z - B) / (b K), B a free variable in dL/dB."""
    z, rows = normal(8, 6), normal(8, 5, seed=1).abs()
    given = z.clone().requires_grad_()
    made("bihalf", rows).loss(given, batch(8)).backward()
    free = module("bihalf").bi_half(z).requires_grad_()
    cosine_gap(free, rows).backward()
    expected = free.grad + 6 * (z - free.detach()) / (8 * 6)
    assert torch.allclose(given.grad, expected)
    plain = z.clone().requires_grad_()
    made("bihalf", rows, layer="sign").loss(plain, batch(8)).backward()
    assert not torch.allclose(plain.grad, expected)


# -- SSDH of Yang and MLS3RDUH --------------------------------------------------------------------


def test_distance_statistics_are_those_of_mirrored_halves():
    rows = normal(40, 6).abs()
    unit = rows / rows.norm(dim=1, keepdim=True)
    distances = (1 - unit @ unit.T).numpy().ravel()
    counts, edges = np.histogram(distances.clip(0), bins=100, range=(0, 1))
    mode = edges[counts.argmax()]
    found = [float(value) for value in module("ssdh_u").distance_statistics(rows)]
    assert found[0] == pytest.approx(mode)
    for got, side in ((found[1], distances <= mode), (found[2], distances > mode)):
        mirrored = np.concatenate([distances[side], 2 * mode - distances[side]])
        assert mirrored.mean() == pytest.approx(mode)
        assert got == pytest.approx(mirrored.std())
    assert (distances < found[3]).mean() >= 0.01
    assert (distances > found[4]).mean() >= 0.01


def test_pairs_in_between_are_left_out():
    rows = normal(30, 6).abs()
    method = made("ssdh_u", rows)
    z = normal(30, 6).requires_grad_()
    unit = rows / rows.norm(dim=1, keepdim=True)
    d, h = (1 - unit @ unit.T).numpy(), np.tanh(z.detach().numpy())
    near, far = float(method.state_.near), float(method.state_.far)
    assert 0 < near < far
    s = (d < near).astype(float) - (d > far)
    expected = np.mean(
        [abs(s[i, j]) * (h[i] @ h[j] / 6 - s[i, j]) ** 2 for i in range(30) for j in range(30)]
    )
    assert method.loss(z, batch(30)).item() == pytest.approx(expected)
    assert made("ssdh_u", 5 * rows).loss(z, batch(30)).item() == pytest.approx(expected), "cosines only"
    method.state_.near, method.state_.far = torch.tensor(-1.0), torch.tensor(3.0)
    method.loss(z, batch(30)).backward()
    assert not z.grad.any(), "no pair counts"


def test_diffusion_solves_its_equation():
    weights = normal(8, 8).abs()
    weights = weights + weights.T
    weights[7] = weights[:, 7] = 0
    found, scale = module("mls3rduh").diffused(weights), weights.sum(1).clamp_min(1e-300).rsqrt()
    scale[7] = 0
    matrix = torch.eye(8) - 0.99 * scale[:, None] * weights * scale
    np.testing.assert_allclose(matrix @ found / 0.01, np.eye(8), atol=1e-9)
    np.testing.assert_allclose(found, found.T, atol=1e-9)
    assert (found >= -1e-12).all()


def test_the_manifold_confirms_neighbours_or_not():
    mls, rows, n = module("mls3rduh"), normal(60, 4).abs(), 60
    table = mls.confirmed(rows).numpy()
    unit = rows / rows.norm(dim=1, keepdim=True)
    s = (unit @ unit.T).numpy()
    near = [set(np.argsort(-np.where(np.arange(n) == i, -2, s[i]))[:3]) for i in range(n)]
    w = np.array([[s[i, j] * (j in near[i] and i in near[j]) for j in range(n)] for i in range(n)])
    degree = w.sum(1)
    scale = np.where(degree > 0, 1 / np.sqrt(np.where(degree > 0, degree, 1)), 0)
    m = 0.01 * np.linalg.inv(np.eye(n) - 0.99 * scale[:, None] * w * scale)
    manifold = [set(np.argsort(-m[i])[:5]) if degree[i] > 0 else set() for i in range(n)]
    expected = np.full((n, n), -1)
    for value, wanted in ((0, False), (1, True)):  # ones are written last
        for i in range(n):
            for j in near[i]:
                if (j in manifold[i] and degree[j] > 0) == wanted:
                    expected[i, j] = expected[j, i] = value
    np.testing.assert_array_equal(table, expected)
    assert set(np.unique(table)) == {-1, 0, 1}
    targets = mls.similarity(rows, torch.tensor(table)).numpy()
    np.testing.assert_allclose(targets, 2 * np.where(table < 0, s, table) - 1, atol=1e-6)


def test_mls3rduh_sums_log_cosh_and_images_beyond_the_graph_take_the_nearest_place():
    rows = normal(24, 4).abs()
    method, z = made("mls3rduh", rows), normal(24, 6)
    h, s = np.tanh(z.numpy()), module("mls3rduh").similarity(rows, method.state_.confirmed).numpy()
    expected = np.log(np.cosh(h @ h.T / 6 - s)).mean()
    assert method.loss(z, batch(24)).item() == pytest.approx(expected)
    part = made("mls3rduh", rows, n_graph=12)
    assert part.state_.confirmed.shape == (12, 12)
    unit = rows / rows.norm(dim=1, keepdim=True)
    assert part.state_.place.tolist() == (unit @ unit[::2].T).argmax(1).tolist()
    assert torch.isfinite(part.loss(z, batch(24)))


# -- stochastic generative hashing ----------------------------------------------------------------


def test_the_generator_is_a_linear_decoder_of_bits():
    rows = normal(9, 4) + 3
    method, z = made("sgh_gen", rows), normal(9, 6)
    net, p = method.state_, normal(9, 6).sigmoid().numpy()
    target, words = (rows / rows.std(0, correction=0)).numpy(), net.words.detach().numpy()
    total = 0.0
    for i in range(9):
        bits = (z[i] > 0).double().numpy()
        seen = bits @ words * np.abs(net.scale.detach().numpy()) + net.mean.detach().numpy()
        surprise = -(bits * np.log(p[i]) + (1 - bits) * np.log(1 - p[i])).sum()
        total += (((seen - target[i]) ** 2).sum() / 2 + 0.001 * surprise) / 9
    assert method.loss(z, batch(9)).item() == pytest.approx(total)
    half = torch.full((1, 6), 0.5, dtype=torch.float64)
    np.testing.assert_allclose(net(half)[0].detach(), target.mean(0), atol=1e-9)
    with torch.no_grad():
        net.words.zero_()
        net.mean.copy_(torch.tensor(target.mean(0)))
    blind = made("sgh_gen", rows, alpha=0.0)
    blind.state_ = net
    assert blind.loss(z, batch(9)).item() == pytest.approx(4 / 2), "half the variance, 1 for each feature"
