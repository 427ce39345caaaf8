"""From the pixels of a picture to the input blob of a net, and back: one explicit, hashed object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Self

import cv2
import numpy as np
from pydantic import ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from prototxt.pixels.field_types import (
    CHANNELS,
    ChannelOrder,
    Crop,
    Factor,
    Interpolation,
    MeanImage,
    Number,
    PairRule,
    Pixels,
    PreprocessingError,
    ResizeRule,
    sentence,
)
from prototxt.pixels.geometry import Box, box_before, crop_centre, resize, shorter_side
from prototxt.pixels.json_arrays import array_to_json

# The mean of ImageNet's training pictures per channel in BGR, 0-255, as BVLC's reference nets use it.
CAFFE_IMAGENET_MEAN = (104.00698793, 116.66876762, 122.67891434)

RESIZE_RULES: tuple[ResizeRule, ...] = ("none", "shorter side", "stretch")
"""Resize rules by how many numbers ``resize_to`` has."""


@dataclass(frozen=True, eq=False, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Preprocessing:
    """How a picture becomes the input blob of a net.

    The order is fixed: resize (uint8) → centre crop → channel order → float32 → ``* raw_scale`` → ``- mean`` →
    ``/ std``. Mean and standard deviation are thus in units *after* ``raw_scale`` and in the order of the *blob's*
    channels. Two objects are equal when their `hash` is.

    Attributes
    ----------
    channel_order : ``"RGB"``, ``"BGR"`` or ``"GRAY"`` (OpenCV's weights, 0.299 R + 0.587 G + 0.114 B, as uint8) of
        pictures; ``"STORED"`` for nets that take no pictures but arrays (`prototxt.pixels.samples.Planes`) of any
        number of channels.
    raw_scale : factor on the pixels 0-255: 1 for Caffe, 1/255 for PyTorch's pixels 0-1.
    mean : one number for each channel; empty for none.
    mean_image : (C, H, W) float32 in the size after resizing (or of the crop), instead of ``mean``; its centre is
        cut to the size of the input, as Caffe does.
    std : one number > 0 for each channel; empty for none.
    resize : ``"none"``; ``"shorter side"`` (the shorter side becomes ``resize_to[0]``, the other keeps the shape of
        the picture, rounded down as torchvision does); ``"stretch"`` (to ``resize_to`` = (height, width), as Caffe's
        ``new_height`` and ``new_width``).
    resize_to : pixels; () for "none", (n,) for "shorter side", (height, width) for "stretch".
    interpolation : ``"bilinear"`` (cv2.INTER_LINEAR, which Caffe's ImageData uses) or ``"area"`` (cv2.INTER_AREA for a
        picture that shrinks, else bilinear; nearest to the antialiased resize of PIL that PyTorch nets are trained by).
    crop : (height, width) cut from the centre, the odd pixel left at the bottom and right as in Caffe; () for none.
    pair : how the two pictures of a pair enter a siamese net, each resized, cropped and normalised by itself:
        ``"channels"`` (one behind the other along the channels; mean and std may have numbers for both then),
        ``"width"`` (side by side), ``"inputs"`` (the net has two inputs); ``"none"`` for a net that takes no pairs.
    """

    channel_order: ChannelOrder = "BGR"
    raw_scale: Factor = 1.0
    mean: tuple[Number, ...] = ()
    mean_image: MeanImage = None
    std: tuple[Factor, ...] = ()
    resize: ResizeRule = "none"
    resize_to: tuple[Pixels, ...] = ()
    interpolation: Interpolation = "bilinear"
    crop: Crop = ()
    pair: PairRule = "none"

    @model_validator(mode="wrap")
    @classmethod
    def _in_sentences(cls, values: Any, make: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return make(values)
        except ValidationError as error:
            raise PreprocessingError(sentence(error)) from None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in ("mean", "std"):
            if not self._is_for_channels(len(getattr(self, name))):
                raise PreprocessingError(
                    f"preprocessing: {name} must have {self.channels} numbers for {self.channel_order} (or none);"
                    f" got {list(getattr(self, name))}"
                )
        self._check_mean_image()
        self._check_sizes()
        return self

    def _is_for_channels(self, count: int) -> bool:
        """Whether there may be so many numbers: none, one for each channel, or for each channel of one of a pair."""
        return self.channel_order == "STORED" or count in (0, self.channels, CHANNELS[self.channel_order])

    def _check_mean_image(self) -> None:
        image = self.mean_image
        if image is None:
            return
        if self.mean or image.ndim != 3 or not len(image) or not self._is_for_channels(len(image)):
            raise PreprocessingError(
                f"preprocessing: mean_image must be ({self.channels}, height, width) and stand without mean; got shape"
                f" {image.shape} and mean {list(self.mean)}"
            )

    def _check_sizes(self) -> None:
        numbers = RESIZE_RULES.index(self.resize)
        if len(self.resize_to) != numbers:
            raise PreprocessingError(
                f"preprocessing: resize {self.resize!r} takes {numbers} numbers above 0 in resize_to; got"
                f" {list(self.resize_to)}"
            )
        smallest = (self.resize_to * 2)[:2]
        if self.crop and smallest and (smallest[0] < self.crop[0] or smallest[1] < self.crop[1]):
            raise PreprocessingError(
                f"preprocessing: crop {list(self.crop)} does not fit pictures resized ({self.resize}) to"
                f" {list(self.resize_to)}; take a smaller crop or a larger size"
            )

    @classmethod
    def from_pytorch(
        cls,
        mean: Sequence[float],
        std: Sequence[float],
        input_shape: Sequence[int],
        resize: int | None = None,
    ) -> Preprocessing:
        """Make the preprocessing of a PyTorch net: pixels 0-1, RGB (or grey), shorter side, centre crop.

        Parameters
        ----------
        mean, std : for pixels 0-1 in RGB, a number per channel or one for all; empty for none.
        input_shape : (batch, 3 or 1, height, width).
        resize : length of the shorter side; by default 256/224 of the crop's longer side, as the torchvision
            models are evaluated (224 → 256, 299 → 342).

        Raises
        ------
        PreprocessingError : if the shape has not four axes, or the numbers do not fit its channels.
        """
        channels, height, width = _image_shape(input_shape)
        return cls(
            channel_order="RGB" if channels == 3 else "GRAY",
            raw_scale=1 / 255,
            mean=per_channel(mean, channels),
            std=per_channel(std, channels),
            resize="shorter side",
            resize_to=(resize or round(max(height, width) * 256 / 224),),
            interpolation="area",
            crop=(height, width),
        )

    @classmethod
    def caffe_imagenet(
        cls,
        input_shape: Sequence[int] = (1, 3, 227, 227),
        mean: Sequence[float] = CAFFE_IMAGENET_MEAN,
        resize: int = 256,
    ) -> Preprocessing:
        """Make the preprocessing of BVLC's ImageNet nets: BGR, 0-255, stretched to a square, mean taken off, cropped.

        Raises
        ------
        PreprocessingError : if the shape has not four axes, or the numbers do not fit its channels.
        """
        _, height, width = _image_shape(input_shape)
        return cls(mean=tuple(mean), resize="stretch", resize_to=(resize, resize), crop=(height, width))

    @property
    def channels(self) -> int:
        """Channels of the input blob; 0 if it has as many as the array that it is made of."""
        return CHANNELS[self.channel_order] * (2 if self.pair == "channels" else 1)

    def member(self, place: int) -> Preprocessing:
        """Return how the first (0) or second (1) of a pair is prepared."""
        if self.pair == "none":
            raise ValueError("this is no preprocessing of pairs")
        own = {name: _of_member(getattr(self, name), self, place) for name in ("mean", "std", "mean_image")}
        return replace(self, pair="none", **own)

    def resized_size(self, picture_size: Sequence[int]) -> tuple[int, int]:
        """Return the (height, width) that a picture of ``picture_size`` (height, width) has after resizing."""
        height, width = picture_size
        if self.resize == "none":
            return height, width
        if self.resize == "stretch":
            return self.resize_to[0], self.resize_to[1]
        return shorter_side(picture_size, self.resize_to[0])

    def input_size(self, picture_size: Sequence[int]) -> tuple[int, int]:
        """Return the (height, width) of the input blob that a picture (of a pair: one of the two) becomes."""
        return (self.crop[0], self.crop[1]) if self.crop else self.resized_size(picture_size)

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """Make the input blob of one picture.

        Parameters
        ----------
        rgb : (H, W, 3) uint8.

        Returns
        -------
        (C, h, w) float32, contiguous.

        Raises
        ------
        PreprocessingError : if the picture has another form, or is smaller than the crop; for a net that takes pairs or
            arrays (`prototxt.pixels.inputs.input_blob` makes their blobs too).
        """
        self._check_picture(rgb)
        pixels = self.cut(rgb)
        if self.channel_order == "GRAY":
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None]
        elif self.channel_order == "BGR":
            pixels = pixels[:, :, ::-1]
        return self.normalise(np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32))

    def normalise(self, blob: np.ndarray) -> np.ndarray:
        """Scale, take off the mean and divide by the standard deviation, in place: (C, …) float32."""
        blob *= np.float32(self.raw_scale)
        blob -= self._mean_of(blob.shape)
        blob /= self._std(blob.ndim)
        return blob

    def undo(self, blob: np.ndarray) -> np.ndarray:
        """Make a picture of an input blob, for display: the inverse of `apply` but for resizing and cropping.

        Parameters
        ----------
        blob : (C, h, w), any float type; values outside of what pixels can be are clipped.

        Returns
        -------
        (h, w, 3) uint8 RGB.
        """
        if self.pair != "none" or self.channel_order == "STORED":
            raise PreprocessingError("preprocessing: only the blob of one picture can be made a picture again")
        pixels = (blob * self._std() + self._mean_of(blob.shape)) / self.raw_scale
        picture = np.clip(np.rint(pixels), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        if self.channel_order == "GRAY":
            picture = np.repeat(picture, 3, axis=2)
        elif self.channel_order == "BGR":
            picture = picture[:, :, ::-1]
        return np.ascontiguousarray(picture)

    def box_in_picture(self, box: Sequence[int], picture_size: Sequence[int]) -> Box:
        """Map a region of the input blob to the pixels of the original picture that it shows.

        Parameters
        ----------
        box : half-open (y0, x0, y1, x1) in the input blob; parts outside of the blob are allowed.
        picture_size : (height, width) of the original picture.

        Returns
        -------
        half-open (y0, x0, y1, x1): the smallest box of whole pixels that covers the region, clipped to the picture.
            (The edges of a resized pixel are mapped; that bilinear interpolation looks at neighbours is left out.)
        """
        return box_before(box, picture_size, self.resized_size(picture_size), self.crop)

    def _check_picture(self, rgb: np.ndarray) -> None:
        if self.pair != "none":
            raise PreprocessingError("the net takes pairs of pictures; give a list with two paths on every line")
        if self.channel_order == "STORED":
            raise PreprocessingError(
                "is a picture, but the channel order STORED is that of arrays; choose RGB, BGR or GRAY"
            )
        if not isinstance(rgb, np.ndarray):
            raise PreprocessingError(f"is a {type(rgb).__name__.lower()}, where one picture is wanted")
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
            raise PreprocessingError(
                f"preprocessing: a picture must be (H, W, 3) uint8 RGB; got shape {rgb.shape} of {rgb.dtype}"
            )

    def cut(self, rgb: np.ndarray) -> np.ndarray:
        """Resize and crop a picture, (H, W, 3) or (H, W), uint8 or float32; errors as `apply`."""
        resized = resize(rgb, self.resized_size(rgb.shape[:2]), self.interpolation)
        return crop_centre(resized, self.crop) if self.crop else resized

    def _mean_of(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the mean that fits a blob of ``shape``, broadcastable to it, float32."""
        if self.mean_image is None:
            return np.array(self.mean or (0.0,), np.float32).reshape(-1, *[1] * (len(shape) - 1))
        height, width = shape[1:]
        top, left = ((self.mean_image.shape[axis] - shape[axis]) // 2 for axis in (1, 2))
        if top < 0 or left < 0:
            raise PreprocessingError(
                f"preprocessing: the mean image is {self.mean_image.shape}, smaller than the input {tuple(shape)};"
                " it must be as large at least"
            )
        return self.mean_image[:, top : top + height, left : left + width]

    def _std(self, axes: int = 3) -> np.ndarray:
        return np.array(self.std or (1.0,), np.float32).reshape(-1, *[1] * (axes - 1))

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of everything that changes a blob; the same on every machine."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Preprocessing) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold; the mean image as its shape and base64 of its float32 bytes."""
        mean_image = None if self.mean_image is None else array_to_json(self.mean_image)
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.pair == "none":  # what older versions wrote, so that hashes stay
            del plain["pair"]
        return plain | {
            "mean": list(self.mean),
            "mean_image": mean_image,
            "std": list(self.std),
            "resize_to": list(self.resize_to),
            "crop": list(self.crop),
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str | Mapping[str, Any]) -> Preprocessing:
        """Read what `to_json` (or `to_dict`) gave.

        Raises
        ------
        PreprocessingError : for text that is no JSON object, a name that is unknown or missing, or values that do not
            fit together.
        """
        values = _parse(text)
        known = [field.name for field in fields(cls)]
        unknown, missing = sorted(set(values) - set(known)), sorted(set(known) - {"pair"} - set(values))
        if unknown or missing:
            raise PreprocessingError(
                f"preprocessing: unknown names {unknown}, missing names {missing}; it has exactly {known}"
            )
        return cls(**values)


def per_channel(numbers: Sequence[float], channels: int) -> tuple[float, ...]:
    """Give a number for every channel where there is one for all; 0 channels stand for nobody knows how many."""
    return tuple(numbers) * channels if len(numbers) == 1 and channels else tuple(numbers)


def _parse(text: str | Mapping[str, Any]) -> dict[str, Any]:
    try:
        values = json.loads(text) if isinstance(text, str) else dict(text)
    except json.JSONDecodeError as error:
        raise PreprocessingError(f"preprocessing: is no JSON text ({error})") from error
    if not isinstance(values, dict):
        raise PreprocessingError(f"preprocessing: must be a JSON object; got {type(values).__name__}")
    return values


def _image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, height and width of a net's input for pictures; a `PreprocessingError` if it is none."""
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise PreprocessingError(f"preprocessing: the input must be (batch, 3 or 1, height, width); got {tuple(shape)}")
    return int(shape[1]), int(shape[2]), int(shape[3])


def _of_member(value: Any, whole: Preprocessing, place: int) -> Any:
    """The part of mean, std or mean image that is for one of a pair; the whole where it is for each of them."""
    each = CHANNELS[whole.channel_order]
    if value is None or whole.pair != "channels" or not each or len(value) != 2 * each:
        return value
    return value[place * each : (place + 1) * each]
