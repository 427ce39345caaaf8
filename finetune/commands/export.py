"""``python -m finetune export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from finetune.evaluation.one_head import with_one_head
from finetune.study.reopening import reopen
from finetune.tasks.cache import CACHE
from prototxt.common.atomic import write_text
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

NET, WEIGHTS, PIXELS, CLASSES = "net.prototxt", "net.caffemodel", "pixels.json", "classes.txt"


def export_command(
    run: Annotated[Path, tyro.conf.Positional],
    out: Annotated[Path, tyro.conf.Positional],
    head: Literal["target", "source"] = "target",
    cache: Path = CACHE,
) -> None:
    """Write the trained net of a run as a plain Caffe net with one head, to be opened, scanned or taught another task.

    Parameters
    ----------
    run
        folder of a run of a study whose weights were kept (weights = true under [evaluation]), or that is training.
    out
        folder for net.prototxt, net.caffemodel, pixels.json and classes.txt.
    head
        of the new task (target) or of the old one (source).
    cache
        folder of decoded images and unpacked archives.
    """
    opened = reopen(run, cache)
    chosen = opened.heads[head]
    net, weights = with_one_head(chosen.net, chosen.weights, chosen.output)
    task = opened.material.target if head == "target" else opened.material.source
    write_text(out / CLASSES, "".join(f"{name}\n" for name in task.classes))
    write_text(out / PIXELS, chosen.preprocessing.to_json())
    write_weights(out / WEIGHTS, net, weights)
    write_message(out / NET, net)
    print(f"wrote {out / NET}: {len(net.layer)} layers, {len(task.classes)} classes, iteration {opened.iteration}")
    print(
        f'in a study: [nets.NAME] model = "{out / NET}", preprocessing = "{out / PIXELS}", classes = "{out / CLASSES}"'
    )
