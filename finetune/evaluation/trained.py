"""Trained nets with their heads, as files hold them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from deepvis.model.model import open_model
from entropy.planning.plan import read_plan
from entropy.split_folder import folder as names
from finetune.errors import ExperimentError
from finetune.evaluation.heads import class_scores, trunk_value
from finetune.evaluation.probe import Kind, probe_accuracy
from finetune.evaluation.scores import Crops, Scorer, Scores
from finetune.tasks.task import Part
from prototxt.common.progress import Progress
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_net
from prototxt.formats.weights import Weights, read_weights
from prototxt.pixels.preprocess import Preprocessing
from prototxt.split import merge_weights


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A net with weights, and where one task's class scores are in it.

    Parameters
    ----------
    net, weights : the deploy net and the weights of all its layers.
    output : blob of the class scores.
    preprocessing : of the net.
    """

    net: NetParameter
    weights: Weights
    output: str
    preprocessing: Preprocessing

    def scoring(self, part: Part, crops: Crops = "centre", device: str = "cpu") -> Generator[Progress, None, Scores]:
        """Class scores for every image of a part, once each."""
        scorer = Scorer(self.net, self.weights, self.preprocessing, crops, device)
        return (yield from scorer.scoring(part, self.output))

    def probing(self, train: Part, test: Part, kind: Kind, device: str = "cpu") -> Generator[Progress, None, float]:
        """Accuracy of a new linear classifier on what the head reads; see `finetune.evaluation.probe`."""
        scorer = Scorer(self.net, self.weights, self.preprocessing, device=device)
        value = trunk_value(self.net, self.output)
        learnt = yield from scorer.features(train, value)
        asked = yield from scorer.features(test, value)
        return probe_accuracy(learnt, train.labels, asked, test.labels, kind)


def newest_snapshot(folder: Path) -> Path:
    """The last snapshot of a split or plain training in a folder of `entropy.write`.

    Raises
    ------
    ExperimentError : there is none.
    """
    found = [
        path
        for prefix in (names.SPLIT_PREFIX, names.PLAIN_PREFIX)
        for path in folder.glob(f"{prefix}_iter_*.caffemodel")
    ]
    if not found:
        raise ExperimentError(f"{folder}: has no snapshot ({names.SPLIT_PREFIX}_iter_N.caffemodel); train there first")
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def heads_of_split_folder(
    folder: Path, source: Path | None, snapshot: Path | None = None, preprocessing: Path | None = None
) -> dict[str, TrainedHead]:
    """The heads of a training in a folder of `entropy.write`.

    Parameters
    ----------
    folder : with ``plan.json`` and ``deploy.prototxt``.
    source : the source net, whatever `deepvis.model.model.open_model` takes; its own head is put on the trained trunk.
    snapshot : caffemodel of the split or the plain net; by default the newest.
    preprocessing : file, in place of the source net's.

    Returns
    -------
    The new head as ``target`` and, with a source net, its own as ``source``.

    Raises
    ------
    ExperimentError, FormatError, NetError : a file is missing, or the snapshot belongs to another net.
    """
    snapshot = snapshot or newest_snapshot(folder)
    weights = read_weights(snapshot)
    if snapshot.name.startswith(names.SPLIT_PREFIX):
        weights = merge_weights(weights, read_plan(folder / names.PLAN).split)
    deploy = read_net(folder / names.DEPLOY)
    if source is None:
        raise ExperimentError(f"{folder}: say with --net which net it was written from, for its pixels and its head")
    model = open_model(source, preprocessing=preprocessing)
    trunk = {name: weights.get(name, blobs) for name, blobs in model.weights.items()}
    return {
        "source": TrainedHead(model.test_net, trunk, class_scores(model.net), model.preprocessing),
        "target": TrainedHead(deploy, weights, class_scores(deploy), model.preprocessing),
    }
