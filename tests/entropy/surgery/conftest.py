"""Old nets to operate on, as fixtures."""

from pathlib import Path

import pytest

from deepvis.model.model import open_model
from tests.entropy.surgery.old_nets import random_weights, small_net

MODELS = Path(__file__).resolve().parents[3] / "models"


@pytest.fixture(scope="session")
def small_old():
    net = small_net()
    return net, random_weights(net)


@pytest.fixture(scope="session")
def indoor39():
    """The bundled AlexNet of 64 pixels, converted."""
    model = open_model(MODELS / "indoor39")
    return model.net, model.weights
