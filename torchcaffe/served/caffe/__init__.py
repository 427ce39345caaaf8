"""``import caffe``: torchcaffe under pycaffe's names.

A program that finds it as ``caffe`` sees the log on stderr, as with Caffe.
"""

from torchcaffe.layers.python import UserLayer as Layer
from torchcaffe.mode import (
    TEST,
    TRAIN,
    set_device,
    set_mode_cpu,
    set_mode_gpu,
    set_multiprocess,
    set_random_seed,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from torchcaffe.pycaffe import __version__
from torchcaffe.pycaffe.classifier import Classifier
from torchcaffe.pycaffe.detector import Detector
from torchcaffe.pycaffe.layer_types import layer_type_list
from torchcaffe.pycaffe.log import init_log, log, show_log
from torchcaffe.pycaffe.nccl import NCCL, has_nccl
from torchcaffe.pycaffe.net import Net
from torchcaffe.pycaffe.net_spec import NetSpec, layers, params, to_proto
from torchcaffe.pycaffe.solvers import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    get_solver,
)
from torchcaffe.pycaffe.timer import Timer

from . import classifier, coord_map, detector, draw, io, net_spec, proto, pycaffe  # noqa: TID252 - by whatever name this package has

__all__ = [
    "NCCL",
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Classifier",
    "Detector",
    "Layer",
    "NesterovSolver",
    "Net",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "Timer",
    "__version__",
    "classifier",
    "coord_map",
    "detector",
    "draw",
    "get_solver",
    "has_nccl",
    "init_log",
    "io",
    "layer_type_list",
    "layers",
    "log",
    "net_spec",
    "params",
    "proto",
    "pycaffe",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
    "to_proto",
]

if __name__ == "caffe":
    show_log()
