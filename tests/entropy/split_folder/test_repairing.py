"""The repair before filters are freed: what is silent, what comes back, how it stops and goes on."""

import json
import signal

import numpy as np
import pytest

from entropy import Extension, PlanError, SolverSettings, Task, TaskHead, free_filters, measure, write, write_table
from entropy.split_folder.freed_file import read_freed
from entropy.split_folder.repairing import repairing
from prototxt.common.progress import with_bar
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights
from torchcaffe.network import Network

SETTINGS = SolverSettings(base_lr=0.02, max_iter=6)
LAYER = "branch/conv2"


@pytest.fixture
def asked(small, tmp_path):
    write_table(measure(small.scan, bins=16), tmp_path / "entropy.csv")
    return Extension(free={LAYER: 3}, table=tmp_path / "entropy.csv")


@pytest.fixture
def task(small):
    return Task(images=small.images, head="", test_images=small.test_images, batch=4)


def repaired(small, asked, task, out, settings=SETTINGS):
    return with_bar(repairing(small.net, small.weights, asked, task, settings, out=out), quiet=True)


def accuracy(small, weights, task):
    """Slow twin: one picture after the other."""
    network = Network(read_net(small.net), "TEST", weights=weights, seed=0)
    right = []
    for line in task.test_images.read_text().splitlines():
        path, label = line.rsplit(" ", 1)
        picture = small.preprocessing.apply(cv2_rgb(small.folder / path))[None]
        (scores,) = network.run({network.graph.inputs[0]: picture}, keep=["fc4"]).values()
        right.append(int(scores.argmax()) == int(label))
    return np.mean(right)


def cv2_rgb(path):
    import cv2

    return cv2.imread(str(path))[:, :, ::-1]


def test_the_old_task_does_without_the_filters_and_write_cuts_nothing_more(small, asked, task, tmp_path):
    done = repaired(small, asked, task, tmp_path / "out")
    (filters,) = done.filters.values()
    table = measure(small.scan, bins=16)
    lowest = np.sort(np.argsort(table.h[table.layer == LAYER], kind="stable")[:3])
    assert filters == tuple(lowest)
    before, after = read_weights(small.weights), read_weights(tmp_path / "out/repaired.caffemodel")
    free = np.isin(np.arange(8), filters)
    assert before[LAYER][0][free].tobytes() == after[LAYER][0][free].tobytes()
    assert (before[LAYER][0][~free] != after[LAYER][0][~free]).any()
    assert sum(done.cut.values()) > 0
    net = read_net(small.net)
    freed = free_filters(net, after, done.filters, TaskHead("new", 3))
    assert set(freed.cut.values()) == {0}
    assert list(done.accuracies) == ["as it was", "cut", "repaired"]
    assert done.accuracies["as it was"] == accuracy(small, before, task)
    assert done.accuracies["repaired"] == accuracy(small, freed.weights, task)
    cut = free_filters(net, before, done.filters, TaskHead("new", 3)).weights
    assert done.accuracies["cut"] == accuracy(small, cut, task)
    assert not list((tmp_path / "out").glob("repair_iter_*"))

    found = read_freed(tmp_path / "out/freed.json")
    extension = Extension(free=found.filters, free_hash=found.weights_hash)
    new = Task(images=small.images, head="fc_new", batch=4)
    where = {"out": tmp_path / "run", "task": new, "extension": extension}
    written = write(None, small.net, tmp_path / "out/repaired.caffemodel", SETTINGS, **where)
    assert set(written.extension.cut.values()) == {0}
    with pytest.raises(PlanError, match="other weights than those that were repaired"):
        write(None, small.net, small.weights, SETTINGS, **where)


@pytest.mark.parametrize("how", ["closed", "Ctrl-C"])
def test_it_stops_with_a_snapshot_and_goes_on_from_it(how, small, asked, task, tmp_path):
    work = repairing(small.net, small.weights, asked, task, SETTINGS, out=tmp_path)
    for step in work:
        if step.what == "repair: iterations" and step.done == 2:
            break
    if how == "closed":
        work.close()
    else:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            list(work)
    (state,) = tmp_path.glob("repair_iter_*.solverstate")
    at = int(state.stem.rpartition("_")[2])
    assert at in (2, 3)
    assert not (tmp_path / "freed.json").exists()
    steps = []
    work = repairing(small.net, small.weights, asked, task, SETTINGS, out=tmp_path)
    steps = [step for step in work if step.what == "repair: iterations"]
    assert (steps[0].done, steps[-1].done) == (at, 6)
    assert (tmp_path / "freed.json").is_file()


def test_another_repair_in_the_same_folder_begins_anew(small, asked, task, tmp_path):
    work = repairing(small.net, small.weights, asked, task, SETTINGS, out=tmp_path)
    while (step := next(work)).what != "repair: iterations" or step.done < 2:
        pass
    work.close()
    other = SolverSettings(base_lr=0.01, max_iter=6)
    begun = [step.done for step in repairing(small.net, small.weights, asked, task, other, out=tmp_path)]
    assert begun[0] == 0
    assert json.loads((tmp_path / "repair.json").read_text())["settings"]["base_lr"] == 0.01


def test_without_test_pictures_and_of_copies(small, asked, tmp_path):
    done = repaired(small, asked, Task(images=small.images, head="", batch=4, copy_pictures=True), tmp_path)
    assert done.accuracies == {}
    assert len(list((tmp_path / "pictures").iterdir())) == 12


def test_what_cannot_be_repaired_is_refused(small, asked, task, tmp_path):
    with pytest.raises(PlanError, match="say which filters"):
        repaired(small, Extension(), task, tmp_path)
    (tmp_path / "far.txt").write_text(small.images.read_text().replace(" 2\n", " 9\n"))
    far = Task(images=tmp_path / "far.txt", head="", root=small.folder, batch=4)
    with pytest.raises(PlanError, match="labels up to 9, but the net has 5 class scores; the repair is on"):
        repaired(small, asked, far, tmp_path / "out")
    (tmp_path / "freed.json").write_text('{"filters": 3}')
    with pytest.raises(PlanError, match=r"freed.json: filters: .*make it with: python -m entropy repair"):
        read_freed(tmp_path / "freed.json")
