"""Principal components of many vectors, by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_COVARIANCE = 1024  # dimensions up to which the eigenvectors of the whole covariance are the quickest


@dataclass(frozen=True, eq=False)
class Components:
    """The main directions of a cloud of vectors.

    Parameters
    ----------
    directions : (k, D) orthonormal, the one with the greatest variance first. The entry that is greatest by amount is
        positive in each, so that the same vectors always give the same signs.
    shares : (k,) of the whole variance, 0 to 1.
    """

    directions: Array
    shares: Array


def find_components(vectors: Array, count: int = 3) -> Components:
    """Find the principal components: eigenvectors of the covariance about the mean.

    Parameters
    ----------
    vectors : (N, D) finite, N ≥ 1.
    count : of components; where there are fewer vectors or dimensions, the rest are zeros with share 0, and all are
        where the vectors are equal.
    """
    from sklearn.decomposition import PCA  # takes a second to import, and few windows need it

    number, dimensions = vectors.shape
    directions, shares = np.zeros((count, dimensions), np.float32), np.zeros(count, np.float32)
    found = min(count, number, dimensions)
    if (vectors != vectors[0]).any():
        analysis = PCA(found, svd_solver=_solver(number, dimensions, found), random_state=0).fit(vectors)
        directions[:found], shares[:found] = analysis.components_, analysis.explained_variance_ratio_
    greatest = np.abs(directions).argmax(1)[:, None]
    return Components(directions * np.where(np.take_along_axis(directions, greatest, 1) < 0, -1, 1), shares)


def _solver(number: int, dimensions: int, found: int) -> Literal["covariance_eigh", "arpack", "full"]:
    """The quickest of scikit-learn's solvers that are exact: weights have flat spectra, and "randomized" is far off."""
    if dimensions <= _COVARIANCE:
        return "covariance_eigh"
    return "arpack" if found < number else "full"  # ARPACK finds all components but one, at most
