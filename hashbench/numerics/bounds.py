"""How far apart codewords can be."""

from __future__ import annotations


def griesmer_distance(n_words: int, n_bits: int) -> int:
    """The largest least distance that a binary linear code of n_bits bits with n_words words may have.

    Griesmer's bound: a code of dimension k = ceil(log2 n_words) and distance d needs at least
    sum_{i < k} ceil(d / 2^i) bits (Griesmer, "A bound for error-correcting codes", IBM Journal of Research
    and Development, 1960). It is attained for few words. 0 where n_bits < k.
    """
    dimension = max(1, (n_words - 1).bit_length())
    d = 0
    while sum(-(-(d + 1) // 2**i) for i in range(dimension)) <= n_bits:
        d += 1
    return d
