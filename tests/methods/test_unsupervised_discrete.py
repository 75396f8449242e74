"""Density sensitive and circulant hashing, k-means hashing, the binary autoencoder."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.ba import BA, auxiliary, better, decoded, penalised
from hashbench.methods.cbe import CBE, best_vector, circulant, correlation, objective
from hashbench.methods.dsh_density import DSHDensity, balances, neighbour_pairs, planes
from hashbench.methods.kmh import KMH, cube, dealt, trained, words
from hashbench.numerics import cholesky, covariance, kmeans, nearest, sign

rng = np.random.default_rng(0)
X = (rng.normal(size=(200, 12)) * np.linspace(2, 0.5, 12)).astype(np.float32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def fitted(method, data=X, **params):
    return method(**{"n_bits": 6, "device": "cpu", **params}).fit(data)


# -- density sensitive hashing ----------------------------------------------------------------------


def test_planes_bisect_their_centres_and_pairs_are_neighbours():
    centres = torch.from_numpy(X[:9])
    pairs = neighbour_pairs(centres, 2, 1)
    distances = np.square(X[:9, None] - X[:9]).sum(2)
    near = distances.argsort(1)[:, 1:3]
    assert set(map(tuple, pairs.tolist())) == {tuple(sorted((i, int(j)))) for i in range(9) for j in near[i]}
    normals, offsets = planes(centres, pairs)
    for p, (i, j) in enumerate(pairs.tolist()):
        half = distances[i, j] / 2
        sides = (centres[[i, j]] @ normals[:, p] - offsets[p]).tolist()
        assert sides == pytest.approx([half, -half], rel=1e-3)


def test_more_neighbours_are_taken_until_there_are_planes_for_all_bits():
    assert len(neighbour_pairs(torch.from_numpy(X[:9]), 1, 36)) == 36
    assert neighbour_pairs(torch.from_numpy(X[:2]), 3, 1).tolist() == [[0, 1]]
    with pytest.raises(InvalidInputError, match=r"dsh_density: n_bits=12 .* 5 clusters have 10"):
        fitted(DSHDensity, X[:5], n_bits=12)


def test_balance_counts_the_items_of_the_clusters():
    centres, counts = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([6, 3, 1])
    normals, offsets = planes(centres, torch.tensor([[0, 1], [1, 2]]))
    np.testing.assert_allclose(balances(centres, counts, normals, offsets), [4 / 6, 1 / 9], rtol=1e-5)


def test_the_planes_whose_sides_have_the_largest_entropies_are_chosen():
    centres, member = kmeans(torch.from_numpy(X), 9, 3, seeded())
    centres, share = centres.double().numpy(), np.bincount(member, minlength=9) / 200
    distances = np.square(centres[:, None] - centres).sum(2)
    there, entropies = [], []
    for i, j in combinations(range(9), 2):
        if j in distances[i].argsort()[1:4] or i in distances[j].argsort()[1:4]:
            normal, middle = centres[i] - centres[j], (centres[i] + centres[j]) / 2
            above = sum(share[k] for k in range(9) if (centres[k] - middle) @ normal > 0)
            there.append([*normal, middle @ normal])
            entropies.append(-above * np.log(above) - (1 - above) * np.log(1 - above))
    method = fitted(DSHDensity)
    found = torch.cat([method.normals_, method.offsets_[None]]).T.numpy()
    which = [int(np.abs(there - plane).max(1).argmin()) for plane in found]
    np.testing.assert_allclose(found, np.array(there)[which], atol=1e-4)
    assert len(set(which)) == 6
    assert [entropies[p] for p in which] == pytest.approx(sorted(entropies, reverse=True)[:6])


def test_density_sensitive_bits_move_with_the_data():
    shifted = X + 3
    assert np.array_equal(fitted(DSHDensity).project(X) > 0, fitted(DSHDensity, shifted).project(shifted) > 0)


# -- circulant binary embedding ---------------------------------------------------------------------


@pytest.mark.parametrize("d", [8, 9])
def test_circulant_rows_and_correlations_equal_their_fourier_forms(d):
    q, data = torch.randn(d, generator=seeded()), torch.randn(20, d, generator=seeded(1))
    B = sign(torch.randn(20, 3, generator=seeded(2)))
    convolved = torch.fft.ifft(torch.fft.fft(q) * torch.fft.fft(data)).real
    np.testing.assert_allclose(data @ circulant(q, d).T, convolved, atol=1e-5)
    padded = torch.nn.functional.pad(B, (0, d - 3))
    spectra = (torch.fft.fft(data) * torch.fft.fft(padded).conj()).sum(0)
    np.testing.assert_allclose(correlation(data, B), spectra, atol=1e-4)


@pytest.mark.parametrize("d", [8, 9])
def test_circulant_objective_and_its_least_value(d):
    data, B = torch.randn(20, d, generator=seeded(1)), sign(torch.randn(20, 3, generator=seeded(2)))
    energy, cross = torch.fft.fft(data).abs().square().sum(0).double(), correlation(data, B)

    def plain(q):
        R = circulant(q, d)
        padded = torch.nn.functional.pad(B.double(), (0, d - 3))
        fit = (padded - data.double() @ R.T).square().sum()
        return float(fit + 0.7 * (R @ R.T - torch.eye(d)).square().sum())

    q = torch.randn(d, generator=seeded(3)).double()
    assert float(objective(q, energy, cross, 0.7)) + 60 == pytest.approx(plain(q), rel=1e-5)
    best = best_vector(energy, cross, 0.7)
    for seed in range(5):
        step = torch.randn(d, generator=seeded(10 + seed)).double()
        for length in (1e-3, 0.1, 1):
            assert plain(best) < min(plain(best + length * step), plain(best - length * step))


def test_learned_circulant_codes_fit_better_turn_by_turn():
    def loss(n_iter):
        method = fitted(CBE, n_iter=n_iter, tolerance=-np.inf, regularization=50.0)
        centred = X - method.mean_.numpy()
        values = centred / np.linalg.norm(centred, axis=1, keepdims=True) @ method.directions_.numpy()
        return np.square(values - np.where(values > 0, 1, -1)).sum()

    losses = [loss(n) for n in (1, 3, 30)]
    assert losses[2] < losses[0]


def test_random_circulant_projections_have_one_length_and_n_bits_at_most_d():
    lengths = fitted(CBE, variant="random").directions_.norm(dim=0)
    np.testing.assert_allclose(lengths, lengths[0].item(), rtol=1e-5)
    with pytest.raises(InvalidInputError, match="cbe: n_bits=13 is more than the 12 features"):
        fitted(CBE, n_bits=13)
    with pytest.raises(InvalidInputError, match="cbe: variant='other'"):
        fitted(CBE, variant="other")


# -- k-means hashing --------------------------------------------------------------------------------


def affinity_loss(V, centres, wanted, affinity):
    distance, member = nearest(V, centres)
    share = torch.bincount(member, minlength=len(centres)) / len(V)
    apart = (centres[:, None] - centres).norm(dim=2)
    return float(distance.mean() + affinity * (share[:, None] * share * (apart - wanted).square()).sum())


@pytest.mark.parametrize("affinity", [0.0, 0.1, 10.0])
def test_centres_of_fixed_assignments_never_get_worse(affinity):
    V = torch.from_numpy(X[:, :5])
    start, wanted = cube(V, 3)
    member = nearest(V, start)[1]
    share = torch.bincount(member, minlength=8) / len(V)

    def loss(centres):
        apart = (centres[:, None] - centres).norm(dim=2)
        fit = (V - centres[member]).square().sum(1).mean()
        return float(fit + affinity * (share[:, None] * share * (apart - wanted).square()).sum())

    losses = [loss(start), *(loss(trained(V, start, wanted, affinity, 1, n)) for n in (1, 2, 5, 20))]
    assert all(after <= before + 1e-5 for before, after in pairwise(losses))
    assert losses[-1] < losses[0] - 1e-4


def test_weak_affinity_gives_k_means_and_a_strong_one_a_cube():
    V = torch.from_numpy(X[:, :5])
    start, wanted = cube(V, 2)
    np.testing.assert_allclose((start[:, None] - start).norm(dim=2), wanted, atol=1e-5)
    free = trained(V, start, wanted, 0.0, 30, 1)
    member = nearest(V, free)[1]
    np.testing.assert_allclose(free, torch.stack([V[member == k].mean(0) for k in range(4)]), atol=1e-4)
    tied = trained(V, start, wanted, 1e4, 30, 3)
    np.testing.assert_allclose((tied[:, None] - tied).norm(dim=2), wanted, atol=1e-2)
    turns = [affinity_loss(V, trained(V, start, wanted, 0.5, n, 3), wanted, 0.5) for n in (0, 50)]
    assert turns[1] < turns[0]


def test_index_words_and_the_deal_of_variances():
    bits = words(3)
    hamming = (bits[:, None] != bits).sum(2)
    assert all(hamming[i, j] == (i ^ j).bit_count() for i, j in product(range(8), range(8)))
    own = dealt([100.0, 50.0, 20.0, 11.0, 2.0, 1.0], 2)
    assert own == [[0, 3, 5], [1, 2, 4]]
    assert sorted(i for part in dealt([1.0, 0.5, 0.0, 0.0], 2) for i in part) == [0, 1, 2, 3]


def test_k_means_bits_are_the_index_of_the_nearest_centre():
    method = fitted(KMH, n_bits=6, bits_per_subspace=4)  # 4 bits and 2
    values = method.project(X)
    assert set(np.unique(values)) == {-1.0, 1.0}
    V = (X - method.mean_.numpy()) @ method.subspaces_[1].numpy()
    index = np.square(V[:, None] - method.centres_[1].numpy()).sum(2).argmin(1)
    assert np.array_equal(values[:, 4:] > 0, np.stack([index & 1, index >> 1 & 1], 1).astype(bool))
    with pytest.raises(InvalidInputError, match="kmh: n_bits=16 needs 4 subspaces of 4"):
        fitted(KMH, n_bits=16)


# -- binary autoencoder -----------------------------------------------------------------------------


def test_auxiliary_codes_are_better_than_their_start_and_near_the_best_of_all():
    Z = torch.randint(0, 2, (200, 4), generator=seeded()).float()
    data = torch.from_numpy(X)
    W, w = decoded(data, Z)
    hashed = torch.randint(0, 2, (200, 4), generator=seeded(1)).float()
    terms = (W @ W.T, (data - w) @ W.T, hashed, 0.8)

    def plain(codes):
        return ((data - w - codes @ W).square().sum(1) + 0.8 * (codes - hashed).square().sum(1)).numpy()

    shift = (data - w).square().sum(1).numpy()
    np.testing.assert_allclose(penalised(Z, *terms).numpy() + shift, plain(Z), rtol=1e-3, atol=1e-3)
    ends = [auxiliary(start, *terms, 50) for start in (Z, hashed)]
    for start, end in zip((Z, hashed), ends, strict=True):
        assert (plain(end) <= plain(start) + 1e-4).all()
        for k in range(4):
            flipped = end.clone()
            flipped[:, k] = 1 - flipped[:, k]
            assert (plain(end) <= plain(flipped) + 1e-4).all()
    best = better(*ends, terms)
    np.testing.assert_allclose(plain(best), np.minimum(*map(plain, ends)), atol=1e-4)
    every = [plain(torch.tensor(code).expand(200, 4)) for code in product((0.0, 1.0), repeat=4)]
    assert np.isclose(plain(best), np.min(every, 0), atol=1e-3).mean() > 0.8


def test_a_heavy_penalty_ties_the_codes_to_the_hash_functions():
    Z = torch.randint(0, 2, (200, 4), generator=seeded()).float()
    W, w = decoded(torch.from_numpy(X), Z)
    assert torch.equal(auxiliary(1 - Z, W @ W.T, (torch.from_numpy(X) - w) @ W.T, Z, 1e6, 5), Z)


def test_decoder_is_least_squares():
    Z = torch.randint(0, 2, (200, 4), generator=seeded()).float()
    W, w = decoded(torch.from_numpy(X), Z)
    expected = np.linalg.lstsq(np.c_[Z, np.ones(200)], X, rcond=None)[0]
    np.testing.assert_allclose(torch.cat([W, w[None]]), expected, atol=1e-4)


def test_a_bit_takes_the_regression_on_its_codes_only_where_that_makes_no_more_mistakes():
    data, method = torch.from_numpy(X), fitted(BA, n_bits=4, n_iter=0)
    hashed, kept = torch.from_numpy(method.project(X) > 0).float(), method.normals_[:, 0].tolist()
    Z = (data[:, :4] > 1).float()
    Z[:, 0] = hashed[:, 0]  # made without mistakes: a regression on it has some
    method._classify(data, Z, hashed, cholesky(covariance(data)[1], 1e-3, relative=True))
    before, after = ((np.asarray(codes) != Z.numpy()).sum(0) for codes in (hashed, method.project(X) > 0))
    assert after[0] == before[0] == 0
    assert (after[1:] < before[1:]).all()
    centred, codes = X.astype(float) - X.mean(0), Z.double().numpy()
    ridge = 1e-3 * np.square(centred).sum() / 12 * np.eye(12)
    expected = np.linalg.solve(centred.T @ centred + ridge, centred.T @ codes)
    expected[:, 0] = kept
    np.testing.assert_allclose(method.normals_, expected, rtol=0.01, atol=1e-5)
    np.testing.assert_allclose(method.offsets_, [0, *0.5 - codes.mean(0)[1:]], atol=1e-6)


def test_training_rebuilds_items_better_than_iterative_quantization():
    data = torch.from_numpy(np.maximum(X[:, ::-1] + X, 0).repeat(2, 1) + X[:, :1])

    def error(n_iter):
        Z = torch.from_numpy(fitted(BA, data, n_iter=n_iter).project(data) > 0).float()
        W, w = decoded(data, Z)
        return float((data - w - Z @ W).square().mean())

    assert error(20) < 0.99 * error(0)


def test_a_cube_whose_corners_are_rebuilt_stays_so():
    corners = np.array(list(product((-1.0, 1.0), repeat=3)) * 4) * [1.2, 1.1, 1]

    def exact(seed, n_iter):
        method = fitted(BA, corners, n_bits=3, random_state=seed, n_iter=n_iter)
        Z = torch.from_numpy(method.project(corners) > 0).double()
        W, w = decoded(torch.from_numpy(corners), Z)
        return np.allclose(w + Z @ W, corners, atol=1e-3)

    starts = [seed for seed in range(6) if exact(seed, 0)]
    assert starts
    assert all(exact(seed, 20) for seed in starts)
