"""The export itself: a form from a table, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

from deepvis.engines.hits import find_hits
from deepvis.export.arikpoz import write_unit_folders
from deepvis.export.atlas import write_atlas
from deepvis.export.folder import atomic_folder
from deepvis.export.job import ByLayer, Job, Work
from deepvis.export.patches import write_patches
from deepvis.export.sheets import write_sheets
from prototxt.common.progress import Progress

FORMS: dict[str, Callable[[Job, ByLayer, Path], Work]] = {
    "patches": write_patches,
    "sheets": write_sheets,
    "atlas": write_atlas,
    "folders": write_unit_folders,
}


def export(form: str, job: Job, out: Path) -> Generator[Progress, None, None]:
    """Write what a scan found to a folder.

    Closing the generator, or any error, leaves ``out`` as it was.

    Parameters
    ----------
    form : a key of `FORMS`.
    job : what is written; its ``errors`` hold the images that could not be used when this is done.
    out : the folder; what an earlier export wrote there is replaced.

    Yields
    ------
    Progress in units, images and pages.

    Raises
    ------
    ExportError, FormatError : if ``out`` is taken or cannot be written.
    ScanError : for an unknown layer.
    ImageError : if none of the images can be read any more.
    """
    with atomic_folder(out, job.record(form)) as folder:
        hits = yield from find_hits(job.scan, job.layers, job.count, job.least)
        yield from FORMS[form](job, hits, folder)
