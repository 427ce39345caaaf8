"""Pictures through the net, a batch at a time, everything reduced on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from deepvis.model.model import Model, UnitLayer, into_activation
from deepvis.scan.head import Wanted
from deepvis.scan.importance import run_with_importance
from deepvis.scan.reduction import Moments, Reduced, first_maximum, first_minimum, mean_maps, reduce_maps
from deepvis.scan.top_images import TopImages
from deepvis.scan.totals import Totals, stacked
from deepvis.sources import ImageSource
from deepvis.sources.loader import Loaded
from entropy.errors import ScanError
from entropy.measuring import scan_layout as layout
from prototxt.common.errors import NetError
from prototxt.net.graph import Value


class UnitPass:
    """Network and accumulators of a scan.

    Parameters
    ----------
    model, layers : what is scanned, layers in the order of the net.
    totals : what it goes on from.
    wanted : what is kept.
    device : where it computes.
    """

    def __init__(
        self, model: Model, layers: Sequence[UnitLayer], totals: Totals, wanted: Wanted, device: torch.device
    ) -> None:
        self.model = model
        self.layers = layers
        self.wanted = wanted
        self.device = device
        self.network = model.network(device)
        self.driving = [into_activation(model, layer) for layer in layers]
        values = [layer.value for layer in layers] + [value for value in self.driving if wanted.bottom]
        self._asked = {*wanted.tables, *wanted.histograms}
        values += [layer.before for layer in layers if layout.MEANS_PRE in self._asked]
        self.keep = list(dict.fromkeys(values))
        chains = zip(layers, self.driving, strict=True)
        self._layouts = {value: layer.layout for layer, own in chains for value in (layer.value, layer.before, own)}
        self.moments = Moments(totals, device)
        units, top = totals.top_keys.shape
        self.top, self.bottom = TopImages(units, top, device), TopImages(units, top, device)
        self.top.load(totals.top_keys, totals.top_positions)
        self.bottom.load(totals.bottom_keys, totals.bottom_positions)
        self.histograms = dict(zip(wanted.histograms, totals.histograms(), strict=True))
        self._ends = np.cumsum([layer.units for layer in layers])
        self._batch: np.ndarray | None = None

    @torch.inference_mode()
    def add(self, loaded: list[Loaded], first: int, images: ImageSource) -> dict[str, np.ndarray]:
        """Compute a batch and take in what it says.

        Parameters
        ----------
        loaded : B pictures that could be used.
        first : index of the image that this part of the scan counts from.
        images : for their names.

        Returns
        -------
        (B, units of all layers) float32 rows of every table.

        Raises
        ------
        ScanError : if a value is not finite, or the batch does not fit into memory.
        """
        try:
            values, rows = self._forward(self._stacked([item.blob for item in loaded if item.blob is not None]))
            maps = [values[layer.value] for layer in self.layers]
            reduced = [reduce_maps(part) for part in maps]
        except (torch.OutOfMemoryError, NetError) as error:
            if not isinstance(error.__cause__ or error, torch.OutOfMemoryError):
                raise
            raise ScanError(f"a batch of {len(loaded)} does not fit into memory; give a smaller --batch") from error
        self._refuse_not_finite(reduced, loaded, images)
        numbers = torch.tensor([item.index - first for item in loaded], device=self.device)
        maxima = torch.cat([part.max for part in reduced], 1)
        self.top.update(maxima, numbers, lambda units, rows: self._locate(maps, first_maximum, units, rows))
        if self.wanted.bottom:
            self._add_minima(values, reduced, numbers)
        self.moments.update(reduced)
        rows |= {layout.MEANS_POST: _means(reduced, maps), layout.MAXIMA: maxima}
        if layout.MEANS_PRE in self._asked:
            rows[layout.MEANS_PRE] = self._means_before(values, rows[layout.MEANS_POST])
        found = {name: rows[name].float().cpu().numpy() for name in self._asked}
        for name, histograms in self.histograms.items():
            histograms.add(found[name])
        return {name: found[name] for name in self.wanted.tables}

    def _stacked(self, blobs: Sequence[np.ndarray]) -> Tensor:
        """(B, …) float32 on the device; on a CPU the memory of the batch before, as asking for new takes longer."""
        if self._batch is None or len(self._batch) < len(blobs):
            self._batch = np.empty((len(blobs), *blobs[0].shape), np.float32)
        return torch.from_numpy(np.stack(blobs, out=self._batch[: len(blobs)])).to(self.device)

    def totals(self) -> Totals:
        """Copies of everything accumulated so far."""
        moments = self.moments
        moments.sums.carry()
        moments.squares.carry()
        entries = (self.top.keys, self.top.positions, self.bottom.keys, self.bottom.positions)
        sums = (moments.sums.limbs, moments.squares.limbs, moments.zeros, moments.min, moments.max)
        arrays = [array.cpu().numpy().copy() for array in (*entries, *sums)]
        arrays += stacked(list(self.histograms.values()), len(moments.zeros))
        return Totals(*arrays)

    def _forward(self, blobs: Tensor) -> tuple[dict[Value, Tensor], dict[str, Tensor]]:
        """Maps (B, C, …) of the values that are wanted, and rows of the tables that take a backward pass."""
        if not any(table in self.wanted.tables for table in layout.IMPORTANCE):
            rows: dict[str, Tensor] = {}
            values = self.network.run(self.model.feed.inputs(blobs), keep=self.keep)
        else:
            values, rows = run_with_importance(self.network, blobs, self.model, self.layers, self.keep)
        return {value: self._layouts[value].maps(values[value]) for value in self.keep}, rows

    def _add_minima(self, values: dict[Value, Tensor], reduced: list[Reduced], numbers: Tensor) -> None:
        """Merge the images with the least values of what goes into the activation."""
        maps = [values[value] for value in self.driving]
        minima = torch.cat(
            [
                part.min if value == layer.value else own.flatten(2).amin(2) if own.dim() > 2 else own
                for layer, value, own, part in zip(self.layers, self.driving, maps, reduced, strict=True)
            ],
            1,
        )
        self.bottom.update(-minima, numbers, lambda units, rows: self._locate(maps, first_minimum, units, rows))

    def _means_before(self, values: dict[Value, Tensor], after: Tensor) -> Tensor:
        """(B, units of all layers) float64 means of the layers' own tops; `after` are those after the activation."""
        own = [
            after[:, end - layer.units : end] if layer.before == layer.value else mean_maps(values[layer.before])
            for layer, end in zip(self.layers, self._ends.tolist(), strict=True)
        ]
        return torch.cat(own, 1)

    def _locate(self, maps: list[Tensor], find: Callable[[Tensor], Tensor], units: Tensor, rows: Tensor) -> Tensor:
        """Flat position of the extreme of the map of each unit (of all layers, ascending) on each row."""
        bounds = torch.searchsorted(units, torch.tensor(self._ends, device=self.device)).tolist()
        positions = torch.empty_like(units)
        for part, end, start, stop in zip(maps, self._ends, [0, *bounds], bounds, strict=False):
            if start < stop:
                own = units[start:stop] - int(end - part.shape[1])
                positions[start:stop] = find(part[rows[start:stop], own].reshape(stop - start, -1))
        return positions

    def _refuse_not_finite(self, reduced: list[Reduced], loaded: list[Loaded], images: ImageSource) -> None:
        bad = ~torch.cat([part.squares for part in reduced], 1).isfinite()
        if not bad.any():
            return
        row, unit = bad.nonzero()[0].tolist()
        place = int(np.searchsorted(self._ends, unit, side="right"))
        layer = self.layers[place]
        own = unit - int(self._ends[place] - layer.units)
        what = "NaN" if reduced[place].max[row, own].isnan() else "an infinite value"
        raise ScanError(
            f"layer {layer.name!r} gives {what} for {images.paths[loaded[row].index]}; the weights or the"
            " preprocessing are broken"
        )


def _means(reduced: list[Reduced], maps: list[Tensor]) -> Tensor:
    """(B, units of all layers) float64 means over the positions."""
    means = [part.sum / part_maps[0, 0].numel() for part, part_maps in zip(reduced, maps, strict=True)]
    return torch.cat(means, 1)
