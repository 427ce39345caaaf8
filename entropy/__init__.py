"""H of every filter, and a learning rate of its own for each, in prototxt that stock Caffe obeys."""

from entropy.errors import CheckError, PlanError, ScanError
from entropy.measurement import FewImagesWarning, measure
from entropy.planning import LayerPlan, Plan, plan, read_plan
from entropy.table import Provenance, Table, read_csv

__all__ = [
    "CheckError",
    "FewImagesWarning",
    "LayerPlan",
    "Plan",
    "PlanError",
    "Provenance",
    "ScanError",
    "Table",
    "measure",
    "plan",
    "read_csv",
    "read_plan",
]
