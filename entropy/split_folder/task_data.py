"""The pictures of a new task, and the layers that bring them into a training net."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from entropy.split_folder.data_layers import ImageList, PixelLayers, pixel_layers
from entropy.split_folder.task import Task
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import read_preprocessing

if TYPE_CHECKING:  # it needs torchcaffe, hence torch, which takes seconds to import
    from entropy.split_folder.pictures import Pictures

_OUTSIDE = (
    "the pictures stay where they are and Caffe decodes them by itself; with --copy-pictures it gets what a scan sees"
    " (docs/settings.md), and the folder can be taken to another machine"
)


@dataclass(frozen=True)
class TaskData:
    """The data of a new task, checked; nothing is written yet.

    Parameters
    ----------
    classes : their number.
    pixels : the layers that read the pictures, in both phases.
    batch : training pictures per batch.
    texts : content of the image lists, by file name.
    copies : the pictures that are to be copied, by the name of their list.
    preprocessing : of the net.
    test_pictures : how many held-out ones there are, or None without.
    notes : what the user should know.
    """

    classes: int
    pixels: PixelLayers
    batch: int
    texts: dict[str, str]
    copies: dict[str, Pictures]
    preprocessing: Preprocessing
    test_pictures: int | None
    notes: list[str]

    def delivered(self, image: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """What the data layer delivers in training; pictures have the size of the deploy net's input, ``image``."""
        pictures, labels = self.pixels.layers[0].top
        return {pictures: (self.batch, *image[1:]), labels: (self.batch,)}


def read_task(task: Task, net_path: Path, out: Path, top: str) -> TaskData:
    """Read the lists of a task and check every picture in them.

    Parameters
    ----------
    net_path : of the deploy net; its preprocessing stands beside it.
    out : the folder that Caffe will be started in.
    top : the net's input blob.

    Raises
    ------
    PlanError, FormatError, PreprocessingError : a picture or a list is missing, a label is wrong, ImageData has no
        means for the preprocessing.
    """
    from entropy.split_folder.pictures import list_of_copies, read_pictures

    train = read_pictures(task.images, task.root, out, task.classes)
    classes = task.classes or train.classes
    test = read_pictures(task.test_images, task.root, out, classes) if task.test_images else None
    preprocessing = read_preprocessing(task.preprocessing or net_path.with_name("conversion.json"))
    lists = {"train": train} | ({"test": test} if test else {})
    copies: dict[str, Pictures] = {}
    seen = preprocessing
    if task.copy_pictures:
        copies, lists = lists, {name: list_of_copies(pictures, name) for name, pictures in lists.items()}
        seen = dataclasses.replace(preprocessing, resize="none", resize_to=())
    layers = [
        ImageList(f"{name}.txt", pictures.root_folder, min(batch, pictures.count))
        for (name, pictures), batch in zip(lists.items(), (task.batch, task.test_batch), strict=False)
    ]
    pixels = pixel_layers(seen, top, layers[0], layers[1] if test else None, task.mirror)
    return TaskData(
        classes=classes,
        pixels=pixels,
        batch=layers[0].batch,
        texts={f"{name}.txt": pictures.text for name, pictures in lists.items()},
        copies=copies,
        preprocessing=preprocessing,
        test_pictures=test.count if test else None,
        notes=pixels.notes + ([] if copies else [_OUTSIDE]),
    )
