"""Scans that grow: more images for a finished file, and several files made one."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path

import h5py

from deepvis.scan.head import Head, differences, head_of_file
from deepvis.scan.parts import FilePart, Listing
from deepvis.scan.reader import Scan
from deepvis.scan.writer import write_scan
from deepvis.sources import ImageSource, SomeImages
from deepvis.sources.names import place_of
from entropy.errors import ScanError
from prototxt.common.atomic import atomic_path
from prototxt.common.progress import Progress


def new_images(images: ImageSource, known: Listing, path: Path) -> SomeImages:
    """Give the images that the scan at ``path`` does not have yet, told by where they are; a `ScanError` for none."""
    there = {place_of(known.root, name) for name in known.paths}
    places = [place_of(images.root, name) for name in images.paths]
    new = tuple(number for number, place in enumerate(places) if place not in there)
    if not new:
        raise ScanError(f"{path}: has all of these images already; give others to extend it")
    return SomeImages(images, new)


def merge_scans(paths: Sequence[Path], out: Path) -> Generator[Progress, None, int]:
    """Write the scan of the images of several scans, those of the first file first.

    The file is the same, bit by bit, as that of one scan of all images (made with batches that end where the files do).

    Parameters
    ----------
    paths : at least two scans with the same net, preprocessing, layers and settings.
    out : the file, replaced when it exists; may be one of them.

    Yields
    ------
    Progress in images.

    Returns
    -------
    How many images the new scan has.

    Raises
    ------
    ScanError : if a file is no scan, they differ in anything but their images (it is named), or share an image.
    FormatError : if ``out`` cannot be written.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(Scan(path)).file for path in paths]
        heads = [head_of_file(file) for file in files]
        for path, head in zip(paths[1:], heads[1:], strict=True):
            changed = differences(heads[0].identity(), head.identity())
            if changed:
                raise ScanError(f"{path}: cannot be merged with {paths[0]}, it differs in {'; '.join(changed)}")
        parts = [FilePart(file, head) for file, head in zip(files, heads, strict=True)]
        _refuse_shared_images([part.listing for part in parts], paths)
        with atomic_path(out) as temporary:
            yield from write_scan(temporary, heads[0], parts)
        return sum(len(part.listing) for part in parts)


def open_to_extend(file: h5py.File, path: Path, head_now: Head) -> FilePart:
    """Give a finished scan as the part that others are added to; a `ScanError` names what is different now."""
    head = head_of_file(file)
    changed = differences(head.identity(), head_now.identity())
    if changed:
        raise ScanError(f"{path}: cannot be extended, this scan differs from it in {'; '.join(changed)}")
    return FilePart(file, head)


def _refuse_shared_images(listings: Sequence[Listing], paths: Sequence[Path]) -> None:
    owner: dict[str, Path] = {}
    for listing, path in zip(listings, paths, strict=True):
        for name in listing.paths:
            place = place_of(listing.root, name)
            if place in owner:
                raise ScanError(f"{path}: has {place}, which {owner[place]} has too; an image must not count twice")
            owner[place] = path
