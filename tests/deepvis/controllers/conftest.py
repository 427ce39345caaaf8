"""The controller without a window, on threads whose jobs end when the test says so."""

from dataclasses import dataclass, field
from unittest.mock import create_autospec

import pytest

from deepvis.controllers.contents import View
from deepvis.controllers.viewer import ViewerController
from deepvis.engines.engine import Engine
from deepvis.session.session import Session
from deepvis.sources.camera import Camera
from deepvis.state.viewer import ViewerModel


@dataclass
class Threads:
    """Jobs end when the test says so, all of them or one by one."""

    running: list = field(default_factory=list)

    def start_on(self, lane):
        return lambda job, finished: self.running.append((lane, job, finished))

    def end(self, place=0):
        _, job, finished = self.running.pop(place)
        finished(job())

    def end_on(self, lane):
        self.end(self.lanes.index(lane))

    @property
    def lanes(self):
        return [lane for lane, _, _ in self.running]

    def end_all(self):
        while self.running:
            self.end()


@dataclass
class Setup:
    controller: ViewerController
    model: ViewerModel
    view: object
    threads: Threads

    def last(self, pane):
        return getattr(self.view, f"show_{pane}").call_args.args[0]


@pytest.fixture
def setup(make_model, make_pictures):
    made = []

    def make(facts=None, images=..., camera=None, **wishes):
        threads, view = Threads(), create_autospec(View, instance=True)
        pictures = make_pictures(4, folder=f"made{len(made)}") if images is ... else images
        session = Session(Engine(make_model()), pictures, facts, camera=camera or Camera())
        model = ViewerModel(**wishes)
        controller = ViewerController(session, model, view, threads.start_on)
        made.append(controller)
        controller.start()
        return Setup(controller, model, view, threads)

    yield make
    for controller in made:
        controller.close()
        controller.release()
