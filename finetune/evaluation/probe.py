"""A linear classifier on the trunk's features: whether what the old task needs is still in them.

An old head can fail because the features have moved, although they tell the classes apart as well as before. A new
linear classifier on the same features finds that out ("representation forgetting").

References
----------
Davari et al. (2022), "Probing Representation Forgetting in Supervised and Unsupervised Continual Learning".
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Kind = Literal["ridge", "logistic"]
ALPHAS = tuple(10.0**power for power in range(0, 6))


def probe_accuracy(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, kind: Kind = "ridge"
) -> float:
    """Train a linear classifier on features and test it.

    Parameters
    ----------
    train, test : (N, numbers) features; each number is standardised by the training images.
    train_labels, test_labels : (N,) classes.
    kind : ridge regression on the classes, its strength chosen among `ALPHAS` by leaving out one image at a time; or
        logistic regression.

    Returns
    -------
    Accuracy on the test images, 0-1.
    """
    classifier = RidgeClassifierCV(ALPHAS) if kind == "ridge" else LogisticRegression(max_iter=300)
    pipeline = make_pipeline(StandardScaler(), classifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 300 steps are the definition of this probe
        pipeline.fit(train.astype(np.float64), train_labels)
    return float((pipeline.predict(test.astype(np.float64)) == test_labels).mean())
