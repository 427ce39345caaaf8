"""``python -m entropy check``: that a written folder trains what it should."""

from __future__ import annotations

from pathlib import Path

import tyro
from tqdm import tqdm

from entropy.commands import reporting
from entropy.split_folder.checking import checking


def check_command(where: tyro.conf.Positional[Path], weights: Path | None = None, caffe: bool = True) -> None:
    """Check that a written folder trains what it should, in torchcaffe and, where installed, in real Caffe.

    Parameters
    ----------
    where
        the folder.
    weights
        the caffemodel to start from (default: the folder's split.caffemodel).
    caffe
        run real Caffe too.
    """
    engines = []
    for found in tqdm(checking(where, weights, use_caffe=caffe), "checking", unit=" engines", disable=None):
        engines.append(found.engine)
        tqdm.write(reporting.describe_checked(found))
    if "caffe" not in engines and caffe:
        print("real Caffe is not installed (make caffe); only torchcaffe was asked")
    print(f"{where}: every layer of the split net has its weights; ready to train")
