"""``torchcaffe classify``: class scores of pictures (python/classify.py)."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from prototxt.common import atomic
from prototxt.common.errors import ImageError, InputError
from torchcaffe.commands.device import choose_device
from torchcaffe.commands.flags import Call
from torchcaffe.mode import set_device, set_mode_gpu
from torchcaffe.pycaffe.classifier import Classifier
from torchcaffe.pycaffe.images import load_image

log = logging.getLogger(__name__)


def classify(call: Call) -> None:
    """Write the scores (pictures, classes) of a picture, of all in a folder, or of arrays (N, H, W, K) in an ``.npy``.

    Raises
    ------
    InputError : the net, its weights, the mean, a picture or a flag is wrong.
    """
    source, target = call.arguments
    choose_mode(call)
    size = tuple(integers(call, "images_dim"))
    if len(size) != 2:
        raise InputError(f"-images_dim must be HEIGHT,WIDTH; got '{call.text('images_dim')}'")
    with pycaffes_errors():
        classifier = Classifier(*net_files(call), image_dims=size, **pixel_options(call))
    pictures = _pictures(Path(source).expanduser(), call.text("ext"))
    _check(classifier, pictures, size)
    log.info("Classifying %d inputs.", len(pictures))
    start = time.perf_counter()
    scores = classifier.predict(pictures, not call.switch("center_only"))
    log.info("Done in %.2f s.", time.perf_counter() - start)
    log.info("Saving results into %s", target)
    data = io.BytesIO()
    np.save(data, scores)
    atomic.write_bytes(target if target.endswith(".npy") else f"{target}.npy", data.getvalue())


def _pictures(source: Path, ending: str) -> list[np.ndarray]:
    if source.suffix == ".npy":
        return list(load_array(source))
    files = sorted(source.glob(f"*.{ending}")) if source.is_dir() else [source]
    if not files:
        raise ImageError(f"{source}: has no picture called *.{ending}; give -ext, or another folder")
    check_pictures(files)
    return [load_image(str(file)) for file in files]


def check_pictures(files: Iterable[Path | str]) -> None:
    """Refuse what is no picture, before scikit-image looks for a reader that might take it.

    Raises
    ------
    ImageError : a file is missing, or of no kind that is known.
    """
    for file in files:
        try:
            with Image.open(file):
                pass
        except OSError as error:
            said = error.strerror or "of no kind that is known"
            raise ImageError(f"{file}: is no picture that can be read ({said}); give another") from None


def _check(classifier: Classifier, pictures: list[np.ndarray], size: tuple[int, ...]) -> None:
    """Refuse pictures that the net's input cannot be made of.

    Raises
    ------
    InputError : they have another number of channels, or are resized to less than the crop.
    """
    channels = classifier.blobs[classifier.inputs[0]].shape[1]
    for number, picture in enumerate(pictures):
        if picture.ndim != 3 or picture.shape[2] != channels:
            raise InputError(f"input {number} has the shape {picture.shape}; the net takes (height, width, {channels})")
    if any(side < crop for side, crop in zip(size, classifier.crop_dims, strict=True)):
        crop = "x".join(map(str, classifier.crop_dims))
        raise InputError(f"-images_dim {size[0]},{size[1]} is smaller than the net's input, {crop}")


@contextmanager
def pycaffes_errors() -> Iterator[None]:
    """Turn what pycaffe's classes raise of settings that do not fit the net into sentences."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, IndexError) as error:
        raise InputError(str(error)) from None


def choose_mode(call: Call) -> None:
    """Set the device that ``-gpu`` asks for."""
    if choose_device("0" if call.switch("gpu") else "").type == "cuda":
        set_device(0)
        set_mode_gpu()


def net_files(call: Call) -> tuple[str, str]:
    """The prototxt and the weights.

    Raises
    ------
    InputError : they are not given: Caffe's own, of BVLC's models, are not here.
    """
    return call.required("model_def", "a net's prototxt"), call.required("pretrained_model", "its weights")


def pixel_options(call: Call) -> dict[str, Any]:
    """What `Classifier` and `Detector` do with pixels.

    Raises
    ------
    InputError : a flag, or the mean file, is wrong.
    """
    return {
        "mean": load_array(Path(call.text("mean_file"))) if call.text("mean_file") else None,
        "input_scale": call.real("input_scale") or None,
        "raw_scale": call.real("raw_scale") or None,
        "channel_swap": integers(call, "channel_swap") or None,
    }


def integers(call: Call, flag: str) -> list[int]:
    """The whole numbers of a flag.

    Raises
    ------
    InputError : there is something else.
    """
    words = call.words(flag)
    if not all(word.strip().isdigit() for word in words):
        raise InputError(f"-{flag} must be whole numbers, separated by commas; got '{call.text(flag)}'")
    return [int(word) for word in words]


def load_array(path: Path) -> np.ndarray:
    """An array of an ``.npy`` file.

    Raises
    ------
    InputError : it is none.
    """
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as an .npy file ({error})") from None
    return array
