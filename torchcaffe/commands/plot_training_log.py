"""``torchcaffe plot_training_log``: charts of logs of training (tools/extra/plot_training_log.py)."""

from __future__ import annotations

import logging
from pathlib import Path

from prototxt.common import atomic
from prototxt.common.errors import InputError
from torchcaffe.commands.flags import Call
from torchcaffe.commands.parse_log import Row, read_log

log = logging.getLogger(__name__)

_X = (("NumIters", "Iters"), ("Seconds", "Seconds"))
CHARTS = tuple(
    (net, what, column, f"{net} {what} vs. {words}")
    for net, what in (("Test", "accuracy"), ("Test", "loss"), ("Train", "learning rate"), ("Train", "loss"))
    for column, words in _X
)
"""Of which net, what, over which column, and the title, by Caffe's number of the chart."""


def plot_training_log(call: Call) -> None:
    """Draw one line for every output of that kind in every log.

    Raises
    ------
    InputError : the chart is unknown, or a log has nothing for it.
    """
    chart, target, *sources = call.arguments
    if not chart.isdigit() or int(chart) >= len(CHARTS):
        known = "; ".join(f"{number}: {title}" for number, (*_, title) in enumerate(CHARTS))
        raise InputError(f"the chart must be one of {known}; got '{chart}'")
    net, what, column, title = CHARTS[int(chart)]
    from matplotlib.figure import Figure  # half a second, which wrong arguments need not wait for

    figure = Figure()
    axes = figure.subplots()
    for source in sources:
        rows = read_log(Path(source))[net]
        for name in _columns(rows, what, source):
            points = [(row[column], row[name]) for row in rows if name in row]
            label = Path(source).name if what == "learning rate" else f"{Path(source).name}: {name}"
            axes.plot(*zip(*points, strict=True), label=label)
    axes.set(title=title, xlabel=column, ylabel=what)
    axes.legend()
    with atomic.atomic_path(target) as temporary:
        figure.savefig(temporary, format=Path(target).suffix.lstrip(".") or "png")
    log.info("Wrote %s", target)


def _columns(rows: list[Row], what: str, source: str) -> list[str]:
    """Columns that tell of accuracy, loss or learning rate: by their names, as Caffe's script finds them."""
    names = dict.fromkeys(name for row in rows for name in row)
    if what == "learning rate":
        found = ["LearningRate"] if rows else []
    else:
        found = [name for name in names if what in name.lower()]
    if not found:
        raise InputError(f"{source}: tells of no {what} that this chart shows; its columns are {', '.join(names)}")
    return found
