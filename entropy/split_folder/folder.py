"""The names of the files in a folder that `write` makes and `check` and `merge` read."""

from __future__ import annotations

SPLIT_NET = "net_split.prototxt"
PLAIN_NET = "net_plain.prototxt"
SPLIT_WEIGHTS = "split.caffemodel"
PLAIN_WEIGHTS = "plain.caffemodel"
SOLVER = "solver.prototxt"
PLAIN_SOLVER = "solver_plain.prototxt"
PLAN = "plan.json"
DEPLOY = "deploy.prototxt"
SPLIT_PREFIX = "split"
PLAIN_PREFIX = "plain"
STATE = SPLIT_PREFIX + "_iter_{}.solverstate"
DEPLOY_WEIGHTS = "deploy.caffemodel"
SOURCE_NET = "source.prototxt"
EXTENSION = "extension.json"
OF_EXTENSION = (DEPLOY_WEIGHTS, SOURCE_NET, EXTENSION)
MERGED = "merged.caffemodel"
REPAIR, REPAIR_NET, REPAIR_SOLVER = "repair.json", "net_repair.prototxt", "solver_repair.prototxt"
REPAIR_PREFIX, REPAIRED, FREED = "repair", "repaired.caffemodel", "freed.json"
WEIGHTS_AND_NETS = (SPLIT_NET, PLAIN_NET, SPLIT_WEIGHTS, PLAIN_WEIGHTS, DEPLOY)
