"""How sure a number is: over seeds, and over the test images that happened to be there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, sem

RESAMPLES = 10_000
CONFIDENCE = 0.95
CHUNK = 4_000_000  # numbers that are drawn at a time


@dataclass(frozen=True)
class Estimate:
    """A number with an interval.

    Parameters
    ----------
    value : the number.
    low, high : ends of its confidence interval.
    """

    value: float
    low: float
    high: float


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error of the mean; the error of a single value is not a number."""
    return float(np.mean(values)), float(sem(values)) if len(values) > 1 else float("nan")


def binomial_error(accuracy: float, images: int) -> float:
    """Standard error of an accuracy that comes from a finite number of test images."""
    return float(np.sqrt(accuracy * (1 - accuracy) / images))


def paired_bootstrap(
    differences: Sequence[NDArray[np.float64] | Sequence[NDArray[np.float64]]],
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
    """Estimate the mean of paired differences, with a percentile interval from resampled seeds and test images.

    What is compared saw the same test images, and the same batches where the seeds are the same: so the differences are
    resampled, image by image, and pairs of runs. With one seed the interval tells of the test images alone.

    Parameters
    ----------
    differences : for every set of test images (S, N): of S pairs of runs, the difference on each of N images, such as 1
        where only the first is right and -1 where only the second is. Pairs that were tested on different images, as in
        cross-validation, are a list of S arrays (N,) in its place. The estimate is the mean over the sets of their
        means. All sets are of the same runs.
    resamples, confidence, seed : of the interval.

    Returns
    -------
    Estimate

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13; pairs of runs and images are resampled
    independently of each other (Owen 2007, "The pigeonhole bootstrap").
    """
    generator = np.random.default_rng(seed)
    runs = len(differences[0])
    weights = generator.multinomial(runs, np.full(runs, 1 / runs), resamples) / runs
    means = np.mean([_resampled(each, weights, generator) for each in differences], axis=0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    value = np.mean([np.mean([run.mean() for run in each]) for each in differences])
    return Estimate(float(value), float(low), float(high))


def _resampled(
    differences: NDArray[np.float64] | Sequence[NDArray[np.float64]],
    weights: NDArray[np.float64],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """The mean difference for every resample."""
    if isinstance(differences, np.ndarray):
        return _resampled_means(differences, weights, generator)
    times = np.rint(weights * len(differences)).astype(int)
    sums = [_resampled_run(run, times[:, number], generator) for number, run in enumerate(differences)]
    return np.sum(sums, axis=0) / len(differences)


def _resampled_run(
    differences: NDArray[np.float64], times: NDArray[np.int_], generator: np.random.Generator
) -> NDArray[np.float64]:
    """For every resample the sum of as many means of a run as it was drawn, each over images drawn anew."""
    images = len(differences)
    result = np.empty(len(times))
    step = max(1, CHUNK // images)
    for start in range(0, len(times), step):
        part = times[start : start + step]
        counts = generator.multinomial(part * images, np.full(images, 1 / images))
        result[start : start + step] = counts @ differences / images
    return result


def _resampled_means(
    differences: NDArray[np.float64], weights: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """The mean difference for every resample: its runs by their weights, images drawn anew."""
    images, resamples = differences.shape[1], len(weights)
    result = np.empty(resamples)
    step = max(1, CHUNK // images)
    for start in range(0, resamples, step):
        part = weights[start : start + step]
        counts = generator.multinomial(images, np.full(images, 1 / images), len(part)) / images
        result[start : start + step] = np.einsum("rs,sn,rn->r", part, differences, counts, optimize=True)
    return result


@dataclass(frozen=True)
class McNemar:
    """Test of whether two classifiers are right equally often on the same images.

    Parameters
    ----------
    only_first, only_second : images that only one of them tells right.
    p : of the exact test, two-sided.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test (1947) on the images on which two classifiers differ.

    Parameters
    ----------
    first, second : (N,) whether each tells an image right.
    """
    one, other = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(binomtest(one, one + other).pvalue) if one + other else 1.0
    return McNemar(one, other, p)
