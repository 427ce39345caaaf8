"""H of every filter, and a learning rate of its own for each, in prototxt that stock Caffe obeys."""

from entropy.applying import apply_plan
from entropy.checking import Loss, check
from entropy.errors import CheckError, PlanError, ScanError
from entropy.measurement import FewImagesWarning, measure
from entropy.merging import Change, Merged, merge
from entropy.planning import LayerPlan, Plan, plan, read_plan
from entropy.replanning import replan
from entropy.solver_file import SolverSettings
from entropy.table import Provenance, Table
from entropy.table_files import read_csv, read_table, write_table
from entropy.task import Task
from entropy.updates import ScaledUpdates, scale_updates
from entropy.writing import Written, write

__all__ = [
    "Change",
    "CheckError",
    "FewImagesWarning",
    "LayerPlan",
    "Loss",
    "Merged",
    "Plan",
    "PlanError",
    "Provenance",
    "ScaledUpdates",
    "ScanError",
    "SolverSettings",
    "Table",
    "Task",
    "Written",
    "apply_plan",
    "check",
    "measure",
    "merge",
    "plan",
    "read_csv",
    "read_plan",
    "read_table",
    "replan",
    "scale_updates",
    "write",
    "write_table",
]
