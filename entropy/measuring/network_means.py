"""The means table of a net in memory, the same numbers as a scan's, for H without a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from entropy.errors import ScanError
from entropy.measuring.listed_pictures import read_listed
from entropy.measuring.scan_file import ScanTables
from prototxt.formats.weights import weights_hash
from prototxt.net.layer_types import CONVOLUTION_TYPES
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.data.image_list import read_image_list
from torchcaffe.network import Network


class PictureBatches:
    """The pictures of a list, decoded as a scan does and preprocessed, anew each time that they are gone through.

    Parameters
    ----------
    images : list of "path label" lines.
    preprocessing : the net's.
    batch : pictures per batch, at least 1.
    root : folder that relative paths start from; by default the list's own.

    Raises
    ------
    FormatError : the list cannot be read.
    ImageError, PreprocessingError : later, if a picture cannot be used; a scan would leave it out.
    """

    def __init__(self, images: Path | str, preprocessing: Preprocessing, batch: int = 32, root: Path | None = None):
        images = Path(images)
        folder = images.parent if root is None else root
        self.entries = read_image_list(images, f"{folder}/")
        self.preprocessing = preprocessing
        self.batch = batch

    def __iter__(self) -> Iterator[np.ndarray]:
        """Give (B, C, H, W) float32 blobs."""
        for start in range(0, len(self.entries), self.batch):
            pictures = (read_listed(entry) for entry in self.entries[start : start + self.batch])
            yield np.stack([self.preprocessing.apply(picture) for picture in pictures])


@torch.inference_mode()
def network_means(
    network: Network, batches: Iterable[np.ndarray], layers: Sequence[str] | None = None, *, after: bool = True
) -> ScanTables:
    """Send pictures through a net and keep the mean activation of every unit for each of them.

    The same numbers as in a ``scan.h5``, bit for bit where batches and device are the same: float64 sums over the
    positions of the map, behind the activation. The pass stops at the last layer that is wanted.

    Parameters
    ----------
    network : of a deploy net with one input, in the TEST phase.
    batches : (B, C, H, W) float32 each, preprocessed.
    layers : names; by default every Convolution and Deconvolution.
    after : the means after the activation, or before it.

    Returns
    -------
    Tables, for `entropy.measure`.

    Raises
    ------
    ScanError : the net has several inputs or no such layers, or there is no picture.
    NetError : an unknown layer, or a batch that does not fit the net.
    """
    graph = network.graph
    if len(graph.inputs) != 1:
        raise ScanError(f"the net has {len(graph.inputs)} inputs, where one of pictures is needed; give the deploy net")
    names = [node.name for node in graph.unit_layers() if layers is None and node.type in CONVOLUTION_TYPES]
    names = names if layers is None else list(layers)
    if not names:
        raise ScanError("the net has no convolution; name the layers that are to be measured")
    values = {name: graph.unit_value(name, after) for name in names}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for batch in batches:
        found = network.run({graph.inputs[0]: batch}, keep=list(dict.fromkeys(values.values())))
        for name, value in values.items():
            maps = found[value].flatten(2) if found[value].dim() > 2 else found[value][:, :, None]
            rows[name].append((maps.double().sum(2) / maps.shape[2]).float().cpu().numpy())
    if not rows[names[0]]:
        raise ScanError("there is no picture to measure H with")
    means = {name: np.concatenate(parts) for name, parts in rows.items()}
    return ScanTables(means, model_hash=weights_hash(network.weights()))
