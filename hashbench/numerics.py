"""Numerics that two or more methods share: spectra, kernels, rotations, class codewords.

All functions are deterministic given their generator, which lives on the CPU, so that every device draws
the same numbers. Decompositions run in float64, on the CPU where the device has none (MPS).
"""

from __future__ import annotations

from math import isqrt

import torch

from hashbench.errors import InvalidInputError

ROWS = 8192  # rows handled at a time where an intermediate would be as large as the data


def sign(values: torch.Tensor) -> torch.Tensor:
    """+1 where a value is positive, else -1: the bits of ``Codes`` as the papers write them."""
    return (values > 0).to(values.dtype) * 2 - 1


def wide(values: torch.Tensor) -> torch.Tensor:
    """A float64 copy, on the CPU where the device knows no float64."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    """Class indices (n,) as (n, C) float32 with one 1 a row; multi-hot labels (n, C) pass through."""
    if labels.ndim == 2:
        return labels.float()
    return torch.nn.functional.one_hot(labels).float()


def gram(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left' right (k, m) float64 of (n, k) and (n, m), summed in float64.

    Sums of uncentred kernel features over 50,000 items lose in float32 the digits at which a small ridge
    acts.
    """
    parts = zip(left.split(ROWS), right.split(ROWS), strict=True)
    total = sum(wide(a).T @ wide(b) for a, b in parts)
    assert isinstance(total, torch.Tensor)
    return total


def covariance(X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,) float32 and covariance (d, d) float64 of rows X (n, d), without a centred copy of X."""
    mean = wide(X.mean(0)).to(X)
    total = sum(wide((part - mean).T @ (part - mean)) for part in X.split(ROWS))
    assert isinstance(total, torch.Tensor)
    return mean, total / max(len(X) - 1, 1)


def ridged(matrix: torch.Tensor, ridge: float | torch.Tensor) -> torch.Tensor:
    """matrix + ridge I."""
    return matrix + ridge * torch.eye(len(matrix)).to(matrix)


def whitening(Z: torch.Tensor) -> torch.Tensor:
    """The W (m, m), upper triangular, that makes (Z W)'(Z W) = n I of Z (n, m) float64.

    Z'Z has a ridge of 1e-6 of its mean diagonal, so that equal or constant columns are allowed.
    """
    inner = Z.T @ Z / len(Z)
    root = torch.linalg.cholesky(ridged(inner, 1e-6 * inner.diagonal().mean().clamp(min=1e-12)))
    return torch.linalg.inv(root).T


def top_eigenvectors(matrix: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest eigenvalues (k,), descending, and eigenvectors (d, k) of a symmetric float64 matrix.

    The entry of largest magnitude of each eigenvector is positive: signs do not depend on the library.
    """
    from scipy.linalg import eigh

    d = len(matrix)
    # LAPACK's subset solver: a third of the time of a full decomposition at d = 3,072, k = 48.
    values, vectors = (
        torch.from_numpy(part).flip(-1) for part in eigh(matrix.cpu().numpy(), subset_by_index=(d - k, d - 1))
    )
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return values.to(matrix), (vectors * sign(largest)).to(matrix)


def cholesky(matrix: torch.Tensor, ridge: float, relative: bool) -> torch.Tensor:
    """Lower Cholesky factor (d, d) of matrix + ridge I; relative: ridge is in units of the mean diagonal.

    Raises InvalidInputError where the ridge is too small to make the matrix regular.
    """
    unit = matrix.diagonal().mean().clamp(min=1e-12) if relative else 1.0
    root, failed = torch.linalg.cholesky_ex(ridged(matrix, ridge * unit))
    if failed:
        raise InvalidInputError(f"ridge={ridge} leaves a covariance singular; raise it")
    return root


def canonical_pairs(
    left: torch.Tensor, right: torch.Tensor, cross: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The k pairs of directions of two views that correlate most: (p, k), (q, k) and the correlations (k,).

    left (p, p), right (q, q): lower Cholesky factors of the views' covariances. cross (p, q): of both views.
    With A and B the pairs: A' left left' A = I, B' right right' B = I, A' cross B = diag(correlations). Where
    there are fewer than k correlations above 1e-9 of the first, the other columns are 0. The entry of largest
    magnitude of each left direction is positive.
    """
    whitened = torch.linalg.solve_triangular(left, cross, upper=False)
    whitened = torch.linalg.solve_triangular(right, whitened.T, upper=False).T
    u, values, vh = torch.linalg.svd(whitened, full_matrices=False)
    there = (values > 1e-9 * values[0]).to(u)
    A = torch.linalg.solve_triangular(left.T, u * there, upper=True)[:, :k]
    B = torch.linalg.solve_triangular(right.T, vh.T * there, upper=True)[:, :k]
    signs = sign(A.gather(0, A.abs().argmax(0, keepdim=True)))
    missing = (0, k - A.shape[1])
    pad = torch.nn.functional.pad
    return pad(A * signs, missing), pad(B * signs, missing), pad((values * there)[:k], missing)


def pca(X: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,) and the k leading principal directions (d, k), orthonormal columns, of X (n, d).

    Raises InvalidInputError where the data have fewer than k principal directions.
    """
    n, d = X.shape
    if k > min(n - 1, d):
        raise InvalidInputError(
            f"n_bits={k} needs {k} principal directions, but {n} training items of {d} features have at most "
            f"{min(n - 1, d)}; lower n_bits, or give more items or features"
        )
    mean, matrix = covariance(X)
    return mean, top_eigenvectors(matrix, k)[1].to(X)


def random_rotation(k: int, generator: torch.Generator) -> torch.Tensor:
    """An orthogonal matrix (k, k) float32 drawn uniformly (Mezzadri 2007: QR of a Gaussian, signs fixed)."""
    gaussian = torch.randn(k, k, generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(gaussian)
    return (q * r.diagonal().sign()).float()


def procrustes(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The orthogonal R (k, k) that minimises ||target - source R||_F, both (n, k) (Schönemann 1966)."""
    u, _, vh = torch.linalg.svd(wide(source.T @ target))
    return (u @ vh).to(source)


def sample_rows(X: torch.Tensor, k: int, generator: torch.Generator) -> torch.Tensor:
    """k rows of X drawn without replacement; all of X, shuffled, where it has no more than k.

    Raises InvalidInputError where k, the number of anchors, is below 1.
    """
    if k < 1:
        raise InvalidInputError(f"n_anchors={k}: at least one anchor is needed")
    return X[torch.randperm(len(X), generator=generator)[:k].to(X.device)]


def squared_distances(X: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Squared Euclidean distances (n, m) between rows X (n, d) and anchors (m, d)."""
    # With the anchors' mean as origin, the expansion does not cancel where the data lie far from zero.
    origin = anchors.mean(0)
    left, right = X - origin, anchors - origin
    squares = left.square().sum(1, keepdim=True) + right.square().sum(1)
    return (squares - 2 * left @ right.T).clamp(min=0)


def mean_squared_distance(X: torch.Tensor, anchors: torch.Tensor) -> float:
    """Mean of ``squared_distances``, the bandwidth rule of the KSH authors' release (their sigma**2)."""
    parts = [squared_distances(part, anchors).sum(dtype=torch.float32) for part in X.split(ROWS)]
    mean = float(sum(float(part) for part in parts)) / (len(X) * len(anchors))
    return mean if mean > 0 else 1.0  # all rows equal: any width will do


def rbf(X: torch.Tensor, anchors: torch.Tensor, sigma_squared: float) -> torch.Tensor:
    """Kernel features (n, m): exp(-||x - anchor||^2 / (2 sigma^2))."""
    return torch.cat([(squared_distances(p, anchors) / (-2 * sigma_squared)).exp() for p in X.split(ROWS)])


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


def relative_luma(X: torch.Tensor) -> torch.Tensor:
    """Grey levels above the darkest pixel of each image: (n, h, w) float32 of (n, 1 or 3, h, w) uint8.

    Luma is .299 R + .587 G + .114 B (ITU-R BT.601), computed in whole thousandths: a constant added to an
    image, where nothing is clipped, changes no bit of the result. Raises InvalidInputError.
    """
    if X.shape[1] not in (1, 3):
        raise InvalidInputError(f"an image has 1 channel (grey) or 3 (red, green, blue), not {X.shape[1]}")
    weights = (1000,) if X.shape[1] == 1 else (299, 587, 114)
    thousandths = (X.float() * X.new_tensor(weights, dtype=torch.float32)[:, None, None]).sum(1)
    return (thousandths - thousandths.amin((1, 2), keepdim=True)) / 1000


def resizing(source: int, target: int, mode: str, device: torch.device) -> torch.Tensor:
    """The matrix (target, source) that resizes a column of pixels as ``torch.nn.functional.interpolate``.

    mode: "bilinear" or "bicubic", antialiased. Rows and columns of an image are resized by R g C'.
    """
    rows = torch.eye(source)[:, None, None]  # torch 2.14 resizes images one pixel wide wrongly
    resized = torch.nn.functional.interpolate(
        rows, (1, target), mode=mode, align_corners=False, antialias=True
    )
    return resized[:, 0, 0].T.contiguous().to(device)


def averaging(source: int, parts: int, device: torch.device) -> torch.Tensor:
    """The matrix (parts, source) that averages a column of pixels in equal parts; pixels on an edge count
    with their share in each."""
    edges = torch.arange(parts + 1, dtype=torch.float64) * source / parts
    pixels = torch.arange(source, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return (overlap.clamp(min=0) * parts / source).float().to(device)


def neighbours(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The eight neighbours of each pixel, eight views (n, h, w) of (n, h, w); edge pixels repeat.

    They go round from the right-hand one, against the clock: neighbour i + 4 is opposite to neighbour i.
    """
    padded = torch.nn.functional.pad(images[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    height, width = images.shape[1:]
    steps = ((1, 2), (0, 2), (0, 1), (0, 0), (1, 0), (2, 0), (2, 1), (2, 2))
    return tuple(padded[:, y : y + height, x : x + width] for y, x in steps)


def block_grid(n_blocks: int) -> tuple[int, int] | None:
    """(rows, columns) of a grid of so many blocks, rows >= columns, as near to a square as can be.

    None where the best grid has more than three times as many rows as columns.
    """
    columns = next(k for k in range(isqrt(n_blocks), 0, -1) if n_blocks % k == 0)
    rows = n_blocks // columns
    return (rows, columns) if rows <= 3 * columns else None
