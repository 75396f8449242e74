import numpy as np
import pytest
import torch

from hashbench.training.quality import linear_probe, neighbour_probe, quality_of


def blobs(n=300, spread=0.3, classes=3, d=8):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n) % classes)
    X = rng.normal(size=(classes, d))[y] + spread * rng.normal(size=(n, d))
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def test_classes_apart_are_found_and_noise_is_not():
    X, y = blobs()
    good = quality_of(X, y, 0)
    assert good["linear"] > 0.95
    assert good["neighbours"] > 0.95
    noise = quality_of(torch.randn(X.shape, generator=torch.Generator().manual_seed(0)), y, 0)
    assert max(noise["linear"], noise["neighbours"]) < 0.6


def test_labels_of_the_validation_part_are_not_learned_from():
    """Labels without any structure cannot be predicted, however many features there are."""
    generator = torch.Generator().manual_seed(0)
    X, y = torch.randn(200, 400, generator=generator), torch.randint(2, (200,), generator=generator)
    assert quality_of(X, y, 0)["linear"] < 0.75
    assert (linear_probe(X, y, X, 2) == y).float().mean() > 0.95, "what was learned from is known"


def test_the_rank_counts_dimensions():
    X, y = blobs(1000, spread=0)
    assert quality_of(X, y, 0)["rank"] < 2.01, "three points span a plane"
    line = torch.linspace(0, 1, 50)[:, None] * torch.ones(4)
    assert quality_of(line, torch.arange(50) % 2, 0)["rank"] == pytest.approx(1, abs=1e-6)
    even = torch.eye(6).repeat(4, 1)
    assert quality_of(even, torch.arange(24) % 2, 0)["rank"] == pytest.approx(5, abs=1e-6)


def test_several_labels_get_no_accuracy_and_same_features_are_no_fault():
    X, y = blobs()
    assert set(quality_of(X, torch.nn.functional.one_hot(y).float(), 0)) == {"rank"}
    assert quality_of(torch.ones(20, 3), torch.arange(20) % 2, 0)["rank"] == 1


def test_neighbours_vote_by_cosine():
    seen = torch.tensor([[1.0, 0], [5, 0.1], [0, 1]])
    asked = torch.tensor([[0.1, 0], [0, 9.0]])
    assert neighbour_probe(seen, torch.tensor([1, 1, 0]), asked, 2).tolist() == [1, 0]
