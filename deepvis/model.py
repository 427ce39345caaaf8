"""A net with its weights, its preprocessing and the names of its classes: what scan and window look into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from deepvis.errors import ModelError
from prototxt.graph import NetGraph, Value
from prototxt.preprocess import Preprocessing
from prototxt.receptive_field import ReceptiveField, receptive_fields
from prototxt.schema import NetParameter
from prototxt.shapes import Shapes, infer_shapes
from prototxt.weights import Weights, weights_hash
from torchcaffe.network import Network


@dataclass(frozen=True)
class UnitLayer:
    """A layer whose units can be looked at.

    Parameters
    ----------
    name, type : of the layer in the prototxt.
    value : the blob that its units are read from: the last of its chain of BatchNorm, Scale, Bias and activation.
    before : the layer's own top, before the activation.
    units : number of units (channels), at least 1.
    map_shape : size of a unit's map, e.g. (13, 13); () for a fully connected layer.
    field : receptive field of a position of the map in the input blob; None where the net's geometry gives none.
    """

    name: str
    type: str
    value: Value
    before: Value
    units: int
    map_shape: tuple[int, ...]
    field: ReceptiveField | None


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model; everything that is derived from the net is computed when it is first asked for.

    Parameters
    ----------
    name : the net's name.
    path : what it was opened from.
    net : the net, all phases, in the newest layer form.
    weights : arrays of every layer.
    preprocessing : how a picture becomes the input blob.
    classes : names of the classes in the order of the outputs; empty if they are not known.
    """

    name: str
    path: Path
    net: NetParameter
    weights: Weights
    preprocessing: Preprocessing
    classes: tuple[str, ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the weights: the model's identity."""
        return weights_hash(self.weights)

    @cached_property
    def test_net(self) -> NetParameter:
        """The layers that take part in the TEST phase."""
        raise NotImplementedError

    @cached_property
    def graph(self) -> NetGraph:
        """The net of the TEST phase as a graph."""
        return NetGraph(self.test_net)

    @cached_property
    def shapes(self) -> Shapes:
        """Shapes of every blob and parameter."""
        return infer_shapes(self.test_net)

    @cached_property
    def fields(self) -> dict[Value, ReceptiveField]:
        """Receptive field of every blob."""
        return receptive_fields(self.test_net)

    @cached_property
    def unit_layers(self) -> dict[str, UnitLayer]:
        """Convolution, Deconvolution and InnerProduct layers by name, in the order of the net."""
        raise NotImplementedError

    @cached_property
    def input(self) -> Value:
        """The blob that pictures go into: the first input with four axes (N, C, H, W)."""
        raise NotImplementedError

    @property
    def output(self) -> Value:
        """The blob with the class scores: the last output of the net."""
        raise NotImplementedError

    def layer(self, name: str) -> UnitLayer:
        """Give a layer with units by its name; a `ModelError` names the close ones if there is none."""
        raise NotImplementedError

    def network(self, device: str | torch.device = "cpu") -> Network:
        """Make the engine for the TEST phase on a device, weights loaded."""
        raise NotImplementedError


def open_model(
    path: Path | str,
    weights: Path | None = None,
    preprocessing: Path | None = None,
    classes: Path | None = None,
    cache: Path = Path("~/.cache/deepvis/models"),
) -> Model:
    """Open whatever a model may be.

    Parameters
    ----------
    path : a folder of a conversion (with ``conversion.json``), that file, a ``.prototxt``, or a folder of a PyTorch
        baseline (``model.json``, ``weights.safetensors``, ``classes.txt``), which is converted once into ``cache``.
    weights : ``.caffemodel`` or ``.caffemodel.h5``; needed with a prototxt unless one of the same stem is beside it.
    preprocessing : JSON of a `Preprocessing`, in place of the model's own.
    classes : text file with one name per line, in place of the model's own.
    cache : folder for converted baselines; ``~`` is the home folder.

    Raises
    ------
    ModelError : if it is none of these, or parts do not fit together; the readers' own errors pass through.
    """
    raise ModelError(f"{path}: cannot be opened yet")


def pick_device(name: str) -> torch.device:
    """Turn ``auto`` (cuda, then cpu), ``cpu``, ``mps`` or ``cuda[:N]`` into a device; a `ModelError` if it is absent."""
    raise NotImplementedError


def class_names(file: Path) -> Sequence[str]:
    """Read a text file with one class name per line."""
    return file.read_text(encoding="utf-8").splitlines()
