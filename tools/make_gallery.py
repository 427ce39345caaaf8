"""Draw the pictures of the documentation with `deepvis snapshot`: the window, each pane, each way to show a layer.

What they show is made from the bundled indoor network and from the photographs that ship with scikit-image and
scikit-learn: converted, scanned over crops of them, measured, planned. It is kept in ``--work`` for the next time.

    python tools/make_gallery.py            all of them
    python tools/make_gallery.py window     some of them
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro
from PIL import Image
from tqdm import tqdm

from deepvis.progress import with_bar
from finetune.crop_task import CropCounts, write_task
from finetune.demo_steps import bins_for, command
from finetune.photographs import Photograph, indoor_photographs, task_photographs
from prototxt.atomic import atomic_path
from prototxt.errors import errors_as_sentences

MODEL = Path("models/indoor39")
PICTURES = Path("docs/pictures")
COLOURS = 256  # of a picture's palette
LARGEST = 150_000  # bytes
CROPS = CropCounts(train=80, test=1)


@dataclass(frozen=True)
class Shot:
    """One picture.

    Parameters
    ----------
    name : of its file.
    options : of `deepvis snapshot`.
    """

    name: str
    options: str


SHOTS: tuple[Shot, ...] = (Shot("window", "--layer conv2 --unit 7 --back guided --picture 1 --size 1500 930"),)


def prepare(work: Path) -> Iterator[tuple[str, ...]]:
    """The commands that make what is shown; those whose file is there are left out."""
    task, scan, table = work / "crops" / "train.txt", work / "scan.h5", work / "entropy.csv"
    if not (work / "conversion.json").is_file():
        yield command(
            "converters.convert_pytorch_to_caffe", model=MODEL, out=work, name="indoor39", verify="torchcaffe"
        )
    if not task.is_file():
        with_bar(write_task(task_photographs(), work / "crops", CROPS))
    write_photographs(indoor_photographs(), work / "photographs")
    if not scan.is_file():
        yield command("deepvis scan", work, images=task, out=scan, correlation=True)
    if not table.is_file():
        yield command("entropy measure", scan, out=table, bins=bins_for(len(task.read_text().splitlines())))
    if not (work / "plan.json").is_file():
        yield command("entropy plan", table, method=5, out=work / "plan.json")


def write_photographs(photographs: Sequence[Photograph], folder: Path) -> None:
    """Put the photographs that are shown into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for photograph in photographs:
        cv2.imwrite(str(folder / f"{photograph.name}.png"), cv2.cvtColor(photograph.pixels, cv2.COLOR_RGB2BGR))


def draw(shot: Shot, work: Path, folder: Path) -> None:
    """Take one picture, and write it with a palette; ValueError if that is still too large for a repository."""
    raw = work / f"{shot.name}.png"
    run(command("deepvis snapshot", work, work / "photographs", *shot.options.split(), out=raw))
    with Image.open(raw) as picture, atomic_path(folder / f"{shot.name}.png") as temporary:
        with_palette(picture.convert("RGB")).save(temporary, "PNG", optimize=True)
        if temporary.stat().st_size > LARGEST:
            raise ValueError(f"{shot.name}: {temporary.stat().st_size} bytes; show less, or a smaller window")


def with_palette(picture: Image.Image) -> Image.Image:
    """Draw an RGB picture with `COLOURS` colours.

    Every colour counts by the root of how often it is there, lest the grey of the window leave none for photographs.
    """
    colours, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    sample = Image.fromarray(np.repeat(colours, np.sqrt(counts).astype(int), axis=0)[None])
    palette = sample.quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=2)
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def run(words: Sequence[str]) -> None:
    """Run a module of this project, its name first; what it prints is seen only if it fails."""
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")


def main(
    names: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    work: Path = Path("build/gallery"),
    out: Path = PICTURES,
) -> None:
    """Draw the pictures of the documentation.

    Parameters
    ----------
    names
        pictures to draw; all if none is named.
    work
        folder for the net, the scan and the plan that are shown.
    out
        folder of the pictures.
    """
    for words in prepare(work):
        run(words)
    for shot in tqdm([shot for shot in SHOTS if not names or shot.name in names], "draw", disable=None):
        draw(shot, work, out)


if __name__ == "__main__":
    with errors_as_sentences("make_gallery"):
        tyro.cli(main)
