"""``deepvis scan``: one pass over pictures, into a scan.h5."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Annotated

import tyro

from deepvis.commands.errors_shown import print_errors
from deepvis.commands.option_types import (
    Device,
    ModelPlace,
    Number,
    Place,
    SettingsPlace,
    Switch,
    WeightsPlace,
    Workers,
)
from deepvis.commands.pixels import AS_THE_MODEL_SAYS, PixelOptions, in_words
from deepvis.errors import SettingsError
from deepvis.model.model import Model
from deepvis.scan.checkpoint import folder_of
from deepvis.scan.joining import merge_scans
from deepvis.scan.processes import started_processes
from deepvis.scan.run import Summary, scan
from deepvis.scan.signals import stopping_at_signals
from deepvis.session.model_of_settings import opening_unchanged, prepared
from deepvis.settings.settings import override, read_settings
from deepvis.sources import open_images
from deepvis.sources.opening import Cutting
from entropy.errors import ScanError
from prototxt.common.progress import Progress, with_bar


def scan_command(
    model: ModelPlace = None,
    *,
    images: Place = None,
    out: Path = Path("scan.h5"),
    weights: WeightsPlace = None,
    layers: tuple[str, ...] = (),
    top: Number = None,
    batch: Number = None,
    device: Device = None,
    workers: Workers = None,
    class_folders: Switch = False,
    every: Number = None,
    classes: Place = None,
    before: bool = True,
    quantiles: bool = True,
    correlation: Switch = False,
    bottom: bool = True,
    importance: Switch = False,
    means: bool = True,
    histograms: Switch = False,
    strict: Switch = False,
    fresh: Switch = False,
    extend: Switch = False,
    settings: SettingsPlace = None,
    pixels: Annotated[PixelOptions, tyro.conf.OmitArgPrefixes] = AS_THE_MODEL_SAYS,
) -> None:
    """Send pictures through a net once; keep for every unit the images that drive it most, means and statistics.

    What is not given is taken from the settings file. A scan that was stopped in whatever way goes on when the same
    command is given again: OUT.partial holds what was done.

    Parameters
    ----------
    model
        folder of a conversion, conversion.json, or prototxt.
    images
        folder (with the folders in it), list with one 'path' or 'path label' per line (siamese nets: two paths), LMDB,
        or video.
    out
        the file to write.
    layers
        layers to scan; all Convolution, Deconvolution and InnerProduct layers if none is given.
    top
        images to keep for every unit.
    batch
        images per forward pass.
    class_folders
        the first folder below the images' folder is the class of a picture.
    every
        take every n-th frame of videos (nets that take clips: begin one at every n-th).
    classes
        text file with the class names in the order of the net's outputs.
    before
        keep the means before the activation too.
    quantiles
        keep the maximum of every unit for every image, and the images around the quantiles of these.
    correlation
        keep the correlation of every two units of a layer.
    bottom
        keep the images with the least values of what goes into a unit's activation.
    importance
        keep how much the output depends on every unit (Taylor and MAS), with one backward pass more.
    means
        keep the mean of every unit for every image; with --no-means histograms, which do not grow with the images.
    histograms
        keep fine histograms of the means beside the table.
    strict
        stop at the first picture that cannot be used.
    fresh
        begin anew, although a stopped scan could go on.
    extend
        add the images that OUT does not have yet to it; what is kept is what it has.
    """
    wishes = override(
        read_settings(settings),
        model=model,
        weights=weights,
        images=images,
        classes=classes,
        top=top,
        batch=batch,
        device=device,
        workers=workers,
        preprocessing=pixels.preprocessing,
        pair=pixels.pair,
    )
    if wishes.images is None:
        raise SettingsError("give the pictures to scan: --images FOLDER, or images = … in the settings file")
    if out.is_dir():
        raise ScanError(f"{out}: is a folder; give the name of a file, such as {out / 'scan.h5'}")
    own = with_bar(opening_unchanged(wishes))
    source = open_images(wishes.images, class_folders, own.classes, Cutting(own.frames, every))
    opened = prepared(own, wishes, source, pixels.changes)
    _tell_preprocessing(own, opened)
    with started_processes() as processes:
        work = scan(
            opened,
            source,
            out,
            layers or None,
            top=wishes.top,
            batch=wishes.batch,
            device=wishes.device,
            workers=wishes.workers,
            before=before,
            quantiles=quantiles,
            correlation=correlation,
            bottom=bottom,
            importance=importance,
            means=means,
            histograms=histograms,
            strict=strict,
            fresh=fresh,
            extend=extend,
            processes=processes,
        )
        summary = _with_bar(out, work, quiet=processes.rank > 0)
    if processes.rank == 0:
        print(f"{out}: {summary.read} images")
        print_errors("images could not be used and are marked in the file:", summary.errors)


def merge_command(scans: Annotated[tuple[Path, ...], tyro.conf.Positional], *, out: Path) -> None:
    """Make one scan of several scans of different images with the same net, preprocessing and settings.

    Parameters
    ----------
    scans
        two or more scan.h5; the images of the first come first.
    out
        the file to write; may be one of them.
    """
    if len(scans) < 2:
        raise ScanError("give two or more scans to merge, such as: deepvis scan merge a.h5 b.h5 --out all.h5")
    print(f"{out}: {with_bar(merge_scans(scans, out))} images")


def _tell_preprocessing(own: Model, opened: Model) -> None:
    """Say how pictures become the input, where the model does not say it or settings and options change it."""
    if own.assumed:
        but = "" if opened.assumed else " but for what settings and options say"
        start = f"{own.path} says nothing of its preprocessing; assumed{but}"
    elif opened.preprocessing != own.preprocessing:
        start = f"{own.path}: its preprocessing, changed by settings or options"
    else:
        return
    print(f"{start}: {in_words(opened.preprocessing)}", file=sys.stderr)


def _with_bar(out: Path, work: Generator[Progress, None, Summary], quiet: bool) -> Summary:
    """Run a scan with a bar; a signal ends it after the batch at hand, and is told of."""
    try:
        return with_bar(stopping_at_signals(work), quiet)
    except KeyboardInterrupt:
        if folder_of(out).exists() and not quiet:
            print(f"stopped; the same command goes on from {folder_of(out)}", file=sys.stderr)
        raise
