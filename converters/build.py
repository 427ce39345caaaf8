"""Models are built as they are described, with their weights."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache

import torch
from torch import Tensor, nn

from converters.describe import known_architecture
from converters.errors import ConversionError
from converters.importing import import_named
from converters.onnx.source import built_source
from converters.source import Description, Source
from converters.state_dict import COUNTERS, Checkpoint, StateDict, fit, named_like, read_checkpoint, state_hash


def fits(arch: str, state: StateDict) -> bool:
    """Whether weights have the names and shapes of a named network's; False for one that is not built in passing."""
    if not known_architecture(arch).without_memory:
        return False
    state, _ = named_like(state, _names_of_weights(arch))
    shapes = {key: tuple(value.shape) for key, value in state.items() if not key.endswith(COUNTERS)}
    if shapes.keys() != _names_of_weights(arch):
        return False
    with torch.device("meta"):
        model = known_architecture(arch).build(shapes)
    return shapes == {key: tuple(value.shape) for key, value in model.state_dict().items() if key in shapes}


@cache
def _names_of_weights(arch: str) -> frozenset[str]:
    known = known_architecture(arch)
    with torch.device("meta") if known.without_memory else nullcontext():
        model = known.build({})
    return frozenset(key for key in model.state_dict() if not key.endswith(COUNTERS))


def build(description: Description, random_seed: int | None = None) -> Source:
    """Build the model and load its weights.

    Parameters
    ----------
    random_seed : where there is no file of weights: seed of random ones.

    Raises
    ------
    ConversionError : if the name or factory is unknown, there are no weights and no seed, or the weights do not fit.
    FormatError : if the file of weights cannot be read.
    """
    if description.onnx is not None:
        return built_source(description.onnx)
    if description.weights is None and random_seed is None and description.arch:
        raise ConversionError(f"{description.arch} has no weights; give --weights FILE, or --random-weights to try it")
    file, key = description.weights, description.weights_key
    checkpoint = read_checkpoint(file, key) if file else Checkpoint({})
    state = checkpoint.state
    if file and description.arch:
        state, _ = named_like(state, _names_of_weights(description.arch))
    model = _model(description, {key: tuple(value.shape) for key, value in state.items()}, random_seed)
    left_out = fit(model, checkpoint.state, str(file), description.ignore_surplus) if file else ()
    _check_weights(model)
    weights = {"weights": description.weights.name} if description.weights else {"random_seed": random_seed}
    return Source(
        model=model.float().eval(),
        names=known_architecture(description.arch).names(model) if description.arch else {},
        about={
            **({"arch": description.arch} if description.arch else {"module": description.module}),
            **weights,
            "weights_hash": state_hash(model.state_dict()),
        },
        notes=(*checkpoint.notes, *left_out),
    )


def _check_weights(model: nn.Module) -> None:
    """Refuse weights that have no values, or are kept as a library's own records (`torch.ao.quantization`)."""
    for name, value in model.state_dict(keep_vars=True).items():
        if nn.parameter.is_lazy(value):
            reason = "has no shape yet: run the model once on an example, or name the channels"
        elif isinstance(value, Tensor) and value.is_meta:
            reason = "has no values, since it is on the meta device: give --weights, or build the model without it"
        elif (isinstance(value, Tensor) and value.is_quantized) or (not isinstance(value, Tensor) and "packed" in name):
            reason = "is quantised: give the float model, before any quantisation"
        else:
            continue
        raise ConversionError(f"{name} of {type(model).__name__} {reason}")


def _model(description: Description, shapes: Mapping[str, tuple[int, ...]], random_seed: int | None) -> nn.Module:
    """The model without its weights: on the meta device where they come from a file, as filling takes seconds."""
    if description.module:
        return _from_factory(description.module, random_seed)
    known = known_architecture(description.arch)
    if shapes and known.without_memory:
        with torch.device("meta"):
            return known.build(shapes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_seed or 0)
        return known.build(shapes)


def _from_factory(module: str, random_seed: int | None) -> nn.Module:
    found = import_named("--module", module)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_seed or 0)
            model = found if isinstance(found, nn.Module) else found()
    except Exception as error:  # the user's code may raise anything
        raise ConversionError(
            f"--module {module}: gives no model ({type(error).__name__}: {' '.join(str(error).split())}); it must name "
            "a function without arguments that returns a torch.nn.Module"
        ) from error
    if not isinstance(model, nn.Module):
        raise ConversionError(f"--module {module}: gives a {type(model).__name__}, not a torch.nn.Module")
    return model
