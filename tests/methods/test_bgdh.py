"""BGDH: the graph and its walks against matrices, its losses against loops, and who gets which gradient."""

import copy
import math

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.methods import bgdh
from hashbench.methods.bgdh import BGDH, Graph, affinities, context_loss, k_means, labelled_images
from hashbench.testing.toy import fitted, new, training_set
from hashbench.training import Batch, TrainingData
from hashbench.training.encoding import network_features

N, M, S = 12, 5, 3


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def dense(nearest, weights):
    """Z (n, m)."""
    return torch.zeros(N, M).scatter_(1, nearest, weights)


@pytest.fixture
def z_of():
    return affinities(random(N, 4), random(M, 4, seed=1), S)


LABELS = torch.tensor([0, 0, 1, -1, 2, 2, 2, -1, -1, -1, 1, -1])


def graph_of(nearest, weights, labels=LABELS):
    return Graph(nearest, weights, labelled_images(TrainingData(labels, 3)))


def test_weights_are_gaussian_of_the_nearest_anchors_and_sum_to_1(z_of):
    X, anchors, (nearest, weights) = random(N, 4), random(M, 4, seed=1), z_of
    squares = [[float(((x - a) ** 2).sum()) for a in anchors] for x in X]
    width = np.mean([sorted(row)[S - 1] for row in squares])
    Z = dense(nearest, weights)
    for row, expected in zip(Z, squares, strict=True):
        chosen = sorted(range(M), key=expected.__getitem__)[:S]
        values = {a: math.exp(-expected[a] / width) for a in chosen}
        assert set(row.nonzero()[:, 0].tolist()) == set(chosen)
        for a in chosen:
            assert row[a].item() == pytest.approx(values[a] / sum(values.values()), rel=1e-4)


def test_the_walk_has_the_probabilities_of_the_two_steps(z_of):
    Z = dense(*z_of).double()
    expected = Z @ torch.diag(1 / Z.sum(0).clamp_min(1e-12)) @ Z.T
    assert torch.allclose(expected.sum(1), torch.ones(N).double())
    graph, n = graph_of(*z_of), 20_000
    torch.manual_seed(0)
    for i in range(0, N, 3):
        ends = graph.walk(torch.full((n,), i)).bincount(minlength=N) / n
        error = (expected[i] * (1 - expected[i]) / n).sqrt()
        assert ((ends - expected[i]).abs() <= 4.5 * error + 1e-6).all()


@pytest.mark.parametrize("multi_hot", [False, True])
def test_labels_give_pairs_of_one_class(z_of, multi_hot):
    labels = LABELS
    if multi_hot:
        one_hot = torch.nn.functional.one_hot(labels.clamp_min(0), 3).float()
        labels = torch.where((labels < 0)[:, None], -1.0, one_hot)
        labels[0, 2] = 1  # of classes 0 and 2
    torch.manual_seed(0)
    first, second = graph_of(*z_of, labels).of_one_class(4000)
    drawn = set(zip(first.tolist(), second.tolist(), strict=True))
    sets = [{int(y)} if y >= 0 else set() for y in LABELS]
    if multi_hot:
        sets[0] = {0, 2}
    assert drawn == {(i, j) for i in range(N) for j in range(N) if sets[i] & sets[j]}


def test_the_share_of_pairs_from_labels_is_the_parameter(z_of):
    graph = graph_of(*z_of)
    torch.manual_seed(0)
    for share in (0.0, 0.5, 1.0):
        first, _ = graph.pairs(6000, share)
        unlabelled = (LABELS[first] < 0).float().mean().item()
        assert unlabelled == pytest.approx((1 - share) * 5 / 12, abs=0.03)


def test_the_context_loss_is_a_loop_over_pairs_and_noise():
    e, w, noise = random(4, 6), random(4, 6, seed=1), random(4, 5, 6, seed=2)
    expected = []
    for i in range(4):
        expected.append(math.log(1 + math.exp(-float(w[i] @ e[i]))))
        expected[-1] += sum(math.log(1 + math.exp(float(noise[i, r] @ e[i]))) for r in range(5))
    assert context_loss(e, w, noise).item() == pytest.approx(np.mean(expected), rel=1e-5)


def step(method, **changes):
    """A copy of a fitted method, a batch of its training images, and outputs that take a gradient."""
    method = copy.copy(method).set_params(**changes)
    method.state_ = copy.deepcopy(method.state_)
    _, y = training_set(BGDH)
    index = torch.arange(12)
    z = random(12, method.n_bits).requires_grad_()
    return method, z, Batch(torch.from_numpy(y)[index], index, 0.0)


def test_the_hash_loss_is_a_loop_over_pairs_of_labelled_images():
    method, z, batch = step(fitted(BGDH), graph_weight=0.0, eta=0.3)
    with torch.no_grad():
        code = (z + method.state_.code(method.state_.start_features[batch.index])).double()
    known = [i for i in range(12) if batch.labels[i] >= 0]
    pairs = []
    for i in known:
        for j in known:
            if i != j:
                theta = float(code[i] @ code[j]) / 2
                pairs.append(math.log(1 + math.exp(theta)) - bool(batch.labels[i] == batch.labels[j]) * theta)
    quantized = [sum((float(v) - math.copysign(1, float(v))) ** 2 for v in code[i]) for i in known]
    expected = np.mean(pairs) + 0.3 * np.mean(quantized)
    assert method.loss(z, batch).item() == pytest.approx(expected, rel=1e-4)


def test_images_without_labels_reach_the_graph_loss_alone():
    method, z, batch = step(fitted(BGDH))
    hidden = batch.labels < 0
    value = method.loss(z, batch)
    value.backward()
    assert not z.grad[hidden].any()
    assert z.grad[~hidden].any(dim=1).all()
    first = torch.full((200,), int(batch.index[hidden][0]))
    method, z, batch = step(fitted(BGDH), label_share=0.0)
    method.state_.graph.pairs = lambda n, share: (first, first)
    method.loss(z.detach(), Batch(torch.full_like(batch.labels, -1), batch.index, 0.0)).backward()
    of_embedding = [p.grad.abs().max() for p in method.state_.embedding.parameters()]
    assert min(of_embedding) > 0, "a pair of an image without labels moves the embedding"
    assert method.state_.context.grad[first[0]].any()
    assert not any(p.grad.any() for p in method.state_.joined.parameters())


def test_a_query_is_embedded_by_the_start_network_which_training_leaves_alone():
    X, y = training_set(BGDH)
    method = fitted(BGDH)
    untrained = new(BGDH, recipe=Recipe(**{**vars(method.recipe), "epochs": 0})).fit(X, y)
    start = network_features(untrained.network_, torch.from_numpy(X.copy()))
    torch.testing.assert_close(method.state_.start_features, start)
    torch.testing.assert_close(network_features(method.state_.start, torch.from_numpy(X.copy())), start)
    trained = network_features(method.network_, torch.from_numpy(X.copy()))
    assert not torch.allclose(trained, start, atol=1e-3)
    with torch.no_grad():
        expected = method.network_.head(trained) + method.state_.code(start)
    np.testing.assert_allclose(method.project(X), expected, rtol=1e-4, atol=1e-4)


def test_the_tables_of_the_graph_are_not_saved():
    saved = fitted(BGDH).state_.state_dict()
    assert not any(name.startswith(("graph", "start_features")) for name in saved)
    assert any(name.startswith("start.backbone") for name in saved)


def test_anchors_are_the_means_of_the_rows_that_are_nearest_to_them():
    X = (5 * torch.eye(4)[torch.arange(200) % 4] + random(200, 4)).float()
    centres = k_means(X, 6, seed=0)
    nearest = torch.cdist(X, centres).argmin(dim=1)
    for place, centre in enumerate(centres):
        torch.testing.assert_close(centre, X[nearest == place].mean(dim=0))
    assert len(set(nearest.tolist())) == 6
    assert len(k_means(X[:3], 300, seed=0)) == 3
    assert not torch.equal(k_means(X, 6, seed=1), centres)


def test_anchors_come_from_a_sample_where_images_are_many(monkeypatch):
    X = random(200, 4)
    whole = k_means(X, 6, seed=0)
    monkeypatch.setattr(bgdh, "SAMPLE", 50)
    assert not torch.equal(k_means(X, 6, seed=0), whole)
    assert len(k_means(X, 300, seed=0)) == 50
