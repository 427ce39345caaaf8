"""``torchcaffe test``: score a model (tools/caffe.cpp)."""

from __future__ import annotations

import logging

import torch
from tqdm import trange

from prototxt.common.errors import InputError
from prototxt.formats.text import read_net
from torchcaffe.commands.device import choose_device
from torchcaffe.commands.flags import Call
from torchcaffe.echo import echo_layers, echo_net
from torchcaffe.network import Network
from torchcaffe.scores import MeanScores, scores
from torchcaffe.snapshot import load_weights, warn_of_fillers
from torchcaffe.stored import Stored, say_zeros

log = logging.getLogger(__name__)


def test(call: Call) -> None:
    """Run ``-iterations`` batches through a model with its weights, and log every output and its mean.

    Raises
    ------
    InputError : anything that is wrong with the flags, the net, its weights or data.
    """
    model = call.required("model", "a model definition to score")
    weights = call.required("weights", "model weights to score")
    network = open_network(model, call, "TEST")
    missing = load_weights(Stored(network), weights.split(","))
    warn_of_fillers(missing, weights)
    zeros = network.zeros()
    log.info("Running for %d iterations.", call.number("iterations"))
    means = MeanScores()
    for index in trange(call.number("iterations"), unit="batch", disable=None):
        with torch.no_grad():
            values = network.run(zeros, fold=True)
            batch = scores(network, values)
            means.add(float(network.loss(values)), batch)
        for score in batch:
            log.info("Batch %d, %s = %g", index, score.name, score.number)
    log.info("Loss: %g", means.loss)
    for score in means.means():
        log.info("%s", score)
    if missing:
        log.warning("These are not the scores of a trained net: no weights for %s", ", ".join(missing))


def open_network(model: str, call: Call, default_phase: str) -> Network:
    """The net of ``-model`` in the state and on the device that the flags say.

    Raises
    ------
    InputError : ``-iterations`` is not positive, or the net cannot be made.
    """
    iterations, phase = call.number("iterations"), call.text("phase") or default_phase
    if iterations < 1:
        raise InputError(f"-iterations must be at least 1; got {iterations}")
    device = choose_device(call.text("gpu"))
    net = read_net(model)
    network = Network(net, phase, device, level=call.number("level"), stages=call.words("stage"))
    echo_net(net, network.net)
    echo_layers(network)
    say_zeros(network)
    return network
