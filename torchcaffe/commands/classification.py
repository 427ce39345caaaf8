"""``torchcaffe classification``: the five likeliest classes of a picture (examples/cpp_classification)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from prototxt.common.errors import FormatError, ImageError, NetError
from prototxt.formats.text import read_net
from torchcaffe.commands.flags import Call
from torchcaffe.data.transform import read_mean_image
from torchcaffe.network import Network
from torchcaffe.snapshot import load_weights, warn_of_fillers
from torchcaffe.stored import Stored

_SHOWN = 5


def classification(call: Call) -> None:
    """Print the classes with their scores, as Caffe's example does.

    The picture is resized to the net's input, and the mean of each channel of the mean image is subtracted.

    Raises
    ------
    InputError : the net has not one input and one output, a file cannot be read, or there are not as many labels as
        outputs.
    """
    model, weights, mean_file, label_file, picture = call.arguments
    network = Network(read_net(model), "TEST")
    if len(network.graph.inputs) != 1 or len(network.graph.outputs) != 1:
        raise NetError(f"{model}: must have one input and one output")
    warn_of_fillers(load_weights(Stored(network), [weights]), weights)
    (blob,) = network.graph.inputs
    mean = read_mean_image(mean_file, model).mean((1, 2))
    pixels = _pixels(Path(picture), network.shapes.values[blob], mean, model)
    with torch.inference_mode():
        (scores,) = network.run({blob: pixels[None]}, network.graph.outputs).values()
    labels, numbers = _labels(Path(label_file)), scores.flatten().tolist()
    if len(labels) != len(numbers):
        raise FormatError(f"{label_file}: has {len(labels)} labels, and the net {len(numbers)} outputs")
    print(f"---------- Prediction for {picture} ----------")
    for number, label in sorted(zip(numbers, labels, strict=True), key=lambda pair: -pair[0])[:_SHOWN]:
        print(f'{number:.4f} - "{label}"')


def _pixels(picture: Path, shape: tuple[int, ...], mean: np.ndarray, model: str) -> np.ndarray:
    """The input (C, H, W) of a picture, float32, blue first."""
    if len(shape) != 4 or shape[1] not in (1, 3) or len(mean) != shape[1]:
        raise NetError(
            f"{model}: the input must have 1 or 3 channels, and the mean as many; got {shape} and {len(mean)}"
        )
    image = cv2.imread(str(picture), cv2.IMREAD_COLOR if shape[1] == 3 else cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ImageError(f"{picture}: is no picture that OpenCV can read; give another")
    resized = cv2.resize(image, (shape[3], shape[2])).reshape(shape[2], shape[3], shape[1])
    return np.asarray(resized.transpose(2, 0, 1) - mean[:, None, None], np.float32)


def _labels(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: the labels cannot be read ({error})") from None
