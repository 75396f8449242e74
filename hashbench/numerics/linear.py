"""Linear algebra: Gram matrices, principal components, rotations, whitening."""

from __future__ import annotations

import torch

from hashbench.errors import InvalidInputError
from hashbench.numerics.words import sign

ROWS = 8192  # rows handled at a time where an intermediate would be as large as the data


def wide(values: torch.Tensor) -> torch.Tensor:
    """A float64 copy, on the CPU where the device knows no float64."""
    return (values.cpu() if values.device.type == "mps" else values).double()


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
