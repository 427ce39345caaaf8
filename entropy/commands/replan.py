"""``python -m entropy replan``: a training that goes on by a new plan."""

from __future__ import annotations

from pathlib import Path

import tyro

from entropy.commands import reporting
from entropy.split_folder.replanning import replan


def replan_command(
    folder: tyro.conf.Positional[Path],
    plan: tyro.conf.Positional[Path],
    snapshot: Path,
    out: Path,
    weights: Path | None = None,
) -> None:
    """Go on with a training by a new plan: a snapshot's weights and momentum, split again.

    Parameters
    ----------
    folder
        the folder that write made, where training was.
    plan
        the new plan.json, made for the merged snapshot.
    snapshot
        solver state of the split net, split_iter_N.solverstate; its caffemodel beside it.
    out
        the new folder.
    weights
        the caffemodel that was scanned for the plan (default: the snapshot, merged without a source net).
    """
    print(reporting.describe_written(replan(folder, plan, snapshot, out=out, weights=weights)))
