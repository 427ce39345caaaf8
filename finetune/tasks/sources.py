"""Where a task's images come from: class folders, archives of such, lists, LMDBs, Oxford's and MIT's own layouts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from deepvis.sources import Images, open_images
from deepvis.sources.database import is_database
from finetune.errors import ExperimentError
from finetune.tasks.cache import unpacked

TRAIN, TEST = "train", "test"
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
MIT_LISTS = {TRAIN: "TrainImages.txt", TEST: "TestImages.txt"}
FLOWERS = "flowers-102"
WORDNET = re.compile(r"n\d{8}_.*\.(?:jpe?g|png)$", re.IGNORECASE)
# The test images are the largest of Oxford's three sets; the other two together are what studies train on.
FLOWERS_SETS = {TRAIN: ("trnid", "valid"), TEST: ("tstid",)}


@dataclass(frozen=True)
class Found:
    """Images of both parts, with one numbering of the classes; ``test`` is None where only one set is given."""

    train: Images
    test: Images | None
    classes: tuple[str, ...]


def data_folder() -> Path:
    """Where data sets lie that are given by a bare name: ``$DEEPVIS_DATA``, or ``../shared/data``."""
    return Path(os.environ.get("DEEPVIS_DATA") or "../shared/data")


def place_of(name: str) -> Path:
    """The path that a name means: as it stands, or in the folder of data sets.

    Raises
    ------
    ExperimentError : there is none.
    """
    for path in (Path(name).expanduser(), data_folder() / name):
        if path.exists():
            return path
    raise ExperimentError(
        f"{name}: does not exist, neither here ({Path.cwd()}) nor in {data_folder()} ($DEEPVIS_DATA); give the path of "
        "a folder, an archive, a list or an LMDB"
    )


def find_images(path: Path, folder: str = "", classes: tuple[str, ...] = (), cache: Path = Path()) -> Found:
    """Find the training and test images of a data set.

    Parameters
    ----------
    path : a folder with ``train/CLASS/`` and ``test/CLASS/``, an archive of such a folder, the folder of MIT's Indoor
        scenes (``TrainImages.txt``, ``TestImages.txt``), the folder of Oxford's flowers as torchvision keeps it
        (``flowers-102``), a folder of classes or of images with WordNet IDs in their names (then there is no test
        part), an image list, or an LMDB.
    folder : inside it, such as ``photo`` of ``pacs_64.tar``.
    classes : names in the order of a net's outputs, if they must be numbered so.
    cache : where archives are unpacked.

    Raises
    ------
    ExperimentError : it is none of these.
    ImageError : images or a list cannot be read.
    """
    if path.is_file() and path.name.endswith(ARCHIVES):
        path = _single_folder(unpacked(path, cache))
    root = path / folder
    if not root.exists():
        raise ExperimentError(f"{root}: does not exist; {path} holds {', '.join(_folders(path)) or 'no folder'}")
    if root.is_dir() and not is_database(root):
        layout = next((find for fits, find in LAYOUTS.items() if fits(root)), _class_folders)
        return layout(root, classes)
    images = open_images(root)
    return Found(images, None, _names(images, classes, root))


def find_pair(train: Path, test: Path, classes: tuple[str, ...] = ()) -> Found:
    """Take training and test images of two lists or two LMDBs."""
    first, second = open_images(train), open_images(test)
    known = _names(first, classes, train)
    return Found(first, second, known if len(known) > second.labels.max() else _names(second, classes, test))


def _names(images: Images, classes: tuple[str, ...], where: Path) -> tuple[str, ...]:
    """Names of the classes of labelled images; their numbers where nobody names them."""
    if not len(images) or images.labels.min() < 0:
        raise ExperimentError(f"{where}: has images without a class; write 'path label' lines, or give class folders")
    count = int(images.labels.max()) + 1
    for names in (classes, images.classes):
        if len(names) >= count:
            return tuple(names)
    return tuple(str(number) for number in range(count))


def _single_folder(root: Path) -> Path:
    """The only folder in an unpacked archive, or the archive's own where there are several."""
    inside = _folders(root)
    return root / inside[0] if len(inside) == 1 and inside[0] not in (TRAIN, TEST) else root


def _folders(root: Path) -> list[str]:
    return sorted(each.name for each in root.iterdir() if each.is_dir()) if root.is_dir() else []


def _has_parts(root: Path) -> bool:
    return (root / TRAIN).is_dir() and (root / TEST).is_dir()


def _parts(root: Path, classes: tuple[str, ...]) -> Found:
    names = tuple(classes) if set(_folders(root / TRAIN)) <= set(classes) else tuple(_folders(root / TRAIN))
    strangers = set(_folders(root / TEST)) - set(names)
    if strangers:
        raise ExperimentError(f"{root / TEST}: has a class {sorted(strangers)[0]!r} that {root / TRAIN} has not")
    train, test = (open_images(root / part, class_folders=True, classes=names) for part in (TRAIN, TEST))
    return Found(train, test, names)


def _class_folders(root: Path, classes: tuple[str, ...]) -> Found:
    images = open_images(root, class_folders=True, classes=classes)
    return Found(images, None, tuple(images.classes))


def _is_mit(root: Path) -> bool:
    return all((root / name).is_file() for name in MIT_LISTS.values())


def _mit(root: Path, classes: tuple[str, ...]) -> Found:
    """Lists of ``class/file.jpg`` lines, and the images in ``Images/``."""
    lists = {part: (root / name).read_text().split() for part, name in MIT_LISTS.items()}
    found = tuple(sorted({line.split("/")[0] for lines in lists.values() for line in lines}))
    names = tuple(classes) if set(found) <= set(classes) else found
    folder = root / "Images" if (root / "Images").is_dir() else root
    parts = {
        part: Images(folder, tuple(lines), tuple(names.index(line.split("/")[0]) for line in lines), names)
        for part, lines in lists.items()
    }
    return Found(parts[TRAIN], parts[TEST], names)


def _is_flowers(root: Path) -> bool:
    return _flowers_folder(root) is not None


def _flowers_folder(root: Path) -> Path | None:
    return next((folder for folder in (root, root / FLOWERS) if (folder / "setid.mat").is_file()), None)


def _flowers(root: Path, classes: tuple[str, ...]) -> Found:
    """Oxford's files, which torchvision's Flowers102 keeps as they are; labels there count from 1."""
    folder = _flowers_folder(root)
    assert folder is not None  # asked by find_images
    labels = loadmat(folder / "imagelabels.mat", squeeze_me=True)["labels"].astype(int) - 1
    sets = loadmat(folder / "setid.mat", squeeze_me=True)
    names = tuple(classes) or tuple(f"{number + 1:03d}" for number in range(labels.max() + 1))
    parts = {}
    for part, keys in FLOWERS_SETS.items():
        numbers = np.concatenate([np.atleast_1d(sets[key]) for key in keys])
        files = tuple(f"jpg/image_{number:05d}.jpg" for number in numbers)
        parts[part] = Images(folder, files, tuple(int(labels[number - 1]) for number in numbers), names)
    return Found(parts[TRAIN], parts[TEST], names)


def _is_wordnet(root: Path) -> bool:
    return root.is_dir() and not _folders(root) and any(WORDNET.match(path.name) for path in root.iterdir())


def _wordnet(root: Path, classes: tuple[str, ...]) -> Found:
    """Files called ``n01440764_tench.jpg``: the class is the rank of the WordNet ID, as in ImageNet."""
    files = sorted(path.name for path in root.iterdir() if WORDNET.match(path.name))
    ids = sorted({name.split("_")[0] for name in files})
    names = tuple(classes) if len(classes) == len(ids) else tuple(ids)
    return Found(Images(root, tuple(files), tuple(ids.index(name.split("_")[0]) for name in files), names), None, names)


LAYOUTS: Mapping[Callable[[Path], bool], Callable[[Path, tuple[str, ...]], Found]] = {
    _is_mit: _mit,
    _is_flowers: _flowers,
    _has_parts: _parts,
    _is_wordnet: _wordnet,
}
