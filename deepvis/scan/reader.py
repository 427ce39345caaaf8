"""Read a ``scan.h5`` (``docs/scan-format.md``) lazily."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import h5py
import numpy as np

from deepvis.scan.patches import cut_patch, draw_whole, visible_boxes, whole_input
from deepvis.scan.scanned import QuantileSamples, ScannedLayer, Statistics, Top
from deepvis.sources import Images
from entropy.errors import ScanError
from entropy.measuring import scan_layout as layout
from entropy.measuring.scan_file import open_scan
from prototxt.common.names import did_you_mean
from prototxt.pixels.geometry import Box
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Sample, size_of

if TYPE_CHECKING:
    from deepvis.model.model import Model


class Scan:
    """An opened scan; tables are read when they are asked for. Close it or use it in ``with``.

    Parameters
    ----------
    path : the ``scan.h5``.

    Raises
    ------
    ScanError : if the file is missing or cut off, or is no scan, or of a version that is not known.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.file = open_scan(self.path)

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @cached_property
    def layers(self) -> Mapping[str, ScannedLayer]:
        """Scanned layers by name, in the order of the net."""
        return MappingProxyType({name: self._layer(name) for name in layout.layer_names(self.file)})

    @cached_property
    def paths(self) -> list[str]:
        """(N,) names of the images, relative to `root`."""
        return list(self._images[layout.PATH].asstr()[()])

    @property
    def root(self) -> Path:
        """Folder of the images."""
        return Path(self._images.attrs[layout.ROOT])

    @cached_property
    def labels(self) -> np.ndarray:
        """(N,) int32 classes, -1 where unknown."""
        return self._images[layout.LABEL][()]

    @cached_property
    def sizes(self) -> np.ndarray:
        """(N, 2) int32 height and width of the images, of pairs those of the first; 0, 0 if it could not be read."""
        return self._images[layout.SIZE][()]

    def size(self, image: int) -> tuple[int, ...]:
        """Height and width of an image; of a pair those of both."""
        return tuple(self._every_size[image].tolist())

    @cached_property
    def _every_size(self) -> np.ndarray:
        return np.concatenate([self._images[name][()] for name in layout.SIZES if name in self._images], 1)

    @cached_property
    def was_read(self) -> np.ndarray:
        """(N,) bool, False for images that could not be used."""
        return self._images[layout.STATUS][()] == layout.READ

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty if they are not known."""
        return tuple(self.file[layout.CLASSES].asstr()[()]) if layout.CLASSES in self.file else ()

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """How the images became input blobs."""
        return Preprocessing.from_json(self.file.attrs[layout.PREPROCESSING])

    @cached_property
    def errors(self) -> dict[int, str]:
        """Why images could not be used, by their number."""
        images = self._images
        if layout.ERROR not in images:
            return {}
        return dict(zip(images[layout.ERROR_IMAGE][()].tolist(), images[layout.ERROR].asstr()[()], strict=True))

    def image_path(self, image: int) -> Path:
        """The file that an image is in (the first one's of a pair)."""
        return self._source.path(image)

    def read_image(self, image: int) -> Sample:
        """Read an image again.

        Raises
        ------
        ScanError : if it has changed since the scan.
        ImageError : if it cannot be read any more.
        """
        sample = self._source.read(image)
        if size_of(sample) != self.size(image):
            raise ScanError(f"{self._source.place(image)}: has changed since the scan (another size); scan again")
        return sample

    @property
    def _images(self) -> h5py.Group:
        return self.file[layout.IMAGES]

    @cached_property
    def _source(self) -> Images:
        return Images(self.root, tuple(self.paths))

    def top(self, layer: str, unit: int) -> Top:
        """Give the images that drive a unit most; a `ScanError` for a layer or unit that is not there."""
        return _ranked(self._group(layer, unit), layout.GREATEST, unit)

    def bottom(self, layer: str, unit: int) -> Top:
        """Give the images with the least values of what goes into a unit's activation, least first.

        Raises
        ------
        ScanError : for a layer or unit that is not there, or a scan of an older version, which kept none.
        """
        group = self._group(layer, unit)
        self._need(group, layout.LEAST.image, "minima, as it was made by an older version; scan again")
        return _ranked(group, layout.LEAST, unit)

    @cached_property
    def quantiles(self) -> tuple[float, ...]:
        """Quantiles of the images' maxima that `quantile_samples` are taken at, greatest first; empty without them."""
        return tuple(float(level) for level in self.file.attrs.get(layout.QUANTILES, ()))

    def quantile_samples(self, layer: str, unit: int) -> QuantileSamples:
        """Give the images whose maxima lie around the quantiles of all images' maxima.

        Raises
        ------
        ScanError : for a layer or unit that is not there, or a scan that kept none.
        """
        group = self._group(layer, unit)
        self._need(group, layout.QUANTILE_IMAGE, "samples at quantiles; scan again without --no-quantiles")
        images, values = (group[name][unit] for name in (layout.QUANTILE_IMAGE, layout.QUANTILE_VALUE))
        return QuantileSamples(self.quantiles, images, values)

    def maxima(self, layer: str) -> np.ndarray:
        """(N, C) float32 maximum of every unit's map for every image; NaN rows for images that could not be used.

        Raises
        ------
        ScanError : for a layer that is not there, or a scan that kept none.
        """
        group = self._group(layer)
        self._need(group, layout.MAXIMA, "maxima of every image; scan again without --no-quantiles")
        return group[layout.MAXIMA][()]

    @cached_property
    def class_counts(self) -> np.ndarray:
        """(classes,) int64 images of every class in the scan; empty if the images have no labels."""
        return self.file[layout.CLASS_COUNT][()] if layout.CLASS_COUNT in self.file else np.zeros(0, np.int64)

    def class_means(self, layer: str) -> np.ndarray:
        """(classes, C) float32 mean activation over the images of every class; NaN for a class without images.

        Raises
        ------
        ScanError : for a layer that is not there, or a scan of images without labels.
        """
        group = self._group(layer)
        self._need(group, layout.CLASS_MEAN, "means of classes: its images have no labels, or the means were not kept")
        return group[layout.CLASS_MEAN][()]

    def top_classes(self, layer: str, unit: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and mean activations of the classes that drive a unit most, at most 5, greatest mean first.

        Raises
        ------
        ScanError : for a layer or unit that is not there, or a scan of images without labels.
        """
        group = self._group(layer, unit)
        self._need(group, layout.TOP_CLASS, "top classes: its images have no labels, or the means were not kept")
        classes = group[layout.TOP_CLASS][unit]
        return classes, group[layout.CLASS_MEAN][:, unit][classes]

    def correlation(self, layer: str) -> np.ndarray:
        """(C, C) float32 correlation of the units' means over images, NaN for constant units; or a `ScanError`."""
        group = self._group(layer)
        self._need(group, layout.CORRELATION, "correlations; scan again with --correlation")
        return group[layout.CORRELATION][()]

    def importance(self, layer: str, measure: str = layout.TAYLOR) -> np.ndarray:
        """(C,) float64 importance of every unit, the mean over the images.

        Parameters
        ----------
        measure : ``"taylor"`` or ``"mas"``, see `deepvis.scan.importance`.

        Raises
        ------
        ScanError : for a layer or measure that is not there, or a scan that kept none.
        """
        group = self._group(layer)
        if measure not in layout.IMPORTANCE:
            raise ScanError(f"importance is measured by {' or '.join(sorted(layout.IMPORTANCE))}, not by {measure!r}")
        name = layout.mean_importance(measure)
        self._need(group, name, "importance; scan again with --importance")
        return group[name][()]

    def importances(self, layer: str, measure: str = layout.TAYLOR) -> np.ndarray:
        """(N, C) float32 importance of every unit for every image; parameters and errors as for `importance`."""
        self.importance(layer, measure)
        return self._group(layer)[measure][()]

    def means(self, layer: str, before: bool = False) -> np.ndarray:
        """(N, C) float32 mean activation of every unit for every image; NaN rows for images that could not be used.

        Parameters
        ----------
        layer : name of a layer; a `ScanError` if it is not there.
        before : the means before the activation; a `ScanError` if the scan did not keep them.
        """
        table, option = layout.means_table(not before), " without --no-before" if before else ""
        group = self._group(layer)
        self._need(group, table, f"table {table} of means; scan again{option} and without --no-means")
        return group[table][()]

    @cached_property
    def keeps_means(self) -> bool:
        """Whether the tables of means are there, or only histograms of them."""
        return all(layout.MEANS_POST in self._group(layer) for layer in self.layers)

    def statistics(self, layer: str) -> Statistics:
        """Give the statistics of a layer's units; a `ScanError` if the layer is not there."""
        group = self._group(layer)
        return Statistics(**{name: group[name][()] for name in layout.STATISTICS})

    def box(self, layer: str, unit: int, rank: int) -> Box:
        """Where in its ``rank``-th image the unit looked: half-open (y0, x0, y1, x1) in pixels of the picture.

        Of a pair it is the place in the first picture that the unit saw something of.
        """
        image, box = self._seen(layer, unit, rank)
        boxes = visible_boxes(box, self.size(image), self.preprocessing, self.layers[layer].seen)
        return next((box for box in boxes if box[2] > box[0] and box[3] > box[1]), boxes[0])

    def whole(self, layer: str, unit: int, rank: int) -> tuple[np.ndarray, tuple[Box, ...]]:
        """Draw the whole ``rank``-th image of a unit, and tell where in it the unit looked: one box, two in a pair.

        Returns
        -------
        (h, w, 3) uint8 RGB (`deepvis.scan.patches.picture_of`), and half-open (y0, x0, y1, x1) in its pixels.
        """
        image, box = self._seen(layer, unit, rank)
        return draw_whole(self.read_image(image), box, self.preprocessing, self.layers[layer].seen)

    def patch(self, layer: str, unit: int, rank: int, constant_size: bool = True) -> np.ndarray:
        """Cut what the unit saw out of its ``rank``-th image (0 is the strongest).

        Parameters
        ----------
        constant_size : as in `deepvis.scan.patches.cut_patch`: patches of a unit on pictures of one size are equally
            large, grey where the unit looked beyond the input.

        Returns
        -------
        (h, w, 3) uint8 RGB, the picture's own pixels.

        Raises
        ------
        ScanError : for a layer, unit or rank that is not there, or a picture that has changed since the scan.
        ImageError : if the picture cannot be read any more.
        """
        image, box = self._seen(layer, unit, rank)
        return cut_patch(self.read_image(image), box, self.preprocessing, constant_size, self.layers[layer].seen)

    def stale_reason(self, model: Model) -> str | None:
        """Say in one sentence why the scan is not one of ``model`` as it is now; None if it is."""
        attributes = self.file.attrs
        if attributes[layout.MODEL_HASH] != model.hash:
            return f"{self.path.name} was made with other weights ({attributes[layout.NET]}); scan again"
        if attributes[layout.PREPROCESSING_HASH] != model.preprocessing.hash:
            return f"{self.path.name} was made with another preprocessing of the pictures; scan again"
        unknown = [name for name in self.layers if name not in model.unit_layers]
        if unknown:
            return f"{self.path.name} has a layer {unknown[0]!r} that the net has not; scan again"
        return None

    def _layer(self, name: str) -> ScannedLayer:
        group = layout.group_of(self.file, name)
        attributes = group.attrs
        shape = tuple(int(length) for length in attributes[layout.MAP_SHAPE])
        depths, rows, columns = (group[key][()] if key in group else None for key in layout.FIELD_TABLES)
        return ScannedLayer(
            name,
            attributes[layout.TYPE],
            attributes[layout.BLOB],
            int(attributes[layout.UNITS]),
            shape,
            rows,
            columns,
            depths,
            int(attributes[layout.TIME_AXIS]) if layout.TIME_AXIS in attributes else None,
            tuple(map(int, attributes.get(layout.INPUTS_SEEN, (0,)))),
        )

    def _group(self, layer: str, unit: int = 0) -> h5py.Group:
        if layer not in self.layers:
            hint = did_you_mean(layer, self.layers, f"it has {', '.join(self.layers)}")
            raise ScanError(f"{self.path}: has no layer {layer!r}; {hint}")
        if not 0 <= unit < self.layers[layer].units:
            raise ScanError(
                f"{self.path}: layer {layer!r} has no unit {unit}; its units are 0 to {self.layers[layer].units - 1}"
            )
        return layout.group_of(self.file, layer)

    def _need(self, group: h5py.Group, name: str, what: str) -> None:
        if name not in group:
            raise ScanError(f"{self.path}: has no {what}")

    def _seen(self, layer: str, unit: int, rank: int) -> tuple[int, Box]:
        """Image of a unit's ``rank``-th maximum, and what the unit saw there as a box in the input blob."""
        top = self.top(layer, unit)
        if not 0 <= rank < len(top):
            raise ScanError(f"{self.path}: unit {unit} of {layer!r} has {len(top)} images; there is no number {rank}")
        image = int(top.images[rank])
        return image, self.place(layer, image, top.positions[rank].tolist())

    def place(self, layer: str, image: int, position: Sequence[int]) -> Box:
        """What a position of a layer's maps sees of an image, as a box in the input blob (`ScannedLayer.box`)."""
        whole = whole_input(self.size(image), self.preprocessing)
        return self.layers[layer].box(position, whole) or whole


def _ranked(group: h5py.Group, names: layout.Ranked, unit: int) -> Top:
    """The images that are the first for a unit; places without an image are left out."""
    filled = group[names.image][unit] >= 0
    images, values, positions = (group[name][unit][filled] for name in (names.image, names.value, names.position))
    return Top(images, values, positions)
