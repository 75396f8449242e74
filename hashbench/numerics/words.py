"""Signs and labels as numbers, and codewords for classes."""

from __future__ import annotations

from math import isqrt

import torch

from hashbench.errors import InvalidInputError


def sign(values: torch.Tensor) -> torch.Tensor:
    """+1 where a value is positive, else -1: the bits of ``Codes`` as the papers write them."""
    return (values > 0).to(values.dtype) * 2 - 1


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    """Class indices (n,) as (n, C) float32 with one 1 a row; multi-hot labels (n, C) pass through."""
    if labels.ndim == 2:
        return labels.float()
    return torch.nn.functional.one_hot(labels).float()


def label_sets(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The set of labels of each item (n,), as a number, and the similarity (s, s) of the s different sets.

    labels: classes (n,) or multi-hot (n, C). Sets that share a label have similarity 1, others -1.
    """
    sets, member = one_hot(labels).unique(dim=0, return_inverse=True)
    return member, 2 * (sets @ sets.T > 0).to(sets) - 1


def hadamard(order: int) -> torch.Tensor | None:
    """The Hadamard matrix (order, order) of +-1 float32, first row and column +1; None if not constructible.

    Sylvester's doubling where half the order is constructible, else Paley's first construction for
    order - 1 a prime of the form 4 t + 3. This covers 1, 2, 4, 8, 12, 16, 20, 24, 32, 40, 44, 48, 60, 64...
    """
    if order == 1:
        return torch.ones(1, 1)
    half = hadamard(order // 2) if order % 2 == 0 else None
    if half is not None:
        return torch.cat([torch.cat([half, half], 1), torch.cat([half, -half], 1)])
    q = order - 1
    if q % 4 != 3 or any(q % factor == 0 for factor in range(2, isqrt(q) + 1)):
        return None
    residues = {x * x % q for x in range(1, q)}
    character = torch.tensor([0.0] + [1.0 if x in residues else -1.0 for x in range(1, q)])
    index = torch.arange(q)
    matrix = torch.ones(order, order)
    matrix[1:, 1:] = character[(index[:, None] - index) % q] - torch.eye(q)
    return matrix


def codewords(n_classes: int, n_bits: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """One codeword a class, far apart: (n_classes, n_bits) of +-1 float32, rows distinct.

    Rows of the Hadamard matrix of order n_bits, so that any two differ in exactly n_bits / 2 bits; of the
    next constructible order, cut to n_bits columns, where there is none. The constant row comes last. Classes
    beyond the rows take their negatives, then random words, each the farthest of many from those taken.
    generator: chooses the order of the rows; None keeps the construction's.
    """
    if n_bits < 64 and n_classes > 2**n_bits:
        raise InvalidInputError(
            f"n_bits={n_bits} has {2**n_bits} codewords, too few for {n_classes} classes; raise n_bits"
        )
    order = n_bits
    while (matrix := hadamard(order)) is None:
        order += 1
    varied = matrix[1:, order - n_bits :]  # drop the first columns: column 0 is the same bit for all classes
    if generator is not None:
        varied = varied[torch.randperm(len(varied), generator=generator)]
    constant = torch.ones(1, n_bits)
    words = torch.cat([varied, -varied, constant, -constant])[:n_classes]
    draw = generator or torch.Generator().manual_seed(0)
    while len(words) < n_classes:
        candidates = torch.randint(0, 2, (1024, n_bits), generator=draw).float() * 2 - 1
        distances = (n_bits - candidates @ words.T) / 2
        nearest = distances.amin(1)
        if nearest.max() >= 1:
            words = torch.cat([words, candidates[nearest.argmax()][None]])
    return words
