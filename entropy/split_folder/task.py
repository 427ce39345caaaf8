"""What a new task is: pictures, their classes, the head that tells them apart, and the net's preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """What a new task can leave to defaults.

    Parameters
    ----------
    test_images
        list of held-out pictures.
    root
        folder that the lists' relative paths start from; by default each list's own folder.
    classes
        number of classes; by default the largest label + 1.
    replaces
        the classifier that the head replaces; by default the net's last InnerProduct or Convolution layer.
    head_lr
        lr_mult of the head's weights and bias; 1 1 for the rate of all other layers.
    preprocessing
        JSON file with the net's preprocessing, alone or in a conversion.json; by default the conversion.json beside
        the net.
    batch
        training pictures per batch.
    test_batch
        held-out pictures per batch.
    mirror
        flip half of the training pictures.
    copy_pictures
        copy the pictures into the folder, resized as the preprocessing says, so that it can be taken to another
        machine; otherwise the net reads them where they are.
    """

    test_images: Path | None = None
    root: Path | None = None
    classes: int | None = None
    replaces: str | None = None
    head_lr: tuple[float, float] = (10.0, 20.0)
    preprocessing: Path | None = None
    batch: int = 32
    test_batch: int = 50
    mirror: bool = True
    copy_pictures: bool = False

    def __post_init__(self) -> None:
        for name in ("images", "test_images", "root", "preprocessing"):
            value = getattr(self, name, None)
            if isinstance(value, str):  # a path is often typed as text in Python
                object.__setattr__(self, name, Path(value))


@dataclass(frozen=True, kw_only=True)
class Task(TaskOptions):
    """A new task for a trained net: pictures, their classes, and the head that tells them apart.

    Parameters
    ----------
    images
        list of the training pictures, "path label" lines.
    head
        name of the new classifier layer.
    """

    images: Path
    head: str
