"""Codes and labels from plain integer arithmetic, the same on every machine: what retrieval was pinned on."""

import numpy as np


def hashed(*shape, salt):
    """Integers in [0, 2**16) that look random."""
    index = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(salt) * np.uint64(1_000_003)
    for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F):
        index = (index ^ (index >> np.uint64(29))) * np.uint64(factor)
    return (index >> np.uint64(48)).astype(np.int64).reshape(shape)


def codes_and_labels(n_bits, multi_hot):
    """{"query": (values, labels), "database": (values, labels)}: 60 and 1,500 codes of 6 classes, with ties."""
    words = np.where(hashed(6, n_bits, salt=n_bits) % 2, 1.0, -1.0)
    parts = {}
    for part, n, salt in (("query", 60, 1), ("database", 1500, 2)):
        labels = hashed(n, salt=10 * salt) % 6
        flips = np.where(hashed(n, n_bits, salt=100 * salt + n_bits) % 10 < 3, -1.0, 1.0)
        values = words[labels] * flips
        if multi_hot:
            others = hashed(n, 6, salt=salt) % 7 == 0
            labels = (np.eye(6, dtype=bool)[labels] | others).astype(np.uint8)
        parts[part] = (values, labels)
    return parts
