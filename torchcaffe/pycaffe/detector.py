"""``caffe.Detector``: class scores of windows in pictures, warped to the net's input, as R-CNN has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prototxt.common.errors import InputError
from torchcaffe.mode import TEST
from torchcaffe.pycaffe.images import load_image, resize_image
from torchcaffe.pycaffe.net import Net
from torchcaffe.pycaffe.transformer import make_transformer

Window = Sequence[int] | np.ndarray
"""ymin, xmin, ymax, xmax."""


class Detector(Net):
    """A net of one input that scores windows.

    Parameters
    ----------
    model_file, pretrained_file : prototxt of a deploy net, and its weights.
    mean, input_scale, raw_scale, channel_swap : as `torchcaffe.pycaffe.transformer.Transformer` takes them.
    context_pad : pixels of the input, on every side, that show what is around the window.

    Attributes
    ----------
    transformer : makes the input.
    crop_dims : height, width and channels of the input.
    crop_mean : what stands where a window with its context leaves the picture; there with ``context_pad`` only.
    """

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        shape = self.blobs[self.inputs[0]].shape
        self.transformer = make_transformer(self.inputs[0], shape, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def detect_windows(self, images_windows: Iterable[tuple[str, Sequence[Window]]]) -> list[dict[str, Any]]:
        """Score windows.

        Parameters
        ----------
        images_windows : picture files, each with its windows.

        Returns
        -------
        For every window ``window``, ``prediction`` (a row of the net's output) and ``filename``.

        Raises
        ------
        InputError : there is no window at all, or one lies outside its picture.
        """
        files = list(images_windows)
        crops = [self.crop(image, window) for image, windows in _loaded(files) for window in windows]
        if not crops:
            raise InputError("detect_windows: no windows are given")
        name, output = self.inputs[0], self.outputs[0]
        batch = np.stack([self.transformer.preprocess(name, crop) for crop in crops])
        predictions = iter(self.forward_all(**{name: batch})[output])
        return [
            {"window": window, "prediction": next(predictions), "filename": filename}
            for filename, windows in files
            for window in windows
        ]

    def detect_selective_search(self, image_fnames: Sequence[str]) -> list[dict[str, Any]]:
        """Score the windows that selective search proposes; as `detect_windows`.

        Raises
        ------
        InputError : there is no ``selective_search_ijcv_with_python``, which finds them (with MATLAB).
        """
        try:
            import selective_search_ijcv_with_python as selective_search  # type: ignore[import-not-found]
        except ImportError:
            raise InputError(
                "detect_selective_search needs selective_search_ijcv_with_python (sergeyk's, with MATLAB); find "
                "windows by other means and give them to detect_windows"
            ) from None
        files = [str(Path(name).absolute()) for name in image_fnames]
        return self.detect_windows(
            zip(files, selective_search.get_windows(files, cmd="selective_search_rcnn"), strict=True)
        )

    def crop(self, im: np.ndarray, window: Window) -> np.ndarray:
        """The part of a picture (H, W, K) in a window, with what is around it as `configure_crop` says.

        Returns
        -------
        The window in its own size; with context, in that of the input.

        Raises
        ------
        InputError : nothing of it lies in the picture.
        """
        top, left, bottom, right = (int(edge) for edge in window)
        inside = im[top:bottom, left:right]
        if not inside.size:
            raise InputError(f"window {tuple(map(int, window))}: nothing of it lies in a picture of {im.shape[:2]}")
        return self._with_context(im, np.array(window, float)) if self.context_pad else inside

    def configure_crop(self, context_pad: int | None) -> None:
        """Say how many pixels of the input show what is around a window; None or 0 for none."""
        name = self.inputs[0]
        back = np.argsort(self.transformer.transpose[name])
        self.crop_dims = np.array(self.blobs[name].shape[1:])[back]
        self.context_pad = context_pad
        if context_pad:
            self.crop_mean = self._mean_as_picture(name, back)

    def _mean_as_picture(self, name: str, back: np.ndarray) -> np.ndarray:
        """The mean in the form of pictures before they are transformed."""
        transformer = self.transformer
        if name not in transformer.mean:
            return np.zeros(self.crop_dims, np.float32)
        mean = transformer.mean[name].copy().transpose(back)
        if name in transformer.channel_swap:
            mean = mean[:, :, np.argsort(transformer.channel_swap[name])]
        return np.asarray(mean / transformer.raw_scale.get(name, 1), np.float32)

    def _with_context(self, im: np.ndarray, box: np.ndarray) -> np.ndarray:
        size = self.blobs[self.inputs[0]].width  # of a square
        grown = size / (size - 2.0 * (self.context_pad or 0))
        half = (box[2:] - box[:2] + 1) / 2.0
        middle = box[:2] + half
        box = np.round(np.concatenate([middle - grown * half, middle + grown * half]))
        scale = size / (box[2:] - box[:2] + 1)
        before = np.round(np.maximum(0, -box[:2]) * scale).astype(int)  # rows and columns that are outside
        box = np.clip(box, 0, [*im.shape[:2]] * 2).astype(int)
        shown = np.round((box[2:] - box[:2] + 1) * scale).astype(int)
        shown = np.minimum(shown, size - before)
        crop = np.ones(self.crop_dims, np.float32) * self.crop_mean
        part = resize_image(im[box[0] : box[2], box[1] : box[3]], shown)
        crop[before[0] : before[0] + shown[0], before[1] : before[1] + shown[1]] = part
        return crop


def _loaded(files: Iterable[tuple[str, Sequence[Window]]]) -> Iterable[tuple[np.ndarray, Sequence[Window]]]:
    return ((load_image(filename), windows) for filename, windows in files)
