"""A net with its weights, its preprocessing and the names of its classes: what scan and window look into."""

from __future__ import annotations

from collections.abc import Generator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from deepvis.errors import ModelError
from deepvis.model.assumed import assumed_preprocessing
from deepvis.model.feed import RECURRENT_TYPES, USUAL, Feed, Layout, by, find_feed, find_layouts
from deepvis.model.files import CACHE, Building, find_model
from prototxt.common.names import did_you_mean
from prototxt.common.progress import Progress
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_net
from prototxt.formats.weights import Weights, read_weights, weights_hash
from prototxt.net.fit import fit_weights
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.layer_types import ACTIVATION_TYPES, UNIT_TYPES
from prototxt.net.phases import filter_net
from prototxt.net.receptive_field import FIRST_SPATIAL_AXIS, ReceptiveField, receptive_fields
from prototxt.net.shapes import Shapes, infer_shapes
from prototxt.pixels.field_types import PairRule
from prototxt.pixels.inputs import input_blob
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import read_preprocessing
from prototxt.pixels.samples import Clip, Planes, Sample, size_of
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
    field : receptive field of a position of the map in the input blob; None where the net's geometry gives none. Along
        `Layout.time_axis` a map has no field.
    layout : on which axes of its blobs images, units and positions are.
    seen : which of the two inputs of a siamese net it depends on: (0,), (1,) or (0, 1); (0,) with one input.
    """

    name: str
    type: str
    value: Value
    before: Value
    units: int
    map_shape: tuple[int, ...]
    field: ReceptiveField | None
    layout: Layout = USUAL
    seen: tuple[int, ...] = (0,)


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
    def feed(self) -> Feed:
        """How images enter the net; a `ModelError` if they cannot."""
        return find_feed(self.graph, self.path)

    @cached_property
    def layouts(self) -> dict[Value, Layout]:
        """How the values that hold images lie."""
        return find_layouts(self.graph, self.feed)

    def layout(self, value: Value) -> Layout:
        """How a value lies; (N, C, …) for one that holds no images."""
        return self.layouts.get(value, USUAL)

    @cached_property
    def fields(self) -> dict[Value, ReceptiveField]:
        """Receptive field of every blob that has one; of what sees two inputs only where it is the same in both."""
        every = self._fields_by_input
        found = dict(every[0])
        for value, field in every[1].items() if len(every) > 1 else ():
            if value not in found:
                found[value] = field
            elif not found[value].same_as(field):
                del found[value]
        return found

    @cached_property
    def _fields_by_input(self) -> list[dict[Value, ReceptiveField]]:
        spatial = [value for value in self.feed.values if len(self.shapes.values[value]) > FIRST_SPATIAL_AXIS]
        if not spatial or (self.feed.steps and not self.feed.frames_first):
            return [{}]
        return [receptive_fields(self.graph, self.shapes, value.blob) for value in spatial]

    @cached_property
    def unit_layers(self) -> dict[str, UnitLayer]:
        """Convolution, Deconvolution, InnerProduct, LSTM and RNN layers by name, in the order of the net."""
        layers = {}
        for node in self.graph.layers:
            if node.type in UNIT_TYPES | RECURRENT_TYPES and node.tops[0] in self.layouts:
                layers[node.name] = self._unit_layer(node)
        return layers

    def _unit_layer(self, node: Node) -> UnitLayer:
        value, before = self.graph.unit_value(node.name), self.graph.unit_value(node.name, after=False)
        layout = self.layouts[value]
        _, units, *map_shape = layout.map_shape(self.shapes.values[value])
        inputs = enumerate(self.feed.values)
        seen = tuple(place for place, start in inputs if node in self.graph.descendants([start]))
        return UnitLayer(
            node.name, node.type, value, before, units, tuple(map_shape), self.fields.get(value), layout, seen or (0,)
        )

    @cached_property
    def input(self) -> Value:
        """The blob that images go into (the first of a siamese net's two); a `ModelError` if they cannot."""
        return self.feed.values[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of what one image becomes: channels, height and width for pictures; see `Feed.image_shape`."""
        return self.feed.image_shape

    @property
    def frames(self) -> int:
        """Frames of a video that make one image: 1 for pictures, the length of the time axis of nets that have one."""
        if self.feed.steps and self.feed.frames_first:
            return self.feed.steps
        return self.input_shape[1] if len(self.feed.values) == 1 and len(self.input_shape) == 4 else 1

    @property
    def output(self) -> Value:
        """The blob with the class scores: the last output of the net."""
        return self.graph.outputs[-1]

    def layer(self, name: str) -> UnitLayer:
        """Give a layer with units by its name; a `ModelError` names the close ones if there is none."""
        if name not in self.unit_layers:
            hint = did_you_mean(name, self.unit_layers, f"there are {', '.join(self.unit_layers)}")
            raise ModelError(f"{self.path}: no layer {name!r} with units; {hint}")
        return self.unit_layers[name]

    def to_blob(self, sample: Sample) -> np.ndarray:
        """Make the input of the net from an image.

        Parameters
        ----------
        sample : what `ImageSource.read` gives, such as a picture (H, W, 3) uint8.

        Returns
        -------
        `input_shape`, (channels, height, width) for pictures, float32.

        Raises
        ------
        ModelError, PreprocessingError : if the preprocessing does not give what the net takes.
        """
        blob = input_blob(sample, self.preprocessing)
        wanted = self.input_shape
        if isinstance(sample, Clip) and not self.feed.frames_first:
            blob = np.ascontiguousarray(blob.swapaxes(0, 1))  # a net with a time axis has channels first
        if blob.shape[0] == 1 and blob.shape[1:] == wanted:
            blob = blob[0]  # a grey picture whose rows are the steps of a sequence
        if blob.shape != wanted:
            raise ModelError(
                f"{_in_words(sample)} becomes an input of {by(blob.shape)}, but the net {self.name!r} takes"
                f" {by(wanted)}; set crop, resize or channel order of the preprocessing"
            )
        return blob

    def network(self, device: str | torch.device = "cpu") -> Network:
        """Make the engine for the TEST phase on a device, weights loaded; no parameter takes a gradient."""
        network = Network(self.test_net, "TEST", device, self.weights, seed=0)
        return network.eval().requires_grad_(False)

    def with_preprocessing(self, **changes: object) -> Model:
        """Give the model with some fields of its preprocessing changed; errors as those of `Preprocessing`."""
        return self.prepared_by(replace(self.preprocessing, **changes))  # type: ignore[arg-type]

    def prepared_by(self, preprocessing: Preprocessing, assumed: bool = False) -> Model:
        """Give the model with another preprocessing; what was derived from the net is not derived again."""
        model = copy(self)
        object.__setattr__(model, "preprocessing", preprocessing)
        object.__setattr__(model, "assumed", assumed)
        return model


def into_activation(model: Model, layer: UnitLayer) -> Value:
    """Give what goes into the activation of a layer's units (after BatchNorm, Scale, Bias); their value without one."""
    producer = model.graph.producer(layer.value)
    return producer.bottoms[0] if producer.type in ACTIVATION_TYPES else layer.value


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
    path : a folder of a conversion (with ``conversion.json``), that file, a ``.prototxt``, a folder with one, a
        ``.caffemodel`` with its net beside it; or what is converted once into ``cache``: a folder of a PyTorch baseline
        (``model.json``, ``weights.safetensors``, ``classes.txt``), the name of a network of torchvision, or a file of
        PyTorch weights (`opening` with ``building``).
    weights : ``.caffemodel`` or ``.caffemodel.h5``; by default the one that belongs to or lies beside the net.
    preprocessing : JSON of a `Preprocessing`, in place of the model's own.
    classes : text file with one name per line, in place of the model's own.
    cache : folder for converted models; ``~`` is the home folder.

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
    pair: PairRule | None = None,
    building: Building | None = None,
) -> Generator[Progress, None, Model]:
    """Do `open_model` step by step: it takes seconds if a baseline must be converted first.

    Parameters
    ----------
    pair : how pairs enter the net, for what is assumed of a model that comes without a preprocessing.
    building : how a PyTorch model is built of which only weights are given.
    """
    files = yield from find_model(Path(path), weights, cache, building)
    net = read_net(files.net)
    feed = find_feed(NetGraph(filter_net(net, "TEST")), files.net)
    _name_layers_without_weights(net, arrays := read_weights(files.weights), files.weights)
    known = read_preprocessing(preprocessing) if preprocessing else files.preprocessing
    names = classes or files.classes
    return Model(
        name=net.name or _name_of(files.net),
        path=files.net,
        net=net,
        weights=arrays,
        preprocessing=known or assumed_preprocessing(feed, pair),
        classes=_read_classes(names) if names else (),
        assumed=known is None,
    )


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


def _name_layers_without_weights(net: NetParameter, weights: Weights, file: Path) -> None:
    """Refuse weights that leave layers to their random fillers, which Caffe would do in silence."""
    missing = fit_weights(infer_shapes(filter_net(net, "TEST")).params, weights, str(file)).missing
    if missing:
        names = ", ".join(map(repr, missing[:3])) + (" …" if len(missing) > 3 else "")
        raise ModelError(f"{file}: has no weights for layer {names} of the net; give the weights of this net")


def _read_classes(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read as UTF-8 text ({error}); give one class name per line") from error


def _in_words(sample: Sample) -> str:
    if isinstance(sample, Planes):
        return f"an array of {by(sample.values.shape)}"
    kind = next((kind for kind in ("pair", "clip") if type(sample).__name__.lower() == kind), "picture")
    return f"a {kind} of {by(size_of(sample))}"
