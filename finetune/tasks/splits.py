"""Which images of a task are taken: shares, folds, so many of each class, some classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.model_selection import StratifiedKFold

from finetune.errors import ExperimentError


def stratified_share(labels: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """Choose a share of the images of every class.

    Parameters
    ----------
    labels : (N,) class of every image.
    share : in (0, 1); of every class it is rounded, and a class with two images or more keeps at least one.
    seed : of the choice. A larger share of the same seed holds the smaller one.

    Returns
    -------
    (N,) mask.

    Raises
    ------
    ExperimentError : if the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ExperimentError(f"a share of images must lie between 0 and 1; got {share:g}")
    chosen = np.zeros(len(labels), bool)
    for rows in _shuffled(labels, seed):
        chosen[rows[: min(round(share * len(rows)), len(rows) - 1)]] = True
    return chosen


def per_class(labels: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Choose ``count`` images of every class, all of those that have fewer; rows in ascending order.

    Fewer images of the same seed are among the more, so that a study of data-set sizes adds images and does not change
    them.

    Raises
    ------
    ExperimentError : if ``count`` is below 1.
    """
    if count < 1:
        raise ExperimentError(f"images per class must be at least 1; got {count}")
    return np.sort(np.concatenate([rows[:count] for rows in _shuffled(labels, seed)]))


def folds(labels: np.ndarray, count: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide images into folds with every class spread evenly, for cross-validation.

    Parameters
    ----------
    labels : (N,) class of every image; each class has at least ``count`` images.
    count : of folds, at least 2.

    Returns
    -------
    For every fold the rows to train on and the rows to test on; every image is tested on once.

    Raises
    ------
    ExperimentError : if there are too few images of a class.
    """
    fewest = int(np.bincount(labels)[np.unique(labels)].min())
    if not 2 <= count <= fewest:
        raise ExperimentError(
            f"{count} folds cannot be made: it takes at least 2, and at most as many as the smallest class has images "
            f"({fewest})"
        )
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), labels))


Shares = tuple[float, float, float]
"""Shares of the images to train on, to choose and stop by, and for the test; they sum to 1."""


def fold_count(shares: Shares) -> int:
    """How many folds of the size of the test part the images have.

    Raises
    ------
    ExperimentError : no whole number of them.
    """
    count = round(1 / shares[2])
    if abs(count * shares[2] - 1) > 1e-6:
        raise ExperimentError(
            f"a test share of {shares[2]:g} gives no whole number of folds for cross-validation; take {1 / count:g}"
        )
    return count


def three_parts(labels: np.ndarray, shares: Shares, seed: int = 0, fold: int | None = None) -> tuple[np.ndarray, ...]:
    """Divide images into three parts with every class spread evenly.

    Parameters
    ----------
    labels : (N,) class of every image.
    shares : of the three parts.
    seed : of the division.
    fold : which fold is the test part (modulo their number); None for a random choice of the test images.

    Returns
    -------
    Masks (N,) of the images to train on, to validate on, and to test on.

    Raises
    ------
    ExperimentError : the shares do not sum to 1, or there are too few images of a class for so many folds.
    """
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ExperimentError(
            f"the shares of training, validation and test images must be above 0 and sum to 1; got {list(shares)}"
        )
    if fold is None:
        test = stratified_share(labels, shares[2], seed)
    else:
        count = fold_count(shares)
        test = np.zeros(len(labels), bool)
        test[folds(labels, count, seed)[fold % count][1]] = True
    validation = np.zeros(len(labels), bool)
    validation[~test] = stratified_share(labels[~test], shares[1] / (1 - shares[2]), seed)
    return ~test & ~validation, validation, test


def of_classes(labels: np.ndarray, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Choose the images of some classes.

    Parameters
    ----------
    classes : their numbers; the first becomes class 0 of the result.

    Returns
    -------
    Rows in ascending order, and their new labels.
    """
    place = {number: new for new, number in enumerate(classes)}
    rows = np.flatnonzero(np.isin(labels, list(place)))
    return rows, np.array([place[int(label)] for label in labels[rows]], np.int64)


def random_classes(count: int, chosen: int, seed: int = 0) -> tuple[list[int], list[int]]:
    """Divide ``count`` classes at random: ``chosen`` of them, and the others; both ascending."""
    if not 0 < chosen < count:
        raise ExperimentError(f"{chosen} of {count} classes cannot be chosen; both halves need at least one")
    order = np.random.default_rng(seed).permutation(count)
    return sorted(order[:chosen].tolist()), sorted(order[chosen:].tolist())


def _shuffled(labels: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Rows of every class in turn, in random order."""
    generator = np.random.default_rng(seed)
    for label in np.unique(labels):
        yield generator.permutation(np.flatnonzero(labels == label))
