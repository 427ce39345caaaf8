"""``caffe._caffe``: what is in C++ in Caffe. Its vectors are lists here."""

from prototxt.formats.schema import LayerParameter, SolverParameter
from torchcaffe.blob import Blob
from torchcaffe.layers.python import Parameters as BlobVec
from torchcaffe.layers.python import UserLayer as Layer
from torchcaffe.mode import (
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
from torchcaffe.pycaffe.layer_types import layer_type_list
from torchcaffe.pycaffe.log import init_log, log
from torchcaffe.pycaffe.nccl import NCCL, has_nccl
from torchcaffe.pycaffe.net import Net
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
from torchcaffe.solver import Solver

BoolVec = DtypeVec = IntVec = LayerVec = NetVec = RawBlobVec = StringVec = list

__all__ = [
    "NCCL",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "BlobVec",
    "BoolVec",
    "DtypeVec",
    "IntVec",
    "Layer",
    "LayerParameter",
    "LayerVec",
    "NesterovSolver",
    "Net",
    "NetVec",
    "RMSPropSolver",
    "RawBlobVec",
    "SGDSolver",
    "Solver",
    "SolverParameter",
    "StringVec",
    "Timer",
    "__version__",
    "get_solver",
    "has_nccl",
    "init_log",
    "layer_type_list",
    "log",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
]
