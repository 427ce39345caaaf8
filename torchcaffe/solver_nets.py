"""Which nets a solver trains and tests, from the many fields that can name them.

Source: ``Solver::InitTrainNet`` and ``Solver::InitTestNets`` in Caffe's ``solver.cpp``.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from prototxt.common.errors import NetError
from prototxt.formats.schema import TEST, TRAIN, NetParameter, NetState, Phase, SolverParameter
from prototxt.formats.text import read_net
from prototxt.formats.upgrade import upgrade_net
from torchcaffe.network import Network

TRAIN_FIELDS = ("net", "net_param", "train_net", "train_net_param")


class NetSource(NamedTuple):
    """A net with its state set, and where it comes from."""

    net: NetParameter
    source: str


def training_net(solver: SolverParameter, source: str) -> NetSource:
    """The net to train.

    Its state is TRAIN, then what the net's own ``state`` says, then ``train_state``. ``source`` names the solver's
    prototxt in errors.

    Raises
    ------
    NetError : not exactly one of ``net``, ``net_param``, ``train_net``, ``train_net_param`` is given.
    FormatError : its file cannot be read.
    """
    given = [field for field in TRAIN_FIELDS if solver.HasField(field)]
    if len(given) != 1:
        got = f"{' and '.join(given)} are given" if given else "none is given"
        raise NetError(f"{source}: exactly one of {', '.join(TRAIN_FIELDS)} must name the net to train; {got}")
    found = _read(solver, given[0], source)
    return NetSource(_with_state(found.net, TRAIN, solver.train_state), found.source)


def testing_nets(solver: SolverParameter, source: str) -> list[NetSource]:
    """The nets to test: those of ``test_net_param``, then ``test_net``, then the common net for what is left.

    There are as many as values of ``test_iter``. The state of each is TEST, then the net's own, then ``test_state``.

    Raises
    ------
    NetError : ``test_iter`` or ``test_state`` does not fit the number of test nets, or ``test_interval`` is missing.
    FormatError : a file cannot be read.
    """
    named = len(solver.test_net_param) + len(solver.test_net)
    common = next((field for field in ("net", "net_param") if solver.HasField(field)), None)
    count = len(solver.test_iter)
    if count < named or (count > named and common is None):
        raise NetError(f"{source}: test_iter is given {count} times for {named} test nets; give it once for each")
    if solver.test_state and len(solver.test_state) != count:
        raise NetError(f"{source}: test_state is given {len(solver.test_state)} times for {count} test nets")
    if count and solver.test_interval <= 0:
        raise NetError(f"{source}: test_interval must be positive when there is a test_iter")
    sources = [NetSource(_copy(net), "test_net_param") for net in solver.test_net_param]
    sources += [_read_file(path, "test_net file", source) for path in solver.test_net]
    if common is not None:
        sources += [_read(solver, common, source) for _ in range(count - named)]
    states = list(solver.test_state) or [NetState()] * count
    return [
        NetSource(_with_state(found.net, TEST, state), found.source)
        for found, state in zip(sources, states, strict=True)
    ]


def share_trained_layers(network: Network, trained: Network) -> None:
    """Give a net the parameters of another, layer by layer of the same name (``Net::ShareTrainedLayersWith``).

    They are the same tensors from then on. Layers that the other net lacks keep their own.

    Raises
    ------
    NetError : a layer has other parameters in the two nets.
    """
    sources = {layer.name: layer for layer in trained.layers if len(layer.blobs)}
    for layer in network.layers:
        source = sources.get(layer.name)
        if source is None:
            continue
        if source.blob_shapes != layer.blob_shapes:
            raise NetError(
                f"layer '{layer.name}' ({layer.type}): its parameters have shapes {layer.blob_shapes} in the test net "
                f"and {source.blob_shapes} in the training net; a layer of one name must be the same in both"
            )
        for index, blob in enumerate(source.blobs):
            layer.blobs[index] = blob
        network.params[layer.name] = list(layer.blobs)


def _read(solver: SolverParameter, field: str, source: str) -> NetSource:
    value = getattr(solver, field)
    if isinstance(value, str):
        return _read_file(value, f"{field} file", source)
    return NetSource(_copy(value), field)


def _read_file(path: str, what: str, source: str) -> NetSource:
    beside = Path(source).parent / path
    if not Path(path).exists() and beside.exists():
        raise NetError(
            f"{source}: {what} {path} does not exist in the working directory {Path.cwd()}, from which Caffe reads it; "
            f"run from another folder, or write {beside}"
        )
    return NetSource(read_net(path), f"{what}: {path}")


def _copy(net: NetParameter) -> NetParameter:
    copy = NetParameter()
    copy.CopyFrom(net)
    return upgrade_net(copy)


def _with_state(net: NetParameter, phase: Phase, more: NetState) -> NetParameter:
    state = NetState(phase=phase)
    state.MergeFrom(net.state)
    state.MergeFrom(more)
    net.state.CopyFrom(state)
    return net
