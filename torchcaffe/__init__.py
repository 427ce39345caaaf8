"""Runs Caffe nets, solvers and pycaffe scripts on PyTorch.

The names here are pycaffe's: ``import torchcaffe as caffe``.
"""

from torchcaffe.blob import Blob
from torchcaffe.layers.python import UserLayer as Layer
from torchcaffe.mode import (
    TEST,
    TRAIN,
    init_log,
    set_device,
    set_mode_cpu,
    set_mode_gpu,
    set_random_seed,
)
from torchcaffe.network import Network
from torchcaffe.pycaffe import Net, layer_type_list
from torchcaffe.solver import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    Solver,
    get_solver,
)

__all__ = [
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "Layer",
    "NesterovSolver",
    "Net",
    "Network",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "get_solver",
    "init_log",
    "layer_type_list",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_random_seed",
]
