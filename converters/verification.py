"""The proof of a conversion: every layer's output in every engine against PyTorch's."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from converters.baking import graph_feed, pixel_feed
from converters.conversion import Conversion
from converters.engines import ENGINES, Job, NotSupportedError
from converters.engines.engine import Feed, Top
from converters.errors import ParityError
from converters.example_inputs import example_feeds, in_batches
from converters.failing import write_smallest_failing
from converters.reference import Expected, captured_graph, check_capture, reference_values
from converters.verdict import LayerCheck, Verification, difference
from prototxt.common.progress import Progress, at_once
from prototxt.formats.text import write_message
from prototxt.formats.weights import fits_caffemodel, names_and_types, write_weights

NAMED = 5  # so many layers are named that an engine does not give


@dataclass(frozen=True)
class Files:
    """Where the net that is verified lies."""

    prototxt: Path
    caffemodel: Path


def verifying(
    conversion: Conversion,
    model: nn.Module,
    engines: Sequence[str] = ("torchcaffe",),
    inputs: Sequence[Feed] | None = None,
    files: Files | None = None,
) -> Generator[Progress, None, list[Verification]]:
    """Compare a conversion with its PyTorch model, layer by layer, as a generator that tells its progress.

    The net is written to files (or was: ``files``), and the engines read these, so that reading is verified as well.

    Parameters
    ----------
    model : the model that was converted.
    engines : names in `ENGINES`.
    inputs : float32 arrays of the conversion's input shape, or by name of the input where there are several; by
        default `example_feeds`. A net of one picture is run with two at a time, which proves that it takes any batch.

    Returns
    -------
    One verdict for every engine, whether it passes or not: `check` raises.

    Raises
    ------
    ConversionError : for an unknown engine, one that is not installed, or one that refuses the net.
    ParityError : if the captured graph itself computes something else than the model.
    """
    captured = captured_graph(conversion)
    versions = {name: ENGINES.find(name).version() for name in engines}
    feeds = feeds_of(conversion, inputs)
    pictures = len(feeds) * captured.pictures if inputs is None else len(inputs)
    with tempfile.TemporaryDirectory(prefix="conversion-") as folder:
        files = files or write_files(conversion, Path(folder))
        wanted = tuple((reference.layer, reference.top) for reference in conversion.references)
        job = Job(files.prototxt, files.caffemodel, tuple(feeds), wanted)
        comparisons = [_Comparison(name, versions[name], job, pictures) for name in versions]
        total = len(comparisons) * len(feeds)
        for number, feed in enumerate(feeds if comparisons else ()):
            feed = seen_by_graph(conversion, feed)
            check_capture(captured, model, feed)
            expected = Expected.of(conversion, feed)
            for index, comparison in enumerate(comparisons):
                yield Progress(number * len(comparisons) + index, total, f"verify: {comparison.name}")
                comparison.compare(expected)
        yield Progress(total, total, "verify")
    return [comparison.verdict() for comparison in comparisons]


verify = at_once(verifying)
"""`verifying` at once: ``verify(conversion, model)`` gives the verdicts."""


def feeds_of(conversion: Conversion, inputs: Sequence[Feed] | None = None) -> list[dict[str, np.ndarray]]:
    """What the net is given, run by run, of the batch that the graph was captured with; see `verifying`."""
    captured = captured_graph(conversion)
    feeds = in_batches(captured, example_feeds(captured) if inputs is None else inputs)
    if conversion.baked and inputs is None:
        return [pixel_feed(feed, captured.inputs[0].name) for feed in feeds]
    return feeds


def seen_by_graph(conversion: Conversion, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the PyTorch graph is given when the net is given ``feed``: the same, but for baked preprocessing."""
    if conversion.baked is None:
        return feed
    return graph_feed(feed, captured_graph(conversion).inputs[0].name, conversion.baked)


def write_diverging(conversion: Conversion, verification: Verification, folder: Path) -> bool:
    """Write the smallest part of a net that diverges; False where the engine passes, or runs no nets of Caffe.

    See `converters.failing.write_smallest_failing`.
    """
    if verification.diverging is None or verification.engine not in ENGINES:
        return False
    name = verification.diverging.layer
    top = next((each.layer, each.top) for each in conversion.references if each.layer == name)
    for feed in feeds_of(conversion):
        values = reference_values(conversion, seen_by_graph(conversion, feed))
        inputs = {(given, 0): array for given, array in feed.items()}
        if write_smallest_failing(folder, conversion, verification.engine, top, {**values, **inputs}):
            break
    return True


def write_files(conversion: Conversion, folder: Path, stem: str = "net") -> Files:
    """Write ``stem.prototxt`` and ``stem.caffemodel`` (or what `weights_name` says) into ``folder``."""
    files = Files(folder / f"{stem}.prototxt", folder / weights_name(conversion, stem))
    write_message(files.prototxt, conversion.net)
    owned = files.caffemodel.suffix == ".h5"  # stores shared parameters once, so it must know who owns them
    net = conversion.net if owned else names_and_types(conversion.net)
    write_weights(files.caffemodel, net, conversion.weights)
    return files


def weights_name(conversion: Conversion, stem: str) -> str:
    """``stem.caffemodel``, or ``stem.caffemodel.h5`` for more than the 2 GiB that Caffe reads of one file."""
    small = fits_caffemodel(names_and_types(conversion.net), conversion.weights)
    return f"{stem}.caffemodel" if small else f"{stem}.caffemodel.h5"


class _Comparison:
    """One engine on its way through the inputs."""

    def __init__(self, name: str, version: str, job: Job, inputs: int) -> None:
        self.name = name
        self._inputs = inputs
        self._version = version
        self._job = job
        self._results = ENGINES[name].run([job])
        self._checks: dict[Top, LayerCheck] = {}
        self._refused = ""

    def compare(self, expected: Expected) -> None:
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
        bar = ENGINES[self.name].bar
        if self._refused:
            return Verification(self.name, self._version, bar, 0, (), self._refused)
        left_out = [layer for layer, index in self._job.wanted if (layer, index) not in self._checks]
        rest = f" and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
        note = f"not given by this engine: {', '.join(left_out[:NAMED])}{rest}" if left_out else ""
        checks = tuple(self._checks.values())
        return Verification(self.name, self._version, bar, self._inputs, checks, note)


def _check_layer(top: Top, result: np.ndarray, expected: Expected) -> LayerCheck:
    """Compare one top; an engine may keep flattened what PyTorch does not, and the other way round."""
    single, double = expected.float32[top], expected.float64[top]
    if result.size != single.size:
        raise ParityError(f"layer {top[0]!r} has shape {result.shape} where PyTorch has {single.shape}")
    result = result.reshape(single.shape)
    return LayerCheck(top[0], difference(result, single), difference(result, double), difference(single, double))
