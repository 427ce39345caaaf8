"""The pass itself: pictures through the net once, everything reduced on the device, one file written."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepvis.errors import ImageError, ScanError
from deepvis.images import ImageSource
from deepvis.loader import Loaded, batches
from deepvis.model import Model, UnitLayer, pick_device
from deepvis.progress import Progress
from deepvis.scan.reduction import Moments, Reduced, first_maximum, reduce_maps
from deepvis.scan.top_images import TopImages
from deepvis.scan.writer import ScanWriter
from prototxt.atomic import atomic_path
from prototxt.errors import NetError


@dataclass
class Summary:
    """What a scan came to: images read, and the error of every image that could not be."""

    read: int = 0
    errors: list[ImageError] = field(default_factory=list)


def scan(
    model: Model,
    images: ImageSource,
    out: Path | str,
    layers: Sequence[str] | None = None,
    *,
    top: int = 9,
    batch: int = 32,
    device: str = "auto",
    workers: int | None = None,
    before: bool = False,
    strict: bool = False,
) -> Generator[Progress, None, Summary]:
    """Send pictures through a net once and write a ``scan.h5`` (``docs/scan-format.md``).

    The pass stops at the last layer that is wanted. A picture that cannot be used is noted in the file and left out.
    Closing the generator, or any error, leaves ``out`` as it was.

    Parameters
    ----------
    model, images : what is scanned with what; at least one image.
    out : the file, replaced when it exists.
    layers : names of Convolution, Deconvolution or InnerProduct layers; None for all of them.
    top : images kept for every unit, at least 1.
    batch : images per forward pass, at least 1.
    device : as in `pick_device`.
    workers : decoding threads, see `deepvis.loader.batches`.
    before : keep the means before the activation too.
    strict : raise on the first picture that cannot be used.

    Yields
    ------
    Progress in images, after every batch.

    Returns
    -------
    Summary

    Raises
    ------
    ScanError : if no image can be used, the net gives NaN, or a batch does not fit into the device's memory.
    ImageError : if ``strict`` and a picture cannot be used.
    ModelError : for an unknown layer or device.
    FormatError : if ``out`` cannot be written.
    """
    chosen = [model.layer(name) for name in layers] if layers is not None else list(model.unit_layers.values())
    if not chosen:
        raise ScanError(f"{model.path}: has no Convolution, Deconvolution or InnerProduct layer to scan")
    chosen.sort(key=list(model.unit_layers.values()).index)
    one_pass = _Pass(model, chosen, top, pick_device(device), before)
    summary = Summary()
    with atomic_path(out) as temporary, ScanWriter(temporary, model, images, chosen, top, before) as writer:
        yield Progress(0, len(images), "scan")
        for loaded in batches(images, model.to_blob, batch, workers):
            errors = [item.error for item in loaded if item.error is not None]
            if strict and errors:
                raise errors[0]
            usable = [item for item in loaded if item.error is None]
            if usable:
                tables = one_pass.add(usable, images)
                writer.add([item.index for item in usable], [item.size for item in usable], tables)
            summary.read += len(usable)
            summary.errors += errors
            yield Progress(loaded[-1].index + 1, len(images), "scan")
        if not summary.read:
            raise ScanError(f"none of the {len(images)} images could be used; the first: {summary.errors[0]}")
        writer.finish(*one_pass.finish())
    return summary


class _Pass:
    """Network and accumulators of a scan."""

    def __init__(self, model: Model, layers: list[UnitLayer], top: int, device: torch.device, before: bool) -> None:
        self.layers = layers
        self.device = device
        self.input = model.input
        self.before = before
        self.network = model.network(device)
        wanted = [layer.value for layer in layers] + [layer.before for layer in layers if before]
        self.keep = list(dict.fromkeys(wanted))
        self.top = TopImages(sum(layer.units for layer in layers), top, device)
        self.moments = [Moments(layer.units, device) for layer in layers]

    @torch.inference_mode()
    def add(self, loaded: list[Loaded], images: ImageSource) -> dict[str, np.ndarray]:
        """Compute a batch and take in what it says; gives the batch's rows of the means tables."""
        blobs = torch.from_numpy(np.stack([item.blob for item in loaded if item.blob is not None]))
        try:
            values = self.network.run({self.input.blob: blobs.to(self.device)}, keep=self.keep)
            maps = [values[layer.value] for layer in self.layers]
            reduced = [reduce_maps(part) for part in maps]
        except (torch.OutOfMemoryError, NetError) as error:
            if not isinstance(error.__cause__ or error, torch.OutOfMemoryError):
                raise
            raise ScanError(f"a batch of {len(loaded)} does not fit into memory; give a smaller --batch") from error
        maxima = torch.cat([part.max for part in reduced], 1)
        self._refuse_nan(maxima, loaded, images)
        numbers = torch.tensor([item.index for item in loaded], device=self.device)
        self.top.update(maxima, numbers, lambda units, rows: self._locate(maps, units, rows))
        for moments, part in zip(self.moments, reduced, strict=True):
            moments.update(part)
        tables = {"means_post": _means(reduced, maps)}
        if self.before:
            own = [values[layer.before] for layer in self.layers]
            tables["means_pre"] = _means([reduce_maps(part) for part in own], own)
        return tables

    def finish(self) -> tuple[np.ndarray, np.ndarray, dict[str, dict[str, np.ndarray]]]:
        """Keys, positions and statistics as `ScanWriter.finish` takes them."""
        statistics = {
            layer.name: {
                name: array.numpy() for name, array in moments.statistics(int(np.prod(layer.map_shape))).items()
            }
            for layer, moments in zip(self.layers, self.moments, strict=True)
        }
        return self.top.keys.cpu().numpy(), self.top.positions.cpu().numpy(), statistics

    def _locate(self, maps: list[Tensor], units: Tensor, rows: Tensor) -> Tensor:
        """Flat position of the first maximum of the map of each unit (of all layers, ascending) on each row."""
        ends = np.cumsum([layer.units for layer in self.layers])
        bounds = torch.searchsorted(units, torch.tensor(ends, device=self.device)).tolist()
        positions = torch.empty_like(units)
        for part, end, start, stop in zip(maps, ends, [0, *bounds], bounds, strict=False):
            if start < stop:
                own = units[start:stop] - int(end - part.shape[1])
                positions[start:stop] = first_maximum(part[rows[start:stop], own].reshape(stop - start, -1))
        return positions

    def _refuse_nan(self, maxima: Tensor, loaded: list[Loaded], images: ImageSource) -> None:
        bad = maxima.isnan()
        if not bad.any():
            return
        row, unit = bad.nonzero()[0].tolist()
        ends = np.cumsum([layer.units for layer in self.layers])
        layer = self.layers[int(np.searchsorted(ends, unit, side="right"))]
        raise ScanError(
            f"layer {layer.name!r} gives NaN for {images.paths[loaded[row].index]}; the weights or the preprocessing"
            " are broken"
        )


def _means(reduced: list[Reduced], maps: list[Tensor]) -> np.ndarray:
    """(B, units of all layers) float32 means over the positions, from float64 sums."""
    means = [part.sum / (part_maps[0, 0].numel()) for part, part_maps in zip(reduced, maps, strict=True)]
    return torch.cat(means, 1).float().cpu().numpy()
