"""Runs one iteration of real Caffe, where it is installed."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

from entropy.errors import CheckError
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import write_message

_LOSS = re.compile(r"Iteration 0(?: \([^)]*\))?, loss = (\S+)")
_IGNORED = re.compile(r"Ignoring source layer (\S+)")


def first_loss(
    caffe: Path, net: NetParameter, weights: Path, learned: Collection[str], folder: Path, seed: int
) -> float:
    """Run ``caffe train`` for one iteration at learning rate 0.

    Parameters
    ----------
    net : the training net.
    weights : its caffemodel.
    learned : layers of it that hold blobs.
    folder : where Caffe is started; the data layers' paths are seen from there.

    Returns
    -------
    The loss of the first batch, with the six digits that Caffe prints.

    Raises
    ------
    CheckError : Caffe fails (with its last line), or takes no notice of a layer of the weights.
    """
    with tempfile.TemporaryDirectory(prefix="entropy-check-") as temporary:
        place = Path(temporary)
        write_message(place / "net.prototxt", net)
        solver = SolverParameter(
            net=str(place / "net.prototxt"),
            base_lr=0,
            lr_policy="fixed",
            max_iter=1,
            display=1,
            random_seed=seed,
            solver_mode="CPU",
            snapshot_after_train=False,
        )
        write_message(place / "solver.prototxt", solver)
        command: list[str | Path] = [
            caffe,
            "train",
            "-solver",
            place / "solver.prototxt",
            "-weights",
            weights.resolve(),
        ]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    log = result.stderr + result.stdout
    found = _LOSS.search(log)
    if result.returncode or not found:
        fatal = [line for line in log.splitlines() if line.startswith("F")] or log.splitlines()[-1:]
        raise CheckError(f"caffe train failed on {weights.name}: {' '.join(fatal)[:500] or 'it said nothing'}")
    ignored = [name for name in _IGNORED.findall(log) if name in learned]
    if ignored:
        raise CheckError(f"real Caffe ignores layer {ignored[0]!r} of {weights}: the net has no layer of that name")
    return float(found[1])
