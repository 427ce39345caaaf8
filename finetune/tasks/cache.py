"""Decoded images on disk: an array per set of images, and archives that were unpacked once."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import uuid
from collections.abc import Generator
from pathlib import Path

import numpy as np

from deepvis.sources import ImageSource
from deepvis.sources.loader import batches
from deepvis.sources.names import split_name, split_pair
from finetune.errors import ExperimentError
from finetune.tasks.pixels import resized
from prototxt.common.atomic import atomic_path
from prototxt.common.progress import Progress
from prototxt.pixels.preprocess import Preprocessing

CACHE = Path("~/.cache/deepvis/tasks")
BATCH = 64


def decoding(images: ImageSource, preprocessing: Preprocessing, cache: Path) -> Generator[Progress, None, np.ndarray]:
    """Decode and resize images, or take them from the cache.

    Parameters
    ----------
    images : the images.
    preprocessing : of the net; its resize rule is applied.
    cache : folder of the arrays; the name of an array is a hash of the images' names, sizes and times of change, and
        of the resize rule.

    Returns
    -------
    (N, h, w, 3) uint8 RGB, mapped from the file.

    Raises
    ------
    ImageError : an image cannot be read.
    ExperimentError : the images are no pictures of one size.
    """
    file = cache / f"{_key(images, preprocessing)}.npy"
    if not file.is_file():
        with atomic_path(file) as temporary:
            yield from _decode(images, preprocessing, temporary)
    return np.load(file, mmap_mode="r")


def _decode(images: ImageSource, preprocessing: Preprocessing, file: Path) -> Generator[Progress, None, None]:
    array: np.memmap | None = None
    what = "decode: images"
    yield Progress(0, len(images), what)
    done = 0
    for loaded in batches(images, lambda sample: _pixels(sample, preprocessing), BATCH):
        for item in loaded:
            if item.error is not None:
                raise item.error
            if array is None:
                shape = (len(images), *item.blob.shape)
                array = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
            if item.blob.shape != array.shape[1:]:
                raise ExperimentError(
                    f"{images.root / images.paths[item.index]}: has {item.blob.shape[1]}x{item.blob.shape[0]} pixels "
                    f"and the first image {array.shape[2]}x{array.shape[1]}; a task's images must be of one size: give "
                    "the net a preprocessing that resizes them"
                )
            array[item.index] = item.blob
        done += len(loaded)
        yield Progress(done, len(images), what)
    if array is not None:
        array.flush()


def _pixels(sample: object, preprocessing: Preprocessing) -> np.ndarray:
    if not isinstance(sample, np.ndarray) or sample.ndim != 3 or sample.dtype != np.uint8:
        raise ExperimentError("is no single picture; a task is made of pictures, not of pairs, clips or arrays")
    return resized(sample, preprocessing)


def _key(images: ImageSource, preprocessing: Preprocessing) -> str:
    rule = [preprocessing.resize, preprocessing.resize_to, preprocessing.interpolation, preprocessing.crop]
    digest = hashlib.sha256(json.dumps([str(images.root.absolute()), rule]).encode())
    for name in images.paths:
        digest.update(f"{name}\0{_stamp(images.root / split_name(split_pair(name)[0]).file)}\n".encode())
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    """Size and time of change of a file (of an LMDB: of its data)."""
    path = path / "data.mdb" if path.is_dir() else path
    try:
        stat = path.stat()
    except OSError:
        return "missing"  # reading it will say so
    return f"{stat.st_size} {stat.st_mtime_ns}"


def unpacked(archive: Path, cache: Path) -> Path:
    """Unpack a tar file into the cache, once; gives the folder.

    Raises
    ------
    ExperimentError : it cannot be read.
    """
    stamp = hashlib.sha256(f"{archive.absolute()} {_stamp(archive)}".encode()).hexdigest()[:12]
    folder = cache / f"{archive.name.split('.')[0]}-{stamp}"
    if folder.is_dir():
        return folder
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    temporary.mkdir(parents=True)
    try:
        with tarfile.open(archive) as file:
            file.extractall(temporary, filter="data")
        if not folder.is_dir():  # another process may have been faster
            temporary.rename(folder)
    except (OSError, tarfile.TarError) as error:
        if not folder.is_dir():
            raise ExperimentError(f"{archive}: cannot be unpacked into {cache} ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder
