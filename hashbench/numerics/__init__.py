"""Numerics that two or more methods share: spectra, kernels, rotations, class codewords.

All functions are deterministic given their generator, which lives on the CPU, so that every device draws
the same numbers. Decompositions run in float64, on the CPU where the device has none (MPS).
"""

from hashbench.numerics.clustering import anchor_graph, graph_mean, graph_rows, kmeans, nearest, unit_rows
from hashbench.numerics.discrete import binary_quadratic, block_descent, coordinate_descent, pair_weights
from hashbench.numerics.features import KernelMap, Regression, spread
from hashbench.numerics.kernels import mean_squared_distance, rbf, sample_rows, squared_distances
from hashbench.numerics.linear import (
    canonical_pairs,
    cholesky,
    covariance,
    gram,
    pca,
    procrustes,
    random_rotation,
    ridged,
    top_eigenvectors,
    whitening,
    wide,
)
from hashbench.numerics.pixels import averaging, block_grid, neighbours, relative_luma, resizing
from hashbench.numerics.words import codewords, hadamard, label_sets, one_hot, sign

__all__ = [
    "KernelMap",
    "Regression",
    "anchor_graph",
    "averaging",
    "binary_quadratic",
    "block_descent",
    "block_grid",
    "canonical_pairs",
    "cholesky",
    "codewords",
    "coordinate_descent",
    "covariance",
    "gram",
    "graph_mean",
    "graph_rows",
    "hadamard",
    "kmeans",
    "label_sets",
    "mean_squared_distance",
    "nearest",
    "neighbours",
    "one_hot",
    "pair_weights",
    "pca",
    "procrustes",
    "random_rotation",
    "rbf",
    "relative_luma",
    "resizing",
    "ridged",
    "sample_rows",
    "sign",
    "spread",
    "squared_distances",
    "top_eigenvectors",
    "unit_rows",
    "whitening",
    "wide",
]
