"""A net with its weights, its preprocessing and the names of its classes: what scan and window look into."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from deepvis.errors import ModelError
from deepvis.model_files import CACHE, find_model
from deepvis.pixel_settings import preprocessing_changes
from deepvis.progress import Progress
from deepvis.settings import Settings
from prototxt.fit import fit_weights
from prototxt.graph import NetGraph, Value
from prototxt.phases import filter_net
from prototxt.preprocess import Preprocessing
from prototxt.receptive_field import ReceptiveField, receptive_fields
from prototxt.schema import NetParameter
from prototxt.shapes import Shapes, infer_shapes
from prototxt.text import read_net
from prototxt.weights import Weights, read_weights, weights_hash
from torchcaffe.network import Network

COMMON_STEMS = frozenset({"deploy", "train_val", "train_test"})  # files that everybody calls so


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
    """A loaded model; what is derived from the net is computed when it is first asked for.

    Parameters
    ----------
    name : the net's name.
    path : what it was opened from.
    net : the net, all phases, in the newest layer form.
    weights : arrays of every layer.
    preprocessing : how a picture becomes the input blob.
    classes : names of the classes in the order of the outputs; empty if they are not known.
    assumed : whether ``preprocessing`` is a guess, because the model came without one.
    """

    name: str
    path: Path
    net: NetParameter
    weights: Weights
    preprocessing: Preprocessing
    classes: tuple[str, ...] = ()
    assumed: bool = False

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the weights: the model's identity."""
        return weights_hash(self.weights)

    @cached_property
    def test_net(self) -> NetParameter:
        """The layers that take part in the TEST phase."""
        return filter_net(self.net, "TEST")

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
        """Receptive field of every blob that has one."""
        return receptive_fields(self.test_net)

    @cached_property
    def unit_layers(self) -> dict[str, UnitLayer]:
        """Convolution, Deconvolution and InnerProduct layers by name, in the order of the net."""
        layers = {}
        for node in self.graph.unit_layers():
            value = self.graph.unit_value(node.name)
            _, units, *map_shape = self.shapes.values[value]
            before = self.graph.unit_value(node.name, after=False)
            field = self.fields.get(value)
            layers[node.name] = UnitLayer(node.name, node.type, value, before, units, tuple(map_shape), field)
        return layers

    @cached_property
    def input(self) -> Value:
        """The blob that pictures go into, (N, channels, height, width); a `ModelError` if there is not just one."""
        _input_shape(self.graph, self.path)
        return self.graph.inputs[0]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of `input`."""
        _, channels, height, width = _input_shape(self.graph, self.path)
        return channels, height, width

    @property
    def output(self) -> Value:
        """The blob with the class scores: the last output of the net."""
        return self.graph.outputs[-1]

    def layer(self, name: str) -> UnitLayer:
        """Give a layer with units by its name; a `ModelError` names the close ones if there is none."""
        if name not in self.unit_layers:
            close = get_close_matches(name, self.unit_layers, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(self.unit_layers)}"
            raise ModelError(f"{self.path}: no layer {name!r} with units; {hint}")
        return self.unit_layers[name]

    def to_blob(self, rgb: np.ndarray) -> np.ndarray:
        """Make the input of the net from a picture.

        Parameters
        ----------
        rgb : (H, W, 3) uint8.

        Returns
        -------
        (channels, height, width) float32.

        Raises
        ------
        ModelError, PreprocessingError : if the preprocessing does not give what the net takes.
        """
        blob = self.preprocessing.apply(rgb)
        if blob.shape != self.input_shape:
            raise ModelError(
                f"a picture of {rgb.shape[0]} x {rgb.shape[1]} becomes an input of {_by(blob.shape)}, but the net"
                f" {self.name!r} takes {_by(self.input_shape)}; set crop, resize or channel order of the preprocessing"
            )
        return blob

    def network(self, device: str | torch.device = "cpu") -> Network:
        """Make the engine for the TEST phase on a device, weights loaded; no parameter takes a gradient."""
        network = Network(self.test_net, "TEST", device, self.weights, seed=0)
        return network.eval().requires_grad_(False)

    def with_preprocessing(self, **changes: object) -> Model:
        """Give the model with some fields of its preprocessing changed; errors as those of `Preprocessing`."""
        changed = replace(self.preprocessing, **changes)  # type: ignore[arg-type]
        return replace(self, preprocessing=changed, assumed=False)


def open_model(
    path: Path | str,
    weights: Path | None = None,
    preprocessing: Path | None = None,
    classes: Path | None = None,
    cache: Path = CACHE,
) -> Model:
    """Open whatever a model may be.

    Parameters
    ----------
    path : a folder of a conversion (with ``conversion.json``), that file, a ``.prototxt``, a folder with one, or a
        folder of a PyTorch baseline (``model.json``, ``weights.safetensors``, ``classes.txt``), which is converted once
        into ``cache``.
    weights : ``.caffemodel`` or ``.caffemodel.h5``; by default the one that belongs to or lies beside the net.
    preprocessing : JSON of a `Preprocessing`, in place of the model's own.
    classes : text file with one name per line, in place of the model's own.
    cache : folder for converted baselines; ``~`` is the home folder.

    Raises
    ------
    ModelError : if it is none of these, or the weights lack a layer.
    FormatError, NetError, PreprocessingError : from the readers, if a file is broken or weights and net do not fit.
    """
    work = opening(path, weights, preprocessing, classes, cache)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def opening(
    path: Path | str,
    weights: Path | None = None,
    preprocessing: Path | None = None,
    classes: Path | None = None,
    cache: Path = CACHE,
) -> Generator[Progress, None, Model]:
    """Do `open_model` step by step: it takes seconds if a baseline must be converted first."""
    files = yield from find_model(Path(path), weights, cache)
    net = read_net(files.net)
    _input_shape(NetGraph(filter_net(net, "TEST")), files.net)
    _name_layers_without_weights(net, arrays := read_weights(files.weights), files.weights)
    known = _read_preprocessing(preprocessing) if preprocessing else files.preprocessing
    names = classes or files.classes
    return Model(
        name=net.name or _name_of(files.net),
        path=files.net,
        net=net,
        weights=arrays,
        preprocessing=known or assumed_preprocessing(net, files.net),
        classes=_read_classes(names) if names else (),
        assumed=known is None,
    )


def opening_settings(settings: Settings) -> Generator[Progress, None, Model]:
    """Do `opening` with what the settings say, of the preprocessing too."""
    model = yield from opening(
        settings.model, settings.weights, settings.preprocessing, settings.classes, settings.cache
    )
    changes = preprocessing_changes(settings, model.preprocessing)
    return model.with_preprocessing(**changes) if changes else model


def assumed_preprocessing(net: NetParameter, path: Path) -> Preprocessing:
    """Guess the preprocessing of a Caffe net that says nothing of it: what BVLC's nets of its kind take.

    Three channels: BGR, 0-255, ImageNet's mean taken off, resized so that the crop is 227/256 of a side. One channel:
    grey, 0-1, resized to the input, as LeNet takes it.
    """
    _, channels, height, width = _input_shape(NetGraph(filter_net(net, "TEST")), path)
    if channels == 1:
        return Preprocessing("GRAY", 1 / 256, resize="stretch", resize_to=(height, width), crop=(height, width))
    if channels == 3:
        resized = tuple(round(length * 256 / 227) for length in (height, width))
        return replace(Preprocessing.caffe_imagenet((1, 3, height, width)), resize_to=resized)
    raise ModelError(f"{path}: takes {channels} channels; say what they are with a preprocessing (JSON)")


def _name_of(net: Path) -> str:
    """Name a net that has none after its file, or its folder where the file is one of `COMMON_STEMS`."""
    return net.absolute().parent.name if net.stem in COMMON_STEMS else net.stem


def pick_device(name: str) -> torch.device:
    """Turn ``auto`` (CUDA if there is one, else the CPU), ``cpu``, ``mps``, ``cuda`` or ``cuda:N`` into a device.

    Raises
    ------
    ModelError : for another name, or a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(
            f"device {name!r} is not there ({str(error).splitlines()[0]}); allowed are auto, cpu, mps, cuda, cuda:N"
        ) from error
    return device


def _input_shape(graph: NetGraph, path: Path) -> tuple[int, ...]:
    """(N, channels, height, width) that the net's only Input layer declares; a `ModelError` if there is no such one."""
    shapes = [
        tuple(shape.dim)
        for node in graph.layers
        if node.type == "Input"
        for _, shape in zip(node.tops, [*node.layer.input_param.shape] * len(node.tops), strict=False)
    ]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        found = ", ".join(f"{_by(shape)}" for shape in shapes) or "none"
        raise ModelError(
            f"{path}: a net must have one Input layer of (N, channels, height, width) to put pictures into; found"
            f" {found}; a train_val.prototxt has none, give the deploy.prototxt"
        )
    return shapes[0]


def _name_layers_without_weights(net: NetParameter, weights: Weights, file: Path) -> None:
    """Refuse weights that leave layers to their random fillers, which Caffe would do in silence."""
    missing = fit_weights(infer_shapes(filter_net(net, "TEST")).params, weights, str(file)).missing
    if missing:
        names = ", ".join(map(repr, missing[:3])) + (" …" if len(missing) > 3 else "")
        raise ModelError(f"{file}: has no weights for layer {names} of the net; give the weights of this net")


def _read_preprocessing(file: Path) -> Preprocessing:
    try:
        return Preprocessing.from_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}); give a preprocessing as JSON") from error


def _read_classes(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read as UTF-8 text ({error}); give one class name per line") from error


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
