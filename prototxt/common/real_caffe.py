"""Where a real BVLC Caffe is installed, how it is started, and what it says when it gives up."""

from __future__ import annotations

import os
import re
from pathlib import Path

_FATAL = re.compile(r"F\d{4} ")  # how glog begins the line that it aborts with


def caffe_path(name: str) -> Path:
    """Where ``make caffe`` puts a program of the real Caffe, installed or not.

    Parameters
    ----------
    name : ``caffe``, or ``caffe-python`` for the Python that has pycaffe.

    Returns
    -------
    ``$CAFFE_ROOT/bin/NAME``; without that variable, in ``~/.cache/deepvis/caffe``.
    """
    return Path(os.environ.get("CAFFE_ROOT") or Path.home() / ".cache/deepvis/caffe") / "bin" / name


def find_caffe(name: str = "caffe") -> Path | None:
    """`caffe_path` of a program, or None where it is not installed."""
    program = caffe_path(name)
    return program if os.access(program, os.X_OK) else None


def caffe_environment() -> dict[str, str]:
    """Environment for a program that loads Caffe: it logs errors alone, and BLAS takes all cores if not told else."""
    return {"OPENBLAS_NUM_THREADS": str(os.cpu_count() or 1), **os.environ, "GLOG_minloglevel": "2"}


def reason(errors: str, otherwise: str) -> str:
    """Why Caffe ended, in one line.

    Parameters
    ----------
    errors : what it wrote to stderr.
    otherwise : for when it wrote nothing.

    Returns
    -------
    What glog calls fatal, without place and time, or else the last line.
    """
    lines = errors.strip().splitlines()
    fatal = [line.split("] ", 1)[-1] for line in lines if _FATAL.match(line)]
    return (fatal or lines[-1:] or [otherwise])[0].strip()
