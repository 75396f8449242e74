"""SSDH against loops over anchors, and what its parameters leave out."""

import math

import numpy as np
import pytest
import torch

from hashbench.methods import ssdh
from hashbench.methods.ssdh import SSDH
from hashbench.training import Batch

K, C = 6, 4
KNOWN = [0, 1, 2, -1, 0, -1, 3, 3, -1, 1, -1, 2, -1, -1, 0]
LABELS = {
    "classes": torch.tensor(KNOWN),
    "multi-hot": torch.tensor(
        [
            [-1] * C if y < 0 else [int(c == y or (i % 4 == 0 and c == 3)) for c in range(C)]
            for i, y in enumerate(KNOWN)
        ]
    ).float(),
    "all labelled": torch.arange(15) % C,
    "one class": torch.tensor([1] * 8 + [-1] * 7),
}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def outputs(n=15, seed=0):
    return 1.5 * random(n, K + C, seed=seed)


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def class_sets(labels):
    """The classes of each image; None where it has no label."""
    if labels.ndim == 1:
        return [None if y < 0 else {int(y)} for y in labels]
    return [None if row.min() < 0 else set(row.nonzero()[:, 0].tolist()) for row in labels]


def first_true(mask):
    return mask.int().argmax(dim=1)


def nearest_and_farthest(low, high, shape, device=None):
    """In place of a random rank: the lowest."""
    return torch.full(shape, low)


@pytest.fixture
def first_partners(monkeypatch):
    monkeypatch.setattr(ssdh, "pick", first_true)
    monkeypatch.setattr(torch, "randint", nearest_and_farthest)


def by_loops(z, labels, *, graph=0.1, pseudo=0.1, margin=2.5, self_positive=True, softmax=False):
    """J where each choice is the first that is allowed, in plain Python."""
    b, sets = len(z), class_sets(labels)
    u = [[1 / (1 + math.exp(-float(v))) for v in row[:K]] for row in z]
    scores = [[float(v) for v in row[K:]] for row in z]
    d = [
        [math.sqrt(sum((x - y) ** 2 for x, y in zip(u[i], u[j], strict=True))) for j in range(b)]
        for i in range(b)
    ]
    terms = {"triplet": [], "graph": [], "pseudo": [], "class": []}
    for a in range(b):
        may = [j for j in range(b) if self_positive or j != a]
        if sets[a] is not None:
            positives = [j for j in may if sets[j] is not None and sets[a] & sets[j]]
            if positives:
                p = positives[0]
                negatives = [j for j in range(b) if sets[j] is not None and not sets[j] & (sets[a] | sets[p])]
                if negatives:
                    terms["triplet"].append(max(0, 1 + d[a][p] ** 2 - d[a][negatives[0]] ** 2) / 2)
            if softmax:
                (c,) = sets[a]
                terms["class"].append(math.log(sum(math.exp(s) for s in scores[a])) - scores[a][c])
            else:
                p_c = [1 / (1 + math.exp(-s)) for s in scores[a]]
                terms["class"].append(sum((p_c[c] - (c in sets[a])) ** 2 for c in range(C)) / 2)
        order = sorted(range(b), key=lambda j, a=a: -1 if j == a else d[a][j])
        near, far = order[0 if self_positive else 1], order[b - 1]
        terms["graph"].append((d[a][near] ** 2 + max(0, margin - d[a][far]) ** 2) / 2)
        if sets[a] is None:
            likely, unlikely = int(np.argmax(scores[a])), int(np.argmin(scores[a]))
            positives, negatives = [], []
            for j in range(b):
                assumed = {int(np.argmax(scores[j]))} if sets[j] is None else sets[j]
                if j in may and likely in assumed and unlikely not in assumed:
                    positives.append(j)
                if unlikely in assumed and likely not in assumed:
                    negatives.append(j)
            if positives and negatives:
                p, n = positives[0], negatives[0]
                terms["pseudo"].append((d[a][p] ** 2 + max(0, margin - d[a][n]) ** 2) / 2)
    mean = {name: sum(values) / max(1, len(values)) for name, values in terms.items()}
    return mean["triplet"] + graph * mean["graph"] + pseudo * mean["pseudo"] + mean["class"]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("self_positive", [True, False])
@pytest.mark.parametrize(("graph", "pseudo"), [(0.1, 0.1), (0.0, 0.0), (0.7, 0.0), (0.0, 0.3)])
@pytest.mark.usefixtures("first_partners")
def test_the_loss_is_a_loop_over_anchors(labels, self_positive, graph, pseudo):
    z = outputs()
    method = SSDH(n_bits=K, graph_weight=graph, pseudo_weight=pseudo, self_positive=self_positive)
    expected = by_loops(z, labels, graph=graph, pseudo=pseudo, self_positive=self_positive)
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.usefixtures("first_partners")
def test_margin_and_class_loss_are_parameters():
    z, labels = outputs(), LABELS["classes"]
    method = SSDH(n_bits=K, margin=1.5, class_loss="softmax")
    expected = by_loops(z, labels, margin=1.5, softmax=True)
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["classes", "multi-hot", "all labelled"])
def test_partners_are_drawn_evenly_from_all_that_are_allowed(name):
    labels = LABELS[name]
    sets, b = class_sets(labels), len(labels)
    drawn = [ssdh.supervised_partners(labels, torch.ones(b, b, dtype=torch.bool)) for _ in range(400)]
    positives, negatives = (torch.stack([each[i] for each in drawn]) for i in (0, 1))
    anchors = 0
    for a in range(b):
        if sets[a] is None:
            assert not drawn[0][2][a]
            continue
        anchors += 1
        allowed = [j for j in range(b) if sets[j] is not None and sets[a] & sets[j]]
        counts = positives[:, a].bincount(minlength=b)
        assert counts.nonzero()[:, 0].tolist() == allowed
        assert counts[allowed].min() > 0.5 * 400 / len(allowed)
        for p, n, (*_, complete) in zip(positives[:, a], negatives[:, a], drawn, strict=True):
            if complete[a]:
                assert sets[n] is not None
                assert not sets[n] & (sets[a] | sets[p])
    assert anchors > 5


@pytest.mark.parametrize(
    ("b", "n_far", "near", "far"),
    [
        (128, 4, range(8), range(120, 124)),  # the release, 12 bits
        (128, 10, range(8), range(114, 124)),  # and more bits
        (125, 10, range(8), range(111, 121)),
        (12, 10, range(4), range(11, 12)),
        (2, 4, range(1), range(1, 2)),
    ],
)
def test_ranks_are_the_releases_and_scale_with_the_batch(b, n_far, near, far):
    u = torch.arange(b, dtype=torch.float64)[:, None] ** 1.01  # distances from image 0 have the images' order
    drawn = [ssdh.graph_partners(u, n_far, self_positive=True) for _ in range(300)]
    assert {int(p[0]) for p, _ in drawn} == set(near)
    assert {int(n[0]) for _, n in drawn} == set(far)
    assert all(int(ssdh.graph_partners(u, n_far, self_positive=False)[0][0]) > 0 for _ in range(50))


def test_constants_follow_the_code_length():
    short, long = SSDH(n_bits=16), SSDH(n_bits=17)
    for method, margin in ((short, 2.5), (long, 3.0)):
        labels, n = torch.tensor([0, 0, 1, 1]), method.n_bits
        z = torch.zeros(4, n + 2, dtype=torch.float64)  # equal codes, probabilities of one half
        assert method.loss(z, batch(labels)).item() == pytest.approx(
            1 / 2 + 2 * 0.25 / 2 + 0.1 * margin**2 / 2, rel=0.2
        )


def test_an_image_that_is_its_own_positive_costs_nothing_by_it():
    u = random(5, K).sigmoid().requires_grad_()
    itself, other, every = torch.arange(5), torch.tensor([1, 2, 3, 4, 0]), torch.ones(5, dtype=torch.bool)
    value = ssdh.contrastive_loss(u, itself, other, every, margin=0.0)
    value.backward()
    assert value.item() == 0
    assert not u.grad.any()
    far = ssdh.triplet_loss(3 * u, itself, other, every)
    expected = (1 - 9 * (u - u[other]).square().sum(1)).relu().mean() / 2
    assert far.item() == pytest.approx(expected.item(), abs=1e-12)


def test_gradients_of_an_active_triplet_and_of_a_pair_within_the_margin():
    u = random(3, K).sigmoid()
    p, n, a = torch.tensor([1, 1, 1]), torch.tensor([2, 2, 2]), torch.tensor([True, False, False])
    v = (0.1 * u).requires_grad_()
    ssdh.triplet_loss(v, p, n, a).backward()
    x = v.detach()
    torch.testing.assert_close(v.grad, torch.stack([x[2] - x[1], x[1] - x[0], x[0] - x[2]]))
    v = u.clone().requires_grad_()
    ssdh.contrastive_loss(v, p, n, a, margin=3.0).backward()
    apart = (u[0] - u[2]).norm()
    push = -(3 - apart) / apart * (u[0] - u[2])
    torch.testing.assert_close(v.grad, torch.stack([u[0] - u[1] + push, u[1] - u[0], -push]))


def test_the_class_head_descends_the_squared_error_as_the_release_does():
    """The release puts p - y at the output of the sigmoid, whose derivative is p (1 - p)."""
    labels = LABELS["classes"]
    z = outputs().requires_grad_()
    SSDH(n_bits=K, graph_weight=0, pseudo_weight=0).loss(z, batch(labels)).backward()
    p, known = z.detach()[:, K:].sigmoid(), labels >= 0
    y = torch.nn.functional.one_hot(labels.clamp_min(0), C)
    expected = (p - y) * p * (1 - p) * known[:, None] / known.sum()
    torch.testing.assert_close(z.grad[:, K:], expected)


def test_without_lambda_images_without_labels_do_not_count():
    labels = LABELS["classes"]
    z = outputs().requires_grad_()
    SSDH(n_bits=K, graph_weight=0, pseudo_weight=0).loss(z, batch(labels)).backward()
    assert not z.grad[labels < 0].any()
    torch.manual_seed(0)
    z.grad = None
    SSDH(n_bits=K).loss(z, batch(labels)).backward()
    assert z.grad[labels < 0][:, :K].any(dim=1).all()
    assert not z.grad[labels < 0][:, K:].any(), "scores choose partners, without a gradient"


@pytest.mark.parametrize("n", [2, 3, 15])
@pytest.mark.parametrize("scale", [0.0, 50.0])
def test_single_precision_is_finite_with_equal_and_saturated_codes(n, scale):
    labels = LABELS["classes"][:n]
    z = (scale * outputs(n).sign()).float().requires_grad_()
    value = SSDH(n_bits=K).loss(z, batch(labels))
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(z.grad).all()
