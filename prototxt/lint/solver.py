"""Rules about a solver."""

from __future__ import annotations

from collections.abc import Iterator

from prototxt.formats.parameter_blobs import learns
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.lint.registry import one_of, solver_rule, solver_warning

TYPES = ("AdaDelta", "AdaGrad", "Adam", "Nesterov", "RMSProp", "SGD")
TRAIN_NETS = ("net", "net_param", "train_net", "train_net_param")

# Learning rate policy -> the fields that it computes with.
POLICIES: dict[str, tuple[str, ...]] = {
    "fixed": (),
    "step": ("gamma", "stepsize"),
    "exp": ("gamma",),
    "inv": ("gamma", "power"),
    "multistep": ("gamma", "stepvalue"),
    "poly": ("power", "max_iter"),
    "sigmoid": ("gamma", "stepsize"),
}


@solver_rule
def one_train_net(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """Exactly one of four fields says what to train."""
    given = [name for name in TRAIN_NETS if solver.HasField(name)]
    if not given:
        yield f"the solver names no net to train; give one of {one_of(TRAIN_NETS)}"
    elif len(given) > 1:
        yield f"the solver has {' and '.join(given)}; give only one of {one_of(TRAIN_NETS)}"


@solver_rule
def test_nets(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """Every test net has its test_iter; further ones test the train net's TEST phase."""
    own = len(solver.test_net) + len(solver.test_net_param)
    iters = len(solver.test_iter)
    generic = solver.HasField("net") or solver.HasField("net_param")
    if iters < own or (iters > own and not generic):
        need = f"at least {own}" if generic else f"exactly {own}"
        yield f"the solver has {iters} test_iter for {own} test nets; it needs {need}, one for each"
    instances = max(own, iters)
    if solver.test_state and len(solver.test_state) != instances:
        yield f"the solver has {len(solver.test_state)} test_state for {instances} tests; give one for each or none"
    if instances and solver.test_interval <= 0:
        yield "the solver tests, so it needs a test_interval above 0"


@solver_rule
def learning_rate_policy(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """A known policy with the numbers that it computes with."""
    policy = solver.lr_policy
    if policy not in POLICIES:
        got = f"unknown lr_policy '{policy}'" if policy else "no lr_policy"
        yield f"the solver has {got}; Caffe has {one_of(POLICIES)}"
        return
    needed = POLICIES[policy]
    if "stepsize" in needed and solver.stepsize <= 0:
        yield f"lr_policy '{policy}' needs a stepsize above 0"
    if "gamma" in needed and solver.gamma < 0:
        yield f"lr_policy '{policy}' needs a gamma of 0 or more; got {solver.gamma:g}"


@solver_rule
def known_type(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """Six solvers."""
    if solver.type not in TYPES:
        yield f"the solver has type '{solver.type}'; Caffe has {one_of(TYPES)}"
    if solver.HasField("solver_type") and solver.HasField("type"):
        yield "the solver has both solver_type (the old field) and type; keep type"


@solver_rule
def settings_of_type(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """What single solvers do not take."""
    if solver.type in ("AdaGrad", "RMSProp") and solver.momentum != 0:
        yield f"{solver.type} takes no momentum; got {solver.momentum:g}"
    if solver.type == "RMSProp" and not 0 <= solver.rms_decay < 1:
        yield f"RMSProp needs an rms_decay of at least 0 and below 1; got {solver.rms_decay:g}"


@solver_rule
def regularization(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """L1 or L2, looked at only where weights decay."""
    if solver.weight_decay and solver.regularization_type not in ("L1", "L2"):
        yield f"the solver has regularization_type '{solver.regularization_type}'; Caffe has L1 or L2"


@solver_rule
def counts(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """Numbers of iterations that others are divided by."""
    for name in ("average_loss", "iter_size"):
        if getattr(solver, name) < 1:
            yield f"the solver has {name} {getattr(solver, name)}; it must be 1 or more"


@solver_rule
def snapshots(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """Caffe 1.0 wants to know where they go (master takes the solver's own path)."""
    if solver.snapshot and not solver.snapshot_prefix:
        yield "the solver takes snapshots, so it needs a snapshot_prefix"


@solver_rule
def fields_of_master(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """Fields that tag 1.0 does not know, so that it cannot parse the file."""
    if solver.weights:
        yield "the solver has 'weights', which Caffe 1.0 does not know; give the file with caffe train -weights"


@solver_warning
def numbers_of_policy(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """A policy's fields that are left at 0."""
    for name in POLICIES.get(solver.lr_policy, ()):
        missing = not getattr(solver, name)
        if missing and name != "stepsize":
            yield f"lr_policy '{solver.lr_policy}' computes with {name}, which is not given and so is 0"
    if not solver.base_lr:
        yield "base_lr is not given, so the learning rate is 0"
    if not solver.max_iter:
        yield "max_iter is not given, so training ends at once"


@solver_warning
def clipping_beside_frozen(solver: SolverParameter, net: NetParameter | None) -> Iterator[str]:
    """Caffe computes no gradients for frozen blobs, so they leave the norm that all are scaled by."""
    if net is None or solver.clip_gradients < 0:
        return
    frozen = [layer.name for layer in net.layer if learns(layer) and any(spec.lr_mult == 0 for spec in layer.param)]
    if frozen:
        yield (
            f"clip_gradients scales by the norm of all gradients, from which the frozen layers {', '.join(frozen)} "
            "are left out, so freezing changes how the others learn; remove clip_gradients"
        )
