"""Contact sheets: the patches of a layer's units on pages, as PNG."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deepvis.export.folder import file_names
from deepvis.export.job import ByLayer, Job, Work, write_picture
from deepvis.export.pictures import Blocks
from deepvis.palette import DIM, GROUND, TEXT, rgb
from prototxt.common.progress import Progress

COLUMNS, ROWS = 8, 8  # units on a sheet
GAP, MARGIN, HEADING, CAPTION = 12, 20, 24, 15  # pixels; the last two are sizes of type


def write_sheets(job: Job, hits: ByLayer, folder: Path) -> Work:
    """Write ``layer_0000-0063.png``: 64 units on a sheet, each a block of its patches with its number above."""
    names = file_names(list(hits))
    for group in job.groups(hits):
        made = yield from job.blocks(group)
        for name, kinds in made:
            for kind, blocks in kinds.items():
                yield from _write_layer(job, folder, name, names[name] + (f"_{kind}" if kind else ""), blocks)


def _write_layer(job: Job, folder: Path, name: str, stem: str, blocks: Blocks) -> Work:
    units = len(blocks.pixels)
    for start in range(0, units, COLUMNS * ROWS):
        end = min(start + COLUMNS * ROWS, units)
        sheet = contact_sheet(blocks.pixels[start:end], start, f"{name}   units {start} to {end - 1} of {units}")
        write_picture(folder / f"{stem}_{start:04d}-{end - 1:04d}.png", sheet)
        yield Progress(end, units, f"sheets: units of {name}")


def contact_sheet(blocks: NDArray[np.uint8], first: int, heading: str) -> NDArray[np.uint8]:
    """Lay out the blocks of some units with their numbers.

    Parameters
    ----------
    blocks : (N, h, w, 3) uint8 RGB, N at least 1.
    first : number of the first unit.
    heading : line at the top.

    Returns
    -------
    (H, W, 3) uint8 RGB.
    """
    count, height, width, _ = blocks.shape
    columns = min(COLUMNS, count)
    step_y, step_x = height + CAPTION + GAP + 4, width + GAP
    top = MARGIN + HEADING + GAP
    needed = 2 * MARGIN + int(_font(HEADING).getlength(heading))
    size = (max(2 * MARGIN + columns * step_x - GAP, needed), top + -(-count // columns) * step_y + MARGIN - GAP)
    page = Image.new("RGB", size, rgb(GROUND))
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, MARGIN - 6), heading, rgb(TEXT), _font(HEADING))
    for number, block in enumerate(blocks):
        row, column = divmod(number, columns)
        left, upper = MARGIN + column * step_x, top + row * step_y
        draw.text((left, upper), str(first + number), rgb(DIM), _font(CAPTION))
        page.paste(Image.fromarray(block), (left, upper + CAPTION + 4))
    return np.asarray(page)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that matplotlib brings along, so that sheets look the same everywhere."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")), size)
