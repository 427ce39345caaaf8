"""H and the other measures of a source net's units, once for a net in a study."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

from deepvis.model.model import Model
from deepvis.scan.run import scan
from entropy.measuring.measurement import measure
from entropy.measuring.table import Table
from entropy.measuring.table_files import read_table, write_table
from finetune.errors import ExperimentError
from finetune.study.holding import holds
from finetune.study.spelling import unknown
from finetune.tasks.images import PartImages
from finetune.tasks.task import Part
from prototxt.common.progress import Progress, with_bar


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


class NotMeasured(Exception):  # noqa: N818 - a request, not an error
    """A table is asked for that was not made yet: whoever can show progress makes it (`Measured.measuring`)."""

    def __init__(self, profile: str) -> None:
        super().__init__(profile)
        self.profile = profile


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
        """Give the table of a profile, with Taylor and MAS importance; it is made first, where it is not there.

        Raises
        ------
        ExperimentError : there is no such profile.
        """
        return with_bar(self.measuring(profile), quiet=True)

    def kept(self, profile: str = "default") -> Table:
        """Give the table of a profile, or raise `NotMeasured`; errors as above."""
        if not self._file(profile).is_file():
            raise NotMeasured(profile)
        return read_table(self._file(profile))

    def measuring(self, profile: str = "default") -> Generator[Progress, None, Table]:
        """Make the table of a profile where it is not there; a scan that was stopped goes on."""
        file = self._file(profile)
        if not file.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / ".lock").open("w") as lock:
                while not holds(lock):
                    time.sleep(0.2)
                    yield Progress(0, 0, "wait for the measures of another process")
                if not file.is_file():
                    write_table((yield from self._measure(PROFILES[profile])), file)
        return read_table(file)

    def _file(self, profile: str) -> Path:
        if profile not in PROFILES:
            raise ExperimentError(unknown("profile", profile, PROFILES))
        return self._folder / f"{profile}.csv"

    def _measure(self, profile: Profile) -> Generator[Progress, None, Table]:
        file = self._folder / "scan.h5"
        if not file.is_file():
            images = PartImages(self._images, self._model.classes)
            yield from scan(self._model, images, file, importance=True, device="cpu")
        table = measure(file, bins=profile.bins, warn=False)
        return replace(table, h_relative=table.h / max(table.h.max(), 1e-300)) if profile.network_hmax else table


Measure = Callable[[str], Table]
