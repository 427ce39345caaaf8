"""Draw ``docs/gallery.md`` and its pictures with `deepvis snapshot`: the window, each pane, each way to show a layer.

What they show is made from the bundled indoor network and from the photographs that ship with scikit-image and
scikit-learn: converted, scanned over crops of them, measured, planned. It is kept in ``--work`` for the next time.

    python tools/make_gallery.py            all of them
    python tools/make_gallery.py window     some of them
"""

from __future__ import annotations

import contextlib
import shlex
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

from deepvis.controllers.panes.registry import PANES
from finetune.demo.crop_task import CropCounts, write_task
from finetune.demo.photographs import Photograph, indoor_photographs, task_photographs
from finetune.demo.steps import HEAD as NEW_HEAD
from finetune.demo.steps import bins_for, command
from prototxt.common.atomic import atomic_path, write_text
from prototxt.common.errors import errors_as_sentences
from prototxt.common.progress import with_bar

MODEL = Path("models/indoor39")
PICTURES = Path("docs/pictures")
PAGE = Path("docs/gallery.md")
COLOURS = 256  # of a picture's palette
LARGEST = 150_000  # bytes
CROPS = CropCounts(train=80, test=1)


@dataclass(frozen=True)
class Shot:
    """One picture.

    Parameters
    ----------
    name : of its file.
    text : what it shows; with a heading it begins a section.
    options : of `deepvis snapshot`.
    heading : of the section.
    """

    name: str
    text: str
    options: str
    heading: str = ""


HEAD = """What the window shows, drawn by `tools/make_gallery.py` with the commands below: the bundled indoor network,
photographs that ship with scikit-image, and a scan over 1,200 crops of such photographs. What each pane means is told
in [window.md](window.md)."""
UNIT = "--picture 1 --layer conv2 --unit 7"
SMALL = "--size 1280 720 --density 2"
PANES_LIKE = "--size 1280 1000 --back deconv"
# Panes that show more of another unit, or need another file.
UNITS = {"compare": "--picture 1 --layer conv5 --unit 157 --after build/gallery/after.caffemodel"}
ITERATIONS = 40

SHOTS: tuple[Shot, ...] = (
    Shot(
        "window",
        "All units of conv2 on a picture, one of them enlarged; what guided back-propagation brings from it; the crops "
        "that drive it most, its histogram, H, rank and rate.",
        f"{UNIT} --back guided --size 1500 930",
        "The window",
    ),
    Shot(
        "input",
        "The part of the picture that the net saw; the frame is what the unit's greatest value saw.",
        f"{UNIT} --only input {SMALL}",
        "Panes of a picture and a unit",
    ),
    Shot("classes", "The five most probable classes.", f"{UNIT} --only classes {SMALL}"),
    Shot(
        "unit",
        "The selected unit over the picture, where it is active.",
        f"{UNIT} --overlay 'over active' --only unit {SMALL}",
    ),
    Shot(
        "back",
        "Back-propagation from the unit: the length over the channels.",
        f"{UNIT} --back guided --view norm --only back {SMALL}",
    ),
    Shot(
        "facts",
        "The nine crops that drive the unit most, and the histogram that H is computed from.",
        f"{UNIT} --only facts --size 1500 930",
    ),
    Shot(
        "diffs",
        "What back-propagation from a unit of conv5 brought to each unit of conv2, zero is dark.",
        "--picture 1 --layer conv2 --unit 7 --back gradient --origin conv5:157 --show-diffs on --only layer "
        "--gamma 0.5 --size 1280 860",
        "Ways to show a layer",
    ),
    Shot(
        "sorted",
        "The units by H, those that a plan sets free first come first; their frames are H too.",
        f"{UNIT} --sort H --frame-kind H --only layer --size 1280 860",
    ),
    Shot(
        "maximal_images",
        "Maximal images: what each unit saw of the crop that drives it most.",
        f"{UNIT} --show 'maximal images' --only layer --size 1280 860",
    ),
    Shot(
        "synthesised_images",
        "Synthesised images: what gradient ascent made to drive each unit (`deepvis synthesise build/gallery --layers "
        "conv3`).",
        "--layer conv3 --unit 7 --show 'synthesised images' --only layer --size 1280 640 --unit-filter 'H < 3.2'",
    ),
    Shot(
        "weight_histograms",
        "The weights of each unit.",
        f"{UNIT} --show 'weight histograms' --only layer --size 1280 860",
    ),
    Shot(
        "activation_histograms",
        "The maxima of each unit over the scanned crops; the bin of 0 is red.",
        f"{UNIT} --show 'activation histograms' --only layer --size 1280 860",
    ),
    Shot(
        "weight_correlation",
        "Correlation of the units' weights, alike units beside each other.",
        f"{UNIT} --show 'weight correlation' --only layer --size 1280 860",
    ),
    Shot(
        "activation_correlation",
        "Correlation of their mean activations over the scanned crops.",
        f"{UNIT} --show 'activation correlation' --only layer --size 1280 860",
    ),
)


def shots() -> Iterator[Shot]:
    """All pictures: those above, and one for each further pane that there is."""
    yield from SHOTS
    for name, pane in PANES.items():
        words = (pane.make.__doc__ or pane.title).split("\n\n")[0].strip()
        yield Shot(
            f"pane_{name}",
            f"{pane.title}. {words}",
            f"{UNITS.get(name, UNIT)} --panes {name} --only {name} {PANES_LIKE}",
            "Further panes",
        )


def gallery(folder: Path = PICTURES) -> str:
    """The page that shows the pictures that have been drawn, each with the command that draws it."""
    lines = ["# Gallery", "", HEAD, ""]
    for shot in (shot for shot in shots() if (folder / f"{shot.name}.png").is_file()):
        heading = f"## {shot.heading}"
        lines += [heading, ""] if shot.heading and heading not in lines else []
        command_line = f"deepvis snapshot build/gallery build/gallery/photographs {shot.options}"
        lines += [shot.text, "", f"![{shot.text}](pictures/{shot.name}.png)", "", f"`{command_line}`", ""]
    return "\n".join(lines).rstrip() + "\n"


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
        yield command(
            "deepvis scan", work, images=task, classes=work / "crops" / "classes.txt", out=scan, correlation=True
        )
    if not table.is_file():
        yield command("entropy measure", scan, out=table, bins=bins_for(len(task.read_text().splitlines())))
    if not (work / "plan.json").is_file():
        yield command("entropy plan", table, method=5, out=work / "plan.json")
    yield command("deepvis synthesise", work, layers="conv3")  # what is there already is not made again
    if not (work / "after.caffemodel").is_file():
        yield from fine_tune(work, task, table)


def fine_tune(work: Path, task: Path, table: Path) -> Iterator[tuple[str, ...]]:
    """The commands that teach the net to tell the photographs apart, by method 2, and put it together again."""
    net, weights, folder = work / "indoor39.prototxt", work / "indoor39.caffemodel", work / "taught"
    yield command("entropy plan", table, method=2, out=work / "plan2.json")
    parts = {"net": net, "weights": weights, "images": task, "head": NEW_HEAD}
    yield command("entropy write", work / "plan2.json", **parts, out=folder, max_iter=ITERATIONS)
    with contextlib.chdir(folder):
        yield ("torchcaffe", "train", "-solver", "solver.prototxt", "-weights", "split.caffemodel")
    snapshot = folder / f"split_iter_{ITERATIONS}.caffemodel"
    yield command("entropy merge", snapshot, where=folder, net=net, weights=weights, out=work / "after.caffemodel")


def write_photographs(photographs: Sequence[Photograph], folder: Path) -> None:
    """Put the photographs that are shown into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for photograph in photographs:
        cv2.imwrite(str(folder / f"{photograph.name}.png"), cv2.cvtColor(photograph.pixels, cv2.COLOR_RGB2BGR))


def draw(shot: Shot, work: Path, folder: Path) -> None:
    """Take one picture, and write it with a palette; ValueError if that is still too large for a repository."""
    raw = work / f"{shot.name}.png"
    options = shlex.split(shot.options.replace("build/gallery", str(work)))
    run(command("deepvis snapshot", work, work / "photographs", *options, out=raw))
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
    for shot in tqdm([shot for shot in shots() if not names or shot.name in names], "draw", disable=None):
        draw(shot, work, out)
    write_text(PAGE, gallery(out))


if __name__ == "__main__":
    with errors_as_sentences("make_gallery"):
        tyro.cli(main)
