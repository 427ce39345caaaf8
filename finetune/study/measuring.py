"""H and the other measures of a source net's units, once for a net in a study."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deepvis.model.model import Model
from deepvis.scan.run import scan
from entropy.measuring.measurement import measure
from entropy.measuring.table import Table
from entropy.measuring.table_files import read_table, write_table
from finetune.errors import ExperimentError
from finetune.study.spelling import unknown
from finetune.tasks.images import PartImages
from finetune.tasks.task import Part
from prototxt.common.progress import with_bar


@dataclass(frozen=True)
class Profile:
    """How H is measured.

    Parameters
    ----------
    bins : of the histograms.
    network_hmax : whether ``h_relative`` is H over the largest H of the network, and not of the layer.
    """

    bins: int
    network_hmax: bool = False


PROFILES = {"default": Profile(256), "thesis": Profile(10, network_hmax=True)}
"""By name. ``thesis`` is Basarte (2019): NumPy's ten bins, Hmax of the network."""


class Measured:
    """Measures of a net's units on training images, kept in a folder.

    Parameters
    ----------
    model : the net.
    images : the training images of its task.
    folder : where scan and tables lie; several processes may share it.
    """

    def __init__(self, model: Model, images: Part, folder: Path) -> None:
        self._model, self._images, self._folder = model, images, folder

    def __call__(self, profile: str = "default") -> Table:
        """Give the table of a profile, with Taylor and MAS importance.

        Raises
        ------
        ExperimentError : there is no such profile.
        """
        if profile not in PROFILES:
            raise ExperimentError(unknown("profile", profile, PROFILES))
        file = self._folder / f"{profile}.csv"
        if not file.is_file():
            with locked(self._folder):
                if not file.is_file():
                    write_table(self._measure(PROFILES[profile]), file)
        return read_table(file)

    def _measure(self, profile: Profile) -> Table:
        file = self._folder / "scan.h5"
        if not file.is_file():
            work = scan(self._model, PartImages(self._images, self._model.classes), file, importance=True, device="cpu")
            with_bar(work, quiet=True)
        table = measure(file, bins=profile.bins, warn=False)
        return replace(table, h_relative=table.h / max(table.h.max(), 1e-300)) if profile.network_hmax else table


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder alone among processes; others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


Measure = Callable[[str], Table]
