"""``transform_param``: crop, mirror, mean and scale, as Caffe's ``DataTransformer`` applies them to one picture."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prototxt.common.errors import FormatError, NetError
from prototxt.formats.blob import read_blob
from prototxt.formats.schema import TransformationParameter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draw:
    """The random numbers of one picture, drawn before it is read, so that reading can happen in any order."""

    mirror: int
    row: int
    column: int


NO_DRAW = Draw(0, 0, 0)


@dataclass(frozen=True)
class Transform:
    """Turns a decoded picture into what the net sees.

    Parameters
    ----------
    scale : multiplies what is left after the mean.
    mirror : flip a picture left-right with probability one half (in both phases, as Caffe).
    crop_size : side of the square that is cut out, in pixels; 0 keeps the picture.
    random_crop : the square lies anywhere (phase TRAIN) or in the centre (TEST).
    mean_image : subtracted: (C, H, W), of the size *before* the crop.
    mean_value : subtracted in its place: (C, 1, 1), or (1, 1, 1) for all channels.
    where : the layer and its place in the prototxt, for errors.
    """

    scale: float = 1.0
    mirror: bool = False
    crop_size: int = 0
    random_crop: bool = False
    mean_image: np.ndarray | None = None
    mean_value: np.ndarray | None = None
    where: str = "transform_param"

    @classmethod
    def from_param(cls, param: TransformationParameter, phase: str, where: str) -> Transform:
        """Read ``transform_param`` for a phase, "TRAIN" or "TEST".

        Raises
        ------
        NetError : ``mean_file`` and ``mean_value``, or ``force_color`` and ``force_gray``, are both given.
        FormatError : the mean file cannot be read.
        """
        if param.force_color and param.force_gray:
            raise NetError(f"{where}: force_color and force_gray are both set; keep one of them")
        if param.mean_file and param.mean_value:
            raise NetError(f"{where}: mean_file and mean_value are both set; keep one of them")
        image = read_mean_image(param.mean_file, where) if param.mean_file else None
        values = np.array(param.mean_value, np.float32)[:, None, None] if param.mean_value else None
        return cls(param.scale, param.mirror, param.crop_size, phase == "TRAIN", image, values, where)

    def draw(self, random: np.random.Generator) -> Draw:
        """Random numbers for one picture; none are drawn where none are needed."""
        mirror = int(random.integers(2)) if self.mirror else 0
        if not (self.crop_size and self.random_crop):
            return Draw(mirror, 0, 0)
        row, column = random.integers(2**31, size=2)
        return Draw(mirror, int(row), int(column))

    def output_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(C, H, W) after the transform, given (C, H, W) before it.

        Raises
        ------
        NetError : the picture is smaller than ``crop_size``, or the mean does not fit it.
        """
        channels, height, width = shape
        if self.crop_size > min(height, width):
            raise NetError(
                f"{self.where}: crop_size {self.crop_size} does not fit into a picture of {width}×{height} pixels; "
                "make the pictures larger (new_height, new_width) or the crop smaller"
            )
        self._check_mean(shape)
        return (channels, self.crop_size, self.crop_size) if self.crop_size else shape

    def __call__(self, picture: np.ndarray, draw: Draw = NO_DRAW) -> np.ndarray:
        """Apply the transform to a picture (C, H, W) of any number type.

        Returns
        -------
        (C, H, W), or (C, crop_size, crop_size), float32: ``(pixel - mean) · scale``.

        Raises
        ------
        NetError : as `output_shape`.
        """
        _, height, width = self.output_shape(picture.shape)
        top, left = self._corner(picture.shape, draw)
        window = (slice(None), slice(top, top + height), slice(left, left + width))
        pixels = picture[window].astype(np.float32)
        if self.mean_image is not None:
            pixels -= self.mean_image[window]
        elif self.mean_value is not None:
            pixels -= self.mean_value
        if self.scale != 1:
            pixels *= np.float32(self.scale)
        return np.ascontiguousarray(pixels[:, :, ::-1]) if draw.mirror else pixels

    def _corner(self, shape: tuple[int, int, int], draw: Draw) -> tuple[int, int]:
        if not self.crop_size:
            return 0, 0
        rows, columns = shape[1] - self.crop_size, shape[2] - self.crop_size
        if self.random_crop:
            return draw.row % (rows + 1), draw.column % (columns + 1)
        return rows // 2, columns // 2

    def _check_mean(self, shape: tuple[int, int, int]) -> None:
        if self.mean_image is not None and self.mean_image.shape != shape:
            raise NetError(
                f"{self.where}: the mean image is {_size(self.mean_image.shape)} and the picture {_size(shape)} "
                "(channels×height×width); they must be the same before the crop"
            )
        if self.mean_value is not None and len(self.mean_value) not in (1, shape[0]):
            raise NetError(
                f"{self.where}: {len(self.mean_value)} mean_value for a picture of {shape[0]} channels; "
                "give one value, or one for every channel"
            )


def read_mean_image(path: str, where: str) -> np.ndarray:
    """Read a ``mean_file`` as (C, H, W) float32; of several images in it the first, as Caffe does.

    Raises
    ------
    FormatError : it cannot be read, or holds no image.
    """
    blob = read_blob(Path(path))
    if blob.ndim not in (3, 4) or not blob.size:
        raise FormatError(
            f"{where}: the mean file {path} has shape {_size(blob.shape) or '()'}, which is no image "
            "(channels×height×width); make it with compute_image_mean, or write mean_value"
        )
    if blob.ndim == 4 and len(blob) > 1:
        log.warning(
            "%s: the mean file %s holds %d images; the first is subtracted, as in Caffe", where, path, len(blob)
        )
    return np.ascontiguousarray(blob[0] if blob.ndim == 4 else blob, np.float32)


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
