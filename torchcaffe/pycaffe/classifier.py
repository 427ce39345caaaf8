"""``caffe.Classifier``: class probabilities of pictures, by one crop of each or by the mean of ten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from torchcaffe.mode import TEST
from torchcaffe.pycaffe.images import Size, resize_image
from torchcaffe.pycaffe.images import oversample as ten_crops
from torchcaffe.pycaffe.net import Net
from torchcaffe.pycaffe.transformer import make_transformer


class Classifier(Net):
    """A net of one input that classifies pictures.

    Parameters
    ----------
    model_file, pretrained_file : prototxt of a deploy net, and its weights.
    image_dims : height and width that pictures are resized to before the crop; by default those of the input.
    mean, input_scale, raw_scale, channel_swap : as `torchcaffe.pycaffe.transformer.Transformer` takes them.

    Attributes
    ----------
    transformer : makes the input; may be set up further.
    crop_dims, image_dims : height and width.
    """

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        image_dims: Size | None = None,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        shape = self.blobs[self.inputs[0]].shape
        self.transformer = make_transformer(self.inputs[0], shape, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(shape[2:])
        self.image_dims = self.crop_dims if image_dims is None or not len(image_dims) else np.array(image_dims)

    def predict(self, inputs: Sequence[np.ndarray], oversample: bool = True) -> np.ndarray:
        """Probabilities of every picture's classes.

        Parameters
        ----------
        inputs : N pictures (H, W, K), as `caffe.io.load_image` gives them.
        oversample : the mean of ten crops (corners, centre, mirrored); else the centre alone.

        Returns
        -------
        (N, classes).
        """
        name, output = self.inputs[0], self.outputs[0]
        resized = np.stack([resize_image(image, self.image_dims) for image in inputs])
        crops = ten_crops(resized, self.crop_dims) if oversample else self._centre(resized)
        batch = np.stack([self.transformer.preprocess(name, crop) for crop in crops])
        predictions = self.forward_all(**{name: batch})[output]
        return predictions.reshape(len(inputs), 10, -1).mean(1) if oversample else predictions

    def _centre(self, images: np.ndarray) -> np.ndarray:
        top, left = (self.image_dims / 2.0 - self.crop_dims / 2.0).astype(int)
        bottom, right = (self.image_dims / 2.0 + self.crop_dims / 2.0).astype(int)
        return images[:, top:bottom, left:right]
