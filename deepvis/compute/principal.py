"""Principal components of many vectors, in steps that do not hold a thread for long."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from prototxt.common.progress import Progress

Array = NDArray[np.float32]
_DENSE = 1024  # dimensions up to which the whole covariance is computed
_PRODUCTS = 1 << 30  # multiplications of a step
_LANCZOS_VECTORS = 24


@dataclass(frozen=True, eq=False)
class Components:
    """The main directions of a cloud of vectors.

    Parameters
    ----------
    directions : (k, D) orthonormal, the one with the greatest variance first. The entry that is greatest by amount is
        positive in each, so that the same vectors always give the same signs.
    shares : (k,) of the whole variance, 0 to 1.
    """

    directions: NDArray[np.float64]
    shares: NDArray[np.float64]


def finding_components(vectors: Array, count: int = 3) -> Generator[Progress, None, Components]:
    """Find the principal components: eigenvectors of the covariance about the mean.

    Parameters
    ----------
    vectors : (N, D) finite, N ≥ 1.
    count : of components; where the vectors have fewer dimensions, the rest are zeros with share 0.
    """
    dimensions = vectors.shape[1]
    if dimensions <= _DENSE:
        covariance = yield from _covariance(vectors)
        total = float(np.trace(covariance))
        variances, columns = np.linalg.eigh(covariance)
    else:
        yield Progress(0, len(vectors), "principal components")
        total, variances, columns = _main_eigenvectors(vectors, count)
    directions, shares = np.zeros((count, dimensions)), np.zeros(count)
    found = min(count, dimensions)
    directions[:found] = columns[:, ::-1].T[:found]
    shares[:found] = np.maximum(variances[::-1][:found], 0) / total if total > 0 else 0
    greatest = np.abs(directions).argmax(1)[:, None]
    return Components(directions * np.where(np.take_along_axis(directions, greatest, 1) < 0, -1, 1), shares)


def _covariance(vectors: Array) -> Generator[Progress, None, NDArray[np.float64]]:
    number, dimensions = vectors.shape
    mean = vectors.mean(0, dtype=np.float64)
    centre = mean.astype(np.float32)
    total = np.zeros((dimensions, dimensions))
    rows = max(1, _PRODUCTS // dimensions**2)
    for start in range(0, number, rows):
        yield Progress(start, number, "principal components")
        part = vectors[start : start + rows] - centre
        total += part.T @ part
    return total / number


def _main_eigenvectors(vectors: Array, count: int) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The whole variance, and the main eigenvalues and eigenvectors of the covariance without making it (Lanczos)."""
    number, dimensions = vectors.shape
    mean = vectors.mean(0, dtype=np.float64).astype(np.float32)

    def times(vector: NDArray[np.floating]) -> NDArray[np.floating]:
        along = vectors @ vector.ravel().astype(np.float32)
        along -= along.mean()  # the same as to take the mean from every vector
        return (vectors.T @ along - mean * along.sum()) / number

    start = np.cos(np.arange(dimensions)).astype(np.float32)  # fixed, so that the result is always the same
    operator = LinearOperator((dimensions, dimensions), matvec=times, dtype=np.float32)
    variances, columns = eigsh(operator, k=count, v0=start, ncv=_LANCZOS_VECTORS)
    whole = np.einsum("nd,nd->", vectors, vectors, dtype=np.float64) / number - float(mean @ mean)
    return whole, variances.astype(np.float64), columns.astype(np.float64)
