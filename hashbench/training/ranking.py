"""Soft Hamming distances and their histograms, for losses that are statistics of a ranking."""

from __future__ import annotations

import torch


def soft_hamming(h: torch.Tensor) -> torch.Tensor:
    """(b, b) distances (n_bits - <h_i, h_j>) / 2 of h (b, n_bits) in [-1, 1]; at bits, Hamming distances."""
    return (h.shape[1] - h @ h.T) / 2


def soft_histograms(
    distance: torch.Tensor, counted: torch.Tensor, n_bins: int, largest: float
) -> torch.Tensor:
    """Histograms (m, b, n_bins + 1) of each image's distances, piecewise linear in them.

    distance: (b, b) in [0, largest]. counted: (m, b, b), the weight of each pair in each of m histograms. The
    centres are l * width, l = 0 .. n_bins, width = largest / n_bins. A pair is shared between the two centres
    beside its distance, the nearer one getting more: [1 - |distance - centre| / width]_+. Ustinova &
    Lempitsky, "Learning deep embeddings with histogram loss", NIPS 2016. O(b^2 n_bins) memory.
    """
    width = largest / n_bins
    centres = torch.arange(n_bins + 1, device=distance.device, dtype=distance.dtype) * width
    pulses = (1 - (distance[:, :, None] - centres).abs() / width).clamp_min(0)
    return torch.einsum("ijl,mij->mil", pulses, counted.to(distance.dtype))
