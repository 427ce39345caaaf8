"""What the window looks at: a model on an engine, pictures, what a scan and older toolboxes say of its units."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from deepvis.compute.compare import After
from deepvis.compute.facts import Facts
from deepvis.engines.engine import BaseEngine
from deepvis.export.unit_folders import UnitPictures
from deepvis.model.model import Model
from deepvis.settings.settings import Settings, override
from deepvis.sources import Images
from deepvis.sources.camera import Camera
from prototxt.pixels.preprocess import Preprocessing


@dataclass
class Session:
    """What the window looks at.

    Parameters
    ----------
    engine : runs the model.
    images : the pictures; None where there are none.
    facts : what a scan says; None where there is none, and then ``facts_missing`` says what to do.
    camera : the camera, opened when it is first read.
    unit_pictures : pictures of units that an older toolbox or an export wrote; None where there are none.
    after : weights after fine-tuning, to compare the model with; None where there are none.
    first : the model as it was opened, whose preprocessing can be had again; None for the engine's.
    settings : what it was opened by.
    """

    engine: BaseEngine
    images: Images | None = None
    facts: Facts | None = None
    facts_missing: str = "No scan for this model yet: run `deepvis scan` on a folder of pictures"
    camera: Camera = field(default_factory=Camera)
    unit_pictures: UnitPictures | None = None
    after: After | None = None
    settings: Settings = field(default_factory=Settings)
    first: Model | None = None

    def __post_init__(self) -> None:
        if self.first is None:
            self.first = self.engine.model

    @property
    def opened(self) -> Model:
        """The model as it was opened: with the preprocessing that it came with."""
        assert self.first is not None
        return self.first

    def with_preprocessing(self, preprocessing: Preprocessing) -> Session:
        """The same with pictures that come to the net in another way; what a scan says of it, `Facts.follow` tells."""
        is_first = preprocessing == self.opened.preprocessing
        return replace(self, engine=self.engine.with_preprocessing(preprocessing, is_first and self.opened.assumed))

    @property
    def title(self) -> str:
        """Model and pictures, for the title of the window."""
        images = f" - {(self.images.origin or self.images.root).name}" if self.images else ""
        return f"{self.engine.net.name}{images} - DeepVis"

    @property
    def wishes(self) -> Settings:
        """Settings that open it again, with the pictures that are shown now."""
        images = self.images
        return self.settings if images is None else override(self.settings, images=images.origin or images.root)

    def close(self) -> None:
        """Let engine, camera and scan go; to be called when nothing of it runs any more."""
        self.engine.close()
        self.camera.close()
        if self.facts is not None:
            self.facts.close()
