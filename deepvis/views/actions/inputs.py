"""Opening what the net looks at: folders, lists, videos, LMDBs, pictures; by dialogues and from the clipboard."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog

from deepvis.controllers.lanes import Outcome, Problem
from deepvis.controllers.tasks import Task
from deepvis.model.model import Model
from deepvis.session.model_of_settings import for_pairs
from deepvis.sources import Images
from deepvis.sources.arrays import ARRAYS
from deepvis.sources.opening import Cutting, open_images, open_together
from deepvis.sources.pasted import keep_picture
from deepvis.sources.video import VIDEOS
from deepvis.views.actions.registry import opens, window_action
from deepvis.views.window_protocol import WindowProtocol
from prototxt.common.progress import Progress, with_bar
from prototxt.pixels.decode import EXTENSIONS

_KINDS = {"Pictures": EXTENSIONS, "Videos": VIDEOS, "Arrays": ARRAYS, "Lists": {".txt", ".lst", ".csv"}}
_FILTER = ";;".join(
    f"{title} ({' '.join(sorted(f'*{extension}' for extension in extensions))})"
    for title, extensions in {"All of these": set().union(*_KINDS.values()), **_KINDS}.items()
)


@window_action("open_pictures")
def open_pictures(window: WindowProtocol) -> None:
    """Ask for a folder, of pictures or an LMDB, and show what is in it."""
    folder = QFileDialog.getExistingDirectory(window.widget, "Folder of pictures, or LMDB")
    if folder:
        show_inputs(window, [Path(folder)])


@window_action("open_input_files")
def open_input_files(window: WindowProtocol) -> None:
    """Ask for pictures, a list or a video and show them."""
    files, _ = QFileDialog.getOpenFileNames(
        window.widget, "Pictures, list, video", "", f"{_FILTER};;Any file, as a list of images (*)"
    )
    if files:
        show_inputs(window, [Path(file) for file in files])


@window_action("open_class_folders")
def open_class_folders(window: WindowProtocol) -> None:
    """Ask for a folder whose folders are the classes of the pictures."""
    folder = QFileDialog.getExistingDirectory(window.widget, "Folder with a folder for every class")
    if folder:
        show_inputs(window, [Path(folder)], class_folders=True)


@window_action("paste_input")
def paste_input(window: WindowProtocol) -> None:
    """Show the picture, the files or the paths that are on the clipboard."""
    mime = QGuiApplication.clipboard().mimeData()
    paths = _paths_of(mime)
    if paths:
        show_inputs(window, paths)
    elif mime.hasImage() and not (picture := QImage(mime.imageData())).isNull():
        pixels = _rgba(picture)

        def work() -> Generator[Progress, None, Images]:
            yield Progress(0, 0, "paste a picture")
            return open_images(keep_picture(pixels))

        _show(window, "Paste a picture", work())
    else:
        window.show_problem(
            Problem("the clipboard holds no picture, no files and no path that exists; copy one of them")
        )


@opens("pictures")
def show_given(window: WindowProtocol, given: Mapping[str, Sequence[Path]]) -> None:
    """Show what was dropped."""
    show_inputs(window, given["pictures"])


def show_inputs(window: WindowProtocol, paths: Sequence[Path], class_folders: bool = False) -> None:
    """Show what paths mean, see `deepvis.sources.open_images`; several are shown one after the other.

    Parameters
    ----------
    class_folders : whether the folders in the only path are classes. Where all of them are classes of the net, they
        are so without being asked.
    """
    model = window.controller.session.opened

    def work() -> Generator[Progress, None, Images]:
        yield Progress(0, 0, f"open {paths[0].name}")
        return inputs_of(paths, model, class_folders)

    _show(window, f"Open {paths[0].name}", work())


def inputs_of(paths: Sequence[Path], model: Model, class_folders: bool = False) -> Images:
    """The images of paths as a net takes them; errors as in `deepvis.sources.open_images`."""
    cutting = Cutting(model.frames)
    if class_folders:
        return open_images(paths[0], True, model.classes, cutting)
    images = open_together(paths, cutting)
    tops = {name.split("/")[0] for name in images.paths if "/" in name}
    if len(paths) == 1 and paths[0].is_dir() and tops and tops <= set(model.classes):
        return open_images(paths[0], True, model.classes, cutting)
    return images


def _show(window: WindowProtocol, title: str, work: Generator[Progress, None, Images]) -> None:
    """Open images beside the window, then show the first one; long work that is running is not ended for it."""
    controller = window.controller
    opened = controller.session.opened

    def done(images: Images) -> None:
        session = controller.session
        if session.opened is not opened:
            return  # another model was opened meanwhile
        window.clear_problem()
        model = for_pairs(session.engine.model, images)
        if model is not session.engine.model:
            engine = session.engine.with_preprocessing(model.preprocessing, assumed=True)
            controller.set_session(replace(session, engine=engine, first=model))
        controller.set_images(images)

    def finish(outcome: Outcome) -> None:
        if outcome.problem is None:
            done(outcome.result)
        else:
            window.show_problem(outcome.problem)

    if controller.tasks.running:  # its progress stays in the bar
        controller.lanes["disk"].submit("inputs", lambda: with_bar(work, quiet=True), finish)
    else:
        controller.tasks.start(Task(title, work, done))


def _paths_of(mime: QMimeData) -> list[Path]:
    """The files on the clipboard: as such, or written as text, one a line, all of which exist."""
    if mime.hasUrls():
        urls = mime.urls()
    else:
        lines = [line.strip().strip("'\"") for line in mime.text().splitlines() if line.strip()]
        urls = [QUrl(line) if line.startswith("file:") else QUrl.fromLocalFile(line) for line in lines]
    paths = [Path(url.toLocalFile()).expanduser() for url in urls if url.isLocalFile()]
    return paths if len(paths) == len(urls) and all(map(_exists, paths)) else []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no path at all, such as a long text
        return False


def _rgba(picture: QImage) -> np.ndarray:
    """(H, W, 4) uint8."""
    image = picture.convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()
