"""``python -m entropy merge``: a snapshot put together again."""

from __future__ import annotations

from pathlib import Path

import tyro

from entropy.commands import reporting
from entropy.split_folder.merging import merge


def merge_command(
    snapshot: tyro.conf.Positional[Path],
    where: Path,
    out: Path | None = None,
    net: Path | None = None,
    weights: Path | None = None,
    state: Path | None = None,
) -> None:
    """Put a snapshot of a split net together into an ordinary caffemodel.

    Parameters
    ----------
    snapshot
        caffemodel of the trained split net.
    where
        the folder that write made.
    out
        the result (default: merged.caffemodel in the folder).
    net
        the source deploy net, to get its own head on the trained trunk; not needed where the old net keeps its head.
    weights
        its caffemodel.
    state
        solver state of the snapshot, to put its momentum together too.
    """
    print(reporting.describe_merged(merge(where, snapshot, out, net=net, weights=weights, state=state)))
