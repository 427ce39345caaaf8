"""A widget as a file: pixels of any density, or SVG and PDF, where text stays text and pictures are embedded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QPoint, QSizeF
from PySide6.QtGui import QImage, QImageWriter, QPageLayout, QPageSize, QPaintDevice, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from deepvis.errors import ModelError
from prototxt.common.atomic import write_bytes

DPI = 96  # of what is drawn at density 1
RASTER = {".png": "PNG", ".jpg": "JPG", ".jpeg": "JPG", ".bmp": "BMP", ".webp": "WEBP", ".tif": "TIFF"}
"""Names of Qt's picture formats, by ending."""

Write = Callable[[], None]


def to_pixels(widget: QWidget, density: float = 1.0) -> QImage:
    """Draw a widget.

    Parameters
    ----------
    density : pixels of the picture for a pixel of the widget, above 0; text and lines are drawn as finely.
    """
    size = widget.size() * density
    image = QImage(size, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(density)
    image.fill(widget.palette().window().color())
    _render(widget, image)
    return image


def to_svg(widget: QWidget) -> bytes:
    """Draw a widget as SVG."""
    buffer = QBuffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setResolution(DPI)
    generator.setSize(widget.size())
    generator.setViewBox(widget.rect())
    generator.setTitle(widget.window().windowTitle())
    generator.setDescription("drawn by DeepVis")
    _render(widget, generator)
    # Cells of a map are squares, also in programs that know only the newer name for it.
    return bytes(buffer.data().data()).replace(b'"optimizeSpeed"', b'"pixelated"')


def to_pdf(widget: QWidget) -> bytes:
    """Draw a widget as a PDF of one page of its size."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(DPI)
    size = QSizeF(widget.width() / DPI, widget.height() / DPI)
    page = QPageSize(size, QPageSize.Unit.Inch, "widget", QPageSize.SizeMatchPolicy.ExactMatch)
    writer.setPageLayout(QPageLayout(page, QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0)))
    writer.setTitle(widget.window().windowTitle())
    _render(widget, writer)
    return bytes(buffer.data().data())


VECTOR: dict[str, Callable[[QWidget], bytes]] = {".svg": to_svg, ".pdf": to_pdf}
"""Kinds of drawings, by ending."""

FILTER = f"Pictures ({' '.join(f'*{ending}' for ending in (*RASTER, *VECTOR))})"
"""For dialogues that ask for a file."""


def writer_of(widget: QWidget, path: Path, density: float = 1.0) -> Write:
    """Draw a widget now, and give what writes it to a file, which may run on any thread.

    Parameters
    ----------
    path : its ending says what it becomes, one of `RASTER` or `VECTOR`; it is written whole or not at all.
    density : of pixels, see `to_pixels`.

    Raises
    ------
    ModelError : for another ending; from what is given: `prototxt.common.errors.FormatError` if the file cannot be
        written.
    """
    ending = path.suffix.lower()
    if ending in VECTOR:
        drawn = VECTOR[ending](widget)
        return lambda: write_bytes(path, drawn)
    if ending not in RASTER:
        known = ", ".join((*RASTER, *VECTOR))
        raise ModelError(f"{path}: Qt cannot write this kind of picture; the name must end in one of {known}")
    image = to_pixels(widget, density)
    return lambda: write_bytes(path, _encoded(image, path))


def _encoded(image: QImage, path: Path) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not QImageWriter(buffer, QByteArray(RASTER[path.suffix.lower()].encode())).write(image):
        raise ModelError(f"{path}: this Qt has no plugin for such pictures; take .png")
    return bytes(buffer.data().data())


def _render(widget: QWidget, device: QPaintDevice) -> None:
    painter = QPainter(device)
    try:
        widget.render(painter, QPoint())
    finally:
        painter.end()
