"""The proof of a conversion: every layer's output in every engine against PyTorch's."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from converters.capture import Captured, evaluating
from converters.conversion import Conversion
from converters.engines import ENGINES, Job, NotSupportedError
from converters.engines.engine import Top
from converters.errors import ConversionError, ParityError
from prototxt.progress import Progress, with_bar
from prototxt.text import write_message
from prototxt.weights import write_weights


@dataclass(frozen=True)
class Difference:
    """How far two arrays are apart.

    Parameters
    ----------
    absolute : max|a - b|.
    relative : max|a - b| / max|b|, where b is PyTorch's.
    """

    absolute: float
    relative: float

    def __or__(self, other: Difference) -> Difference:
        return Difference(max(self.absolute, other.absolute), max(self.relative, other.relative))


@dataclass(frozen=True)
class LayerCheck:
    """One layer in one engine, the worst over all inputs.

    Parameters
    ----------
    layer : its name in the Caffe net.
    difference : the engine against PyTorch in float32.
    error : the engine against PyTorch in float64, which stands for the true result.
    float32_error : PyTorch in float32 against float64: what rounding alone does to this net.
    """

    layer: str
    difference: Difference
    error: Difference
    float32_error: Difference

    def passes(self, bar: float) -> bool:
        """Whether the engine is within ``bar`` of PyTorch, or as near to the truth as PyTorch itself.

        The second counts for nets that magnify rounding: there two right programs differ by more than any fixed bar.
        """
        return self.difference.relative <= bar or self.error.absolute <= 2 * self.float32_error.absolute

    def __or__(self, other: LayerCheck) -> LayerCheck:
        return LayerCheck(
            self.layer,
            self.difference | other.difference,
            self.error | other.error,
            self.float32_error | other.float32_error,
        )


@dataclass(frozen=True)
class Verification:
    """One engine's verdict.

    Parameters
    ----------
    engine : name in `ENGINES`.
    version : of the program.
    bar : largest relative difference that counts as equal.
    inputs : how many inputs were compared.
    layers : every compared layer, in the net's order; empty where the engine does not support the net.
    note : why it was not compared, or what was left out; "" otherwise.
    """

    engine: str
    version: str
    bar: float
    inputs: int
    layers: tuple[LayerCheck, ...] = ()
    note: str = ""

    @property
    def worst(self) -> LayerCheck | None:
        """The layer with the largest relative difference."""
        return max(self.layers, key=lambda check: check.difference.relative, default=None)

    @property
    def diverging(self) -> LayerCheck | None:
        """The first layer, in the net's order, that does not pass."""
        return next((check for check in self.layers if not check.passes(self.bar)), None)


@dataclass(frozen=True)
class Files:
    """Where the net that is verified lies."""

    prototxt: Path
    caffemodel: Path


def verify(
    conversion: Conversion,
    model: nn.Module,
    engines: Sequence[str] = ("torchcaffe",),
    inputs: Sequence[np.ndarray] | None = None,
    files: Files | None = None,
) -> list[Verification]:
    """Compare a conversion with its PyTorch model, layer by layer; see `verifying` for the arguments and errors."""
    return with_bar(verifying(conversion, model, engines, inputs, files), quiet=True)


def verifying(
    conversion: Conversion,
    model: nn.Module,
    engines: Sequence[str] = ("torchcaffe",),
    inputs: Sequence[np.ndarray] | None = None,
    files: Files | None = None,
) -> Generator[Progress, None, list[Verification]]:
    """Compare a conversion with its PyTorch model, layer by layer, as a generator that tells its progress.

    The net is written to files (or was: ``files``), and the engines read these, so that reading is verified as well.

    Parameters
    ----------
    model : the model that was converted.
    engines : names in `ENGINES`.
    inputs : float32 arrays of the conversion's input shape; by default `example_inputs`.

    Returns
    -------
    One verdict for every engine, whether it passes or not: `check` raises.

    Raises
    ------
    ConversionError : for an unknown engine, one that is not installed, or one that refuses the net.
    ParityError : if the captured graph itself computes something else than the model.
    """
    captured = _captured(conversion)
    versions = {name: engine_named(name).version() for name in engines}
    inputs = example_inputs(captured.input_shape) if inputs is None else inputs
    with tempfile.TemporaryDirectory(prefix="conversion-") as folder:
        files = files or write_files(conversion, Path(folder))
        wanted = tuple((reference.layer, reference.top) for reference in conversion.references)
        job = Job(files.prototxt, files.caffemodel, tuple(inputs), wanted)
        comparisons = [_Comparison(name, versions[name], job) for name in versions]
        total = len(comparisons) * len(inputs)
        for number, images in enumerate(inputs if comparisons else ()):
            _check_capture(captured, model, images)
            expected = _Expected(
                reference_values(conversion, images), reference_values(conversion, images, torch.float64)
            )
            for index, comparison in enumerate(comparisons):
                yield Progress(number * len(comparisons) + index, total, f"verify: {comparison.name}")
                comparison.compare(expected)
        yield Progress(total, total, "verify")
    return [comparison.verdict() for comparison in comparisons]


def check(verifications: Iterable[Verification]) -> None:
    """Refuse a conversion that some engine computes otherwise.

    Raises
    ------
    ParityError : naming the engine and the first layer that diverges.
    """
    for verification in verifications:
        check = verification.diverging
        if check:
            raise ParityError(
                f"{verification.engine} diverges from PyTorch, first at layer {check.layer!r}: relative difference "
                f"{check.difference.relative:.2e} (absolute {check.difference.absolute:.2e}), allowed "
                f"{verification.bar:.0e}; no files were written. Please report the model"
            )


def difference(ours: np.ndarray, reference: np.ndarray) -> Difference:
    """How far ``ours`` is from ``reference``, of the same shape.

    Infinite if a value is not a number on one side alone; equal infinities are equal.
    """
    if not reference.size:
        return Difference(0.0, 0.0)
    ours, reference = ours.astype(np.float64), reference.astype(np.float64)
    same = (ours == reference) | (np.isnan(ours) & np.isnan(reference))
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0.0, np.abs(ours - reference))
    absolute = float(np.nan_to_num(distance, nan=np.inf).max())
    finite = np.abs(reference[np.isfinite(reference)])
    largest = float(finite.max()) if finite.size else 0.0
    return Difference(absolute, absolute / largest if largest else (np.inf if absolute else 0.0))


def example_inputs(shape: Sequence[int]) -> list[np.ndarray]:
    """Four inputs of ``shape`` (batch, channels, height, width), float32: two of noise, a ramp, and edges.

    They are computed without a random-number generator of a library, so that they stay the same in all versions.
    """
    count = int(np.prod(shape))
    index = np.arange(count, dtype=np.uint64)
    noise = [_noise(index + np.uint64(offset)).reshape(shape) for offset in (0, count)]
    ramp = np.linspace(-2, 2, count).reshape(shape)
    edges = np.where(np.add.reduce(np.indices(shape) // 4) % 2, 1.5, -1.5)
    return [array.astype(np.float32) for array in (2 * noise[0], noise[1], ramp, edges + 0.1 * noise[0])]


def engine_named(name: str) -> Any:
    """The engine called ``name``.

    Raises
    ------
    ConversionError : if there is none.
    """
    if name not in ENGINES:
        raise ConversionError(f"engine {name!r} is unknown; verify with one or several of {', '.join(ENGINES)}")
    return ENGINES[name]


def write_files(conversion: Conversion, folder: Path, stem: str = "net") -> Files:
    """Write ``stem.prototxt`` and ``stem.caffemodel`` into ``folder``."""
    files = Files(folder / f"{stem}.prototxt", folder / f"{stem}.caffemodel")
    write_message(files.prototxt, conversion.net)
    write_weights(files.caffemodel, conversion.net, conversion.weights)
    return files


@dataclass(frozen=True)
class _Expected:
    """PyTorch's values of one input."""

    float32: dict[Top, np.ndarray]
    float64: dict[Top, np.ndarray]


class _Comparison:
    """One engine on its way through the inputs."""

    def __init__(self, name: str, version: str, job: Job) -> None:
        self.name = name
        self._version = version
        self._job = job
        self._results = engine_named(name).run([job])
        self._checks: dict[Top, LayerCheck] = {}
        self._refused = ""

    def compare(self, expected: _Expected) -> None:
        """Run the next input and compare every layer."""
        if self._refused:
            return
        try:
            results = next(self._results)
        except NotSupportedError as reason:
            self._refused = f"not supported by this engine: {reason}"
            return
        for top, result in results.items():
            found = _check_layer(top, result, expected)
            self._checks[top] = self._checks[top] | found if top in self._checks else found

    def verdict(self) -> Verification:
        """What the engine did with all inputs."""
        bar = engine_named(self.name).bar
        if self._refused:
            return Verification(self.name, self._version, bar, 0, (), self._refused)
        left_out = [layer for layer, index in self._job.wanted if (layer, index) not in self._checks]
        note = f"not given by this engine: {', '.join(left_out)}" if left_out else ""
        checks = tuple(self._checks.values())
        return Verification(self.name, self._version, bar, len(self._job.inputs), checks, note)


def reference_values(
    conversion: Conversion, images: np.ndarray, dtype: torch.dtype = torch.float32
) -> dict[Top, np.ndarray]:
    """What every layer's top must hold, computed by PyTorch from the captured graph.

    Parameters
    ----------
    images : of the conversion's input shape.
    dtype : floating-point type to compute in.

    Returns
    -------
    arrays by (layer, index of top); layers that only exist in Caffe, such as the first of two that make one
    operation, are not among them.
    """
    captured = _captured(conversion)
    nodes = {reference.node for reference in conversion.references}
    values = captured.run(_on_device(captured, images), nodes, dtype)
    return {
        (ref.layer, ref.top): (values[ref.node] if ref.part is None else values[ref.node][ref.part]).cpu().numpy()
        for ref in conversion.references
    }


def _captured(conversion: Conversion) -> Captured:
    if conversion.captured is None:
        raise ConversionError("this conversion has no PyTorch graph to be verified by: convert the model again")
    return conversion.captured


def _on_device(captured: Captured, images: np.ndarray) -> Tensor:
    device = next((value.device for value in captured.constants.values()), torch.device("cpu"))
    return torch.from_numpy(images).to(device)


@torch.no_grad()
def _check_capture(captured: Captured, model: nn.Module, images: np.ndarray) -> None:
    tensor = _on_device(captured, images)
    ours = captured.run(tensor, set(captured.outputs))
    with evaluating(model):
        results = _leaves(model(tensor))
    for name, result in zip(captured.outputs, results, strict=True):
        found = difference(ours[name].cpu().numpy(), result.cpu().numpy())
        if not found.relative <= 1e-5:
            raise ParityError(
                f"torch.export captured another computation than {type(model).__name__} does in evaluation mode "
                f"(relative difference {found.relative:.2e}); its forward may be random or depend on its input"
            )


def _leaves(results: Any) -> list[Tensor]:
    """The tensors of a model's result, which may nest them."""
    if isinstance(results, Tensor):
        return [results]
    parts = results.values() if isinstance(results, Mapping) else results
    return [leaf for part in parts for leaf in _leaves(part)]


def _check_layer(top: Top, result: np.ndarray, expected: _Expected) -> LayerCheck:
    """Compare one top; an engine may keep flattened what PyTorch does not, and the other way round."""
    single, double = expected.float32[top], expected.float64[top]
    if result.size != single.size:
        raise ParityError(f"layer {top[0]!r} has shape {result.shape} where PyTorch has {single.shape}")
    result = result.reshape(single.shape)
    return LayerCheck(top[0], difference(result, single), difference(result, double), difference(single, double))


def _noise(index: np.ndarray) -> np.ndarray:
    """Uniform in [-1, 1), by hashing the index (the finaliser of Steele et al. 2014, SplitMix)."""
    bits = (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (bits ^ (bits >> np.uint64(31))) / 2.0**63 - 1
