"""The net that a trainer runs: what a method prepared, with labels and a loss."""

from __future__ import annotations

from entropy.planning.frozen import with_global_statistics
from finetune.errors import ExperimentError
from finetune.training.prepared import Prepared
from finetune.training.rates import with_param_specs
from prototxt.formats.schema import NetParameter
from prototxt.net.build import layer
from prototxt.net.graph import NetGraph, Value
from prototxt.net.phases import filter_net

LABEL, LOSS = "finetune_label", "finetune_loss"


def training_net(prepared: Prepared) -> NetParameter:
    """Add labels and a loss to a prepared net.

    Every BatchNorm uses its stored statistics, as `entropy.write` has it: otherwise frozen filters would change what
    they do.

    Raises
    ------
    ExperimentError : the net has no blob of the new head's class scores, or not exactly one input.
    """
    net = with_param_specs(with_global_statistics(without_phases(prepared.net))[0])
    image_input(net)
    if all(prepared.new_output not in each.top for each in net.layer):
        raise ExperimentError(f"the prepared net has no blob {prepared.new_output!r}, where its new head should be")
    net.layer.append(layer("Input", LABEL, input_param={"shape": [{"dim": [1]}]}))
    net.layer.append(layer("SoftmaxWithLoss", LOSS, [prepared.new_output, LABEL]))
    return net


def without_phases(deploy: NetParameter) -> NetParameter:
    """The layers of a deploy net's TEST phase, for any phase."""
    net = filter_net(deploy, "TEST")
    net.ClearField("state")
    for each in net.layer:
        each.ClearField("include")
        each.ClearField("exclude")
    return net


def image_input(net: NetParameter) -> Value:
    """The value that images go into.

    Raises
    ------
    ExperimentError : the net has another number of inputs than one (labels aside).
    """
    inputs = [value for value in NetGraph(net).inputs if value.blob != LABEL]
    if len(inputs) != 1:
        raise ExperimentError(f"the net has {len(inputs)} inputs; a task of images and classes needs exactly one")
    return inputs[0]
