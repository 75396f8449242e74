import pytest
import torch

from hashbench.training.ranking import soft_hamming, soft_histograms


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_soft_distances_are_hamming_distances_at_bits():
    bits = torch.randint(0, 2, (6, 9), generator=seeded())
    h = bits.double() * 2 - 1
    assert torch.equal(soft_hamming(h), (bits[:, None] != bits[None]).sum(2).double())
    assert soft_hamming(torch.zeros(2, 8)).tolist() == [[4, 4], [4, 4]]


@pytest.mark.parametrize("n_bins", [1, 3, 10])
def test_histograms_are_loops_over_pairs_and_bins(n_bins):
    largest, width = 10.0, 10.0 / n_bins
    distance = largest * torch.rand(5, 5, generator=seeded(), dtype=torch.float64)
    counted = torch.rand(2, 5, 5, generator=seeded(1)) > 0.5
    histograms = soft_histograms(distance, counted, n_bins, largest)
    assert histograms.shape == (2, 5, n_bins + 1)
    for m in range(2):
        for i in range(5):
            for bin_ in range(n_bins + 1):
                expected = sum(
                    max(0.0, 1 - abs(float(distance[i, j]) - bin_ * width) / width)
                    for j in range(5)
                    if counted[m, i, j]
                )
                assert histograms[m, i, bin_].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_bins", [2, 7, 12])
def test_each_pair_counts_once_and_keeps_its_distance(n_bins):
    distance = 12 * torch.rand(6, 6, generator=seeded(), dtype=torch.float64)
    distance[0, :2] = torch.tensor([0.0, 12.0])
    [histogram] = soft_histograms(distance, torch.ones(1, 6, 6), n_bins, 12.0)
    torch.testing.assert_close(histogram.sum(1), torch.full((6,), 6.0).double())
    centres = torch.arange(n_bins + 1).double() * 12 / n_bins
    torch.testing.assert_close(histogram @ centres, distance.sum(1))
