import math

import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.training.centres import (
    Centres,
    cosine_loss,
    mean_of_members,
    random_words,
)
from hashbench.training.losses import memberships

LABELS = torch.tensor([2, 0, -1, 1])
MULTI = torch.tensor([[1.0, 1, 0], [0, 0, 1], [-1, -1, -1], [0, 0, 0], [1, 1, 1]])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_memberships_of_classes_and_of_multi_hot():
    assert memberships(LABELS, 3).tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert memberships(MULTI, 3).tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(("n_classes", "n_bits"), [(4, 2), (8, 3), (16, 4), (10, 12), (3, 80)])
def test_random_words_differ_and_come_from_the_generator(n_classes, n_bits):
    words = random_words(n_classes, n_bits, seeded())
    assert words.shape == (n_classes, n_bits)
    assert set(words.unique().tolist()) == {-1.0, 1.0}
    assert len(words.unique(dim=0)) == n_classes
    assert torch.equal(words, random_words(n_classes, n_bits, seeded()))
    assert not torch.equal(words, random_words(n_classes, n_bits, seeded(1)))


def test_random_bits_are_balanced():
    words = random_words(400, 30, seeded())
    assert abs(words.mean().item()) < 5 / math.sqrt(400 * 30)


def test_too_few_words_for_the_classes_are_an_error():
    with pytest.raises(InvalidInputError, match="n_bits=2 has 4 words"):
        random_words(5, 2)


def test_a_centre_is_the_class_word_or_the_majority_of_its_classes():
    words = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    centres = Centres(words)
    assert torch.equal(centres(memberships(torch.tensor([2, 0]), 3)), words[[2, 0]])
    tie = centres.tie
    for members in ([1, 1, 0], [1, 1, 1], [0, 0, 0]):
        expected = []
        for k in range(4):
            votes = sum(float(words[c, k]) for c in range(3) if members[c])
            expected.append(float(tie[k]) if votes == 0 else math.copysign(1, votes))
        assert centres(torch.tensor([members]).bool())[0].tolist() == expected


def test_the_word_for_ties_is_drawn_once():
    torch.manual_seed(0)
    first, second = (Centres(torch.ones(2, 40)) for _ in range(2))
    assert not torch.equal(first.tie, second.tie)
    nobody = torch.zeros(1, 2, dtype=torch.bool)
    assert torch.equal(first(nobody), first(nobody))


def test_the_mean_leaves_out_images_without_a_class():
    values = torch.tensor([1.0, 3, 100, 100, 5])
    assert mean_of_members(values, memberships(MULTI, 3)).item() == 3
    assert mean_of_members(values, torch.zeros(5, 3, dtype=torch.bool)).item() == 0


@pytest.mark.parametrize("labels", [torch.tensor([2, 0, 1, 1, -1]), MULTI])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_the_cosine_loss_is_a_loop_over_images_and_classes(labels, margin):
    similarity = torch.rand(5, 3, generator=seeded(), dtype=torch.float64) * 2 - 1
    members, values = memberships(labels, 3).tolist(), []
    for cosine, own in zip(similarity.tolist(), members, strict=True):
        if any(own):
            logits = [7 * (c - margin * o) for c, o in zip(cosine, own, strict=True)]
            total = math.log(sum(math.exp(x) for x in logits))
            values.append(sum(total - x for x, o in zip(logits, own, strict=True) if o) / sum(own))
    assert len(values) in (3, 4)
    loss = cosine_loss(similarity, memberships(labels, 3), 7.0, margin)
    assert loss.item() == pytest.approx(sum(values) / len(values), rel=1e-12)
