"""H of every filter, and a learning rate of its own for each, in prototxt that stock Caffe obeys."""

from entropy.errors import CheckError, PlanError, ScanError
from entropy.measuring.measurement import FewImagesWarning, measure
from entropy.measuring.table import Provenance, Table
from entropy.measuring.table_files import read_csv, read_table, write_table
from entropy.planning.plan import LayerPlan, Plan, plan, read_plan
from entropy.split_folder.checking import Loss, check
from entropy.split_folder.merging import Change, Merged, merge
from entropy.split_folder.replanning import replan
from entropy.split_folder.solver_file import SolverSettings
from entropy.split_folder.task import Task
from entropy.split_folder.writing import Written, write
from entropy.training.applying import apply_plan
from entropy.training.updates import ScaledUpdates, scale_updates

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
