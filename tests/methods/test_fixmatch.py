"""FixMatch and its hash layer against loops over images and pairs."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.methods.fixmatch import FixMatch
from hashbench.testing.toy import fitted, new, training_set
from hashbench.training import Batch

K, C = 5, 3
KNOWN = [0, -1, 2, -1, 1, -1, 0, -1]
LABELS = {
    "classes": torch.tensor(KNOWN),
    "multi-hot": torch.tensor(
        [[-1] * C if y < 0 else [int(c <= y) for c in range(C)] for y in KNOWN]
    ).double(),
    "all labelled": torch.arange(8) % C,
}


def outputs(labels):
    """Codes of deviation 1, logits of deviation 3: some guesses are sure."""
    z = torch.randn(2 * len(labels), K + C, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z[:, K:] *= 3
    return z


def batch(labels):
    twice = torch.cat([labels, labels])
    return Batch(twice, torch.arange(len(labels)).repeat(2), 0.0)


def softplus(x):
    return math.log(1 + math.exp(x))


def cross_entropy(logits, target):
    """Of a class, or of a set of classes, the mean of the classes' logistic losses."""
    if isinstance(target, int):
        return math.log(sum(math.exp(v) for v in logits)) - logits[target]
    return sum(softplus(-v if c in target else v) for c, v in enumerate(logits)) / len(logits)


def target_of(row):
    """The class, or the frozen set of classes, of an image; None where it has none."""
    if row.ndim == 0:
        return None if row < 0 else int(row)
    return None if row.min() < 0 else frozenset(row.nonzero()[:, 0].tolist())


def guess_of(logits, multi_hot):
    if multi_hot:
        confidence = min(1 / (1 + math.exp(-abs(v))) for v in logits)
        return frozenset(c for c, v in enumerate(logits) if v > 0), confidence
    total = sum(math.exp(v) for v in logits)
    return int(np.argmax(logits)), math.exp(max(logits)) / total


def share(first, second):
    return first == second if isinstance(first, int) else bool(first & second)


def by_loops(z, labels, threshold, consistency, hash_on, eta):
    b, codes, logits = len(labels), z[:, :K].tolist(), z[:, K:].tolist()
    supervised, consistent, targets = [], [], []
    for i in range(b):
        target = target_of(labels[i])
        guess, confidence = guess_of(logits[i], labels.ndim == 2)
        if target is not None:
            supervised.append(cross_entropy(logits[i], target))
        consistent.append(cross_entropy(logits[b + i], guess) if confidence >= threshold else 0.0)
        if target is None and hash_on == "pseudo" and confidence >= threshold:
            target = guess
        targets.append(target)
    targets = targets + targets
    pairs, quantized = [], []
    for i in range(2 * b):
        if targets[i] is None:
            continue
        quantized.append(sum((v - math.copysign(1, v)) ** 2 for v in codes[i]))
        for j in range(2 * b):
            if i != j and targets[j] is not None:
                theta = sum(x * y for x, y in zip(codes[i], codes[j], strict=True)) / 2
                pairs.append(softplus(theta) - share(targets[i], targets[j]) * theta)
    return np.mean(supervised) + consistency * np.mean(consistent) + np.mean(pairs) + eta * np.mean(quantized)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("hash_on", ["pseudo", "labelled"])
@pytest.mark.parametrize("threshold", [0.6, 0.95, 1.1])
def test_the_loss_is_a_loop_over_images_and_pairs(labels, hash_on, threshold):
    z = outputs(labels)
    method = FixMatch(n_bits=K, threshold=threshold, consistency=0.7, hash_on=hash_on, eta=0.2)
    expected = by_loops(z, labels, threshold, 0.7, hash_on, 0.2)
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-9)


def gradient(labels, z=None, **parameters):
    z = (outputs(labels) if z is None else z).clone().requires_grad_()
    FixMatch(n_bits=K, **parameters).loss(z, batch(labels)).backward()
    return z.grad


def test_a_threshold_above_1_gives_the_supervised_gradient():
    labels = LABELS["classes"]
    whole = gradient(labels, threshold=1.1)
    hidden = (labels < 0).repeat(2)
    assert not whole[hidden].any()
    alone = outputs(labels)[~hidden]
    torch.testing.assert_close(whole[~hidden], gradient(labels[labels >= 0], alone, threshold=1.1))
    assert not whole[len(labels) :, K:].any(), "strong views do not train the class head"
    assert whole[~hidden][:, :K].any(dim=1).all()


def test_a_guess_moves_the_strong_view_and_not_the_weak_one():
    labels = LABELS["classes"]
    b, z = len(labels), outputs(labels)
    z[:b, K] += 20  # all are sure
    found = gradient(labels, z)
    hidden = labels < 0
    assert not found[:b][hidden][:, K:].any()
    assert found[b:][hidden][:, K:].any(dim=1).all()
    assert found[:b][hidden][:, :K].any(dim=1).all(), "its class trains the code of both views"
    on_labelled = gradient(labels, z, hash_on="labelled")
    assert not on_labelled[hidden.repeat(2)][:, :K].any()


def test_the_guess_is_made_on_the_view_that_is_only_cropped():
    method = fitted(FixMatch)
    recipe = dataclasses.replace(method.recipe, crop=0.0, warp=0.25, jitter=0.3)
    method = new(FixMatch, recipe=recipe)
    X, y = training_set(FixMatch)
    batches = method._batches(*method._tensors(X, y))
    index, draws = next(batches.epoch(torch.Generator().manual_seed(0)))
    seen = []
    network = fitted(FixMatch).network_
    batches.loss(network, lambda z, batch: seen.append(batch) or z.sum(), (index, draws), 0.0)
    weak, strong = seen[0].images.chunk(2)
    original = torch.from_numpy(X.copy())[index.chunk(2)[0]].float()
    assert torch.equal(weak, original)
    assert not (strong == original).flatten(1).all(dim=1).any()


@pytest.mark.parametrize("labels", [torch.tensor([0, 1]), torch.tensor([0, -1])])
def test_single_precision_is_finite_at_large_outputs(labels):
    z = (50 * outputs(labels).sign()).float().requires_grad_()
    value = FixMatch(n_bits=K).loss(z, batch(labels))
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(z.grad).all()


def test_a_quarter_of_a_batch_is_labelled_and_two_views_make_half_as_many_images():
    method = new(FixMatch, recipe=Recipe(batch_size=16))
    X, y = training_set(FixMatch)
    batches = method._batches(*method._tensors(X, y))
    for index, _ in batches.epoch(torch.Generator().manual_seed(0)):
        assert len(index) == 16
        assert (y[index[:8]] >= 0).sum() == 2
        assert torch.equal(index[:8], index[8:])
