import importlib.util
import sys

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.methods.parts.start import start
from finetune.methods.registry import Method
from finetune.results.events import tensorboard_writer, writing_events
from finetune.study.file import read_study
from finetune.study.running import running
from finetune.training.prepared import Stage
from prototxt.common.progress import with_bar


class Recorder:
    """Keeps what a writer is told, by folder."""

    def __init__(self):
        self.told = {}

    def __call__(self, folder):
        self.folder = folder
        self.told[folder] = {}
        return self

    def add_scalar(self, tag, scalar_value, global_step):
        self.told[self.folder].setdefault(tag, []).append((global_step, scalar_value))

    def add_histogram(self, tag, values, global_step):
        assert np.isfinite(values).all()
        self.told[self.folder].setdefault(tag, []).append((global_step, values.shape))

    def close(self):
        pass


@pytest.fixture
def out(files, tmp_path, monkeypatch):
    def measuring(setting):
        setting.measure("default")
        begun = start(setting)
        return begun.in_stages([Stage(1.0, begun.everything)])

    monkeypatch.setitem(METHODS, "h", Method("h", "h", "measure", "tests", measuring))
    more = '[[methods]]\nmethod = "h"\nseeds = [0]\n[evaluation]\nweights = true\n'
    with_bar(running(read_study(files.study(more)), tmp_path / "out", files.cache), quiet=True)
    return tmp_path / "out"


def test_scalars_and_histograms(out, files):
    recorder = Recorder()
    folder = with_bar(writing_events(out, True, files.cache, recorder), quiet=True)
    told = recorder.told[folder / "small-stripes/h/seed-0"]
    assert [step for step, _ in told["training/loss"]] == [2, 4, 6]
    assert told["test/new task"][0][0] == 6
    assert told["weights/conv2/0"] == [(6, (10, 8, 3, 3))]
    assert told["activations/conv2"] == [(6, (30, 10, 6, 6))]
    assert told["gradients/fc3/0"][0][1] == (12, 90)
    assert "gradients/fc4/0" not in told  # the old head has no part in the loss
    assert recorder.told[folder / "measures/small/default"] == {"H/conv1": [(0, (8,))], "H/conv2": [(0, (10,))]}


def test_without_tensorboard_it_says_how_to_get_it(study_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ExperimentError, match=r"pip install 'deepvis-caffe\[tensorboard\]'"):
        with_bar(writing_events(study_folder), quiet=True)


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed")
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_what_was_written(study_folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = with_bar(writing_events(study_folder, make_writer=tensorboard_writer), quiet=True)
    found = EventAccumulator(str(folder / "a-b/gentle/seed-1"))
    found.Reload()
    assert [(event.step, round(event.value, 3)) for event in found.Scalars("training/loss")] == [(10, 0.2), (20, 0.1)]
