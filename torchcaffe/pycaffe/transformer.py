"""``caffe.io.Transformer``: from a picture to what a net's input blob holds, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from prototxt.common.errors import InputError
from torchcaffe.pycaffe.images import resize_image


class Transformer:
    """Turns pictures into inputs: resized, transposed, channels swapped, × ``raw_scale``, - mean, × ``input_scale``.

    Parameters
    ----------
    inputs : shapes of input blobs by name, (N, K, H, W).

    Attributes
    ----------
    transpose, channel_swap, raw_scale, mean, input_scale : what was set, by input.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, np.ndarray] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """Make an input of a picture.

        Parameters
        ----------
        in_ : name of the input.
        data : (H', W', K). One of the input's own size is not copied: a scale or a mean changes it, as in pycaffe,
            where it is float32.

        Returns
        -------
        (K, H, W), float32.
        """
        shape = self._shape(in_)
        values = data.astype(np.float32, copy=False)
        if values.shape[:2] != shape[2:]:
            values = resize_image(values, shape[2:])
        if in_ in self.transpose:
            values = values.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            values = values[list(self.channel_swap[in_]), :, :]
        if in_ in self.raw_scale:
            values *= self.raw_scale[in_]
        if in_ in self.mean:
            values -= self.mean[in_]
        if in_ in self.input_scale:
            values *= self.input_scale[in_]
        return values

    def deprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """Make a picture (H, W, K) of an input; the size stays."""
        self._shape(in_)
        values = data.copy().squeeze()
        if in_ in self.input_scale:
            values /= self.input_scale[in_]
        if in_ in self.mean:
            values += self.mean[in_]
        if in_ in self.raw_scale:
            values /= self.raw_scale[in_]
        if in_ in self.channel_swap:
            values = values[np.argsort(self.channel_swap[in_]), :, :]
        if in_ in self.transpose:
            values = values.transpose(np.argsort(self.transpose[in_]))
        return values

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Give the order of axes: (2, 0, 1) makes (K, H, W) of (H, W, K)."""
        axes = len(self._shape(in_)) - 1
        if len(order) != axes:
            raise InputError(
                f"Transpose order needs to have the same number of dimensions as the input: {axes}; got {order}"
            )
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Give the order of channels, after the transposition: (2, 1, 0) makes BGR of RGB."""
        channels = self._shape(in_)[1]
        if len(order) != channels:
            raise InputError(
                f"Channel swap needs to have the same number of dimensions as the input channels: {channels}; got "
                f"{order}"
            )
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """Give the factor before the mean: 255 for nets that were trained on 0 to 255."""
        self._shape(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: np.ndarray) -> None:
        """Give the mean to subtract.

        Parameters
        ----------
        in_ : name of the input.
        mean : (K,), one number for every channel; or (K, H, W) or, for one channel, (H, W), resized where it has
            another size.

        Raises
        ------
        ValueError : it has another number of channels or axes.
        """
        shape = self._shape(in_)[1:]
        if mean.ndim == 1:
            if len(mean) != shape[0]:
                raise ValueError(f"Mean channels incompatible with input: {len(mean)} for {shape[0]}")
            self.mean[in_] = mean[:, np.newaxis, np.newaxis]
            return
        planes = mean[np.newaxis] if mean.ndim == 2 else mean
        if planes.ndim != 3:
            raise ValueError(f"Mean shape invalid: 1, 2 or 3 axes are allowed; got {mean.shape}")
        self.mean[in_] = mean if planes.shape == shape else _resized(planes, shape[1:])

    def set_input_scale(self, in_: str, scale: float) -> None:
        """Give the factor after the mean."""
        self._shape(in_)
        self.input_scale[in_] = scale

    def _shape(self, in_: str) -> tuple[int, ...]:
        if in_ not in self.inputs:
            raise InputError(f"{in_} is not one of the net inputs: {', '.join(self.inputs)}")
        return tuple(self.inputs[in_])


def make_transformer(
    name: str,
    shape: Sequence[int],
    mean: np.ndarray | None = None,
    input_scale: float | None = None,
    raw_scale: float | None = None,
    channel_swap: Sequence[int] | None = None,
) -> Transformer:
    """A transformer of one input that takes pictures (H, W, K), with what is given set."""
    transformer = Transformer({name: shape})
    transformer.set_transpose(name, (2, 0, 1))
    if mean is not None:
        transformer.set_mean(name, mean)
    if input_scale is not None:
        transformer.set_input_scale(name, input_scale)
    if raw_scale is not None:
        transformer.set_raw_scale(name, raw_scale)
    if channel_swap is not None:
        transformer.set_channel_swap(name, channel_swap)
    return transformer


def _resized(mean: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Planes (K, H, W) in another size, by way of 0 to 1, in which scikit-image resizes."""
    low, high = mean.min(), mean.max()
    if low == high:
        return np.full((len(mean), *size), low, np.float32)
    spread: np.ndarray = resize_image(((mean - low) / (high - low)).transpose(1, 2, 0), size).transpose(2, 0, 1)
    return np.asarray(spread * (high - low) + low, np.float32)
