"""PyTorch weights from a file, and into a model that they must fit."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from converters.checkpoint import find_weights, other_places
from converters.errors import ConversionError
from converters.torch_files import load_torch
from prototxt.common.errors import FormatError

StateDict = dict[str, Tensor]

COUNTERS = ("num_batches_tracked", "n_averaged")  # bookkeeping of training, which no output depends on
NAMED_SURPLUS = 8  # so many surplus names are listed


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A file of weights that has been read.

    Parameters
    ----------
    state : weights by name, floating-point ones as float32.
    notes : what was chosen among several possibilities, a sentence each.
    """

    state: StateDict
    notes: tuple[str, ...] = ()


def read_state_dict(path: Path | str) -> StateDict:
    """The weights of `read_checkpoint`."""
    return read_checkpoint(path).state


def read_checkpoint(path: Path | str, key: str = "") -> Checkpoint:
    """Read a file of weights by name, floating-point ones as float32.

    Parameters
    ----------
    path : ``.safetensors``, or a file of ``torch.save`` (weights by name, whatever lies beside them, or a whole model),
        ``torch.jit.save`` or ``torch.export.save``; no code of the file is run. ``module.`` and ``_orig_mod.`` in
        names are left out.
    key : where in the file the weights lie, names with dots between; "" to look under the usual ones.

    Raises
    ------
    FormatError : if the file is missing, truncated, or holds no weights by name.
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "there is no such file"
        raise FormatError(f"{path}: {problem}; give a .safetensors or .pth file of weights")
    content = _load_safetensors(path) if path.suffix == ".safetensors" else load_torch(path)
    try:
        weights, where = find_weights(content, key)
    except LookupError as error:
        raise FormatError(f"{path}: {error.args[0]}") from error
    others = [] if key else other_places(content, where)
    notes = [
        f"{path.name}: the weights are those under {where or 'no key'!r}; there are others under {', '.join(others)}, "
        "to be had with --weights-key"
    ]
    state = {_without_wrapping(name): value.detach() for name, value in weights.items()}
    floats = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    return Checkpoint(floats, tuple(notes) if others else ())


def named_like(state: StateDict, wanted: Collection[str]) -> tuple[StateDict, str]:
    """Leave out the prefix, such as Lightning's ``model.``, that weights have before the names that are wanted.

    Returns
    -------
    weights : those under the prefix by the names behind it, then the others as they were.
    prefix : "" where the weights have the names already, or no prefix gives them.
    """
    names = [name for name in wanted if not name.endswith(COUNTERS)]
    missing = [name for name in names if name not in state]
    if not missing:
        return state, ""
    candidates = {key.removesuffix(missing[0]) for key in state if key.endswith(f".{missing[0]}")}
    for prefix in sorted(candidates, key=len):
        if all(prefix + name in state for name in names):
            inner = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            return inner | {key: value for key, value in state.items() if not key.startswith(prefix)}, prefix
    return state, ""


def fit(model: nn.Module, state: StateDict, source: str, ignore_surplus: bool = False) -> tuple[str, ...]:
    """Put weights into ``model``, whose parameters may still be on the meta device.

    Parameters
    ----------
    state : by name, float32.
    source : where the weights come from, for errors.
    ignore_surplus : leave out weights that the model does not have.

    Returns
    -------
    notes : what was left out, a sentence each.

    Raises
    ------
    ConversionError : naming the first weight that is missing or of another shape, with both shapes, or those that are
        superfluous.
    """
    wanted = model.state_dict()
    state, prefix = named_like(state, wanted.keys())
    _check_present(model, wanted, state, source)
    surplus = [key for key in state if key not in wanted and not key.endswith(COUNTERS)]
    if surplus and not ignore_surplus:
        raise ConversionError(
            f"{source}: {_listed(surplus, state)} {'is no weight' if len(surplus) == 1 else 'are no weights'} of "
            f"{type(model).__name__}; choose the architecture that the weights were trained with, or leave them out "
            "with --ignore-surplus"
        )
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    zeros = {key: torch.zeros((), dtype=torch.int64) for key in counters - state.keys()}
    model.load_state_dict({key: value for key, value in state.items() if key in wanted} | zeros, assign=True)
    notes = [f"{source}: the weights are those whose names begin with {prefix!r}"] if prefix else []
    return (*notes, *([f"{source}: left out {_listed(surplus, state)}"] if surplus else []))


def _check_present(model: nn.Module, wanted: Mapping[str, Tensor], state: StateDict, source: str) -> None:
    """Every weight that the model needs, in its shape."""
    for key, value in wanted.items():
        if key in state and state[key].shape != value.shape:
            raise ConversionError(
                f"{source}: {key!r} has shape {tuple(state[key].shape)}, but {type(model).__name__} needs "
                f"{tuple(value.shape)}; choose the architecture that the weights were trained with"
            )
        if key not in state and not key.endswith("num_batches_tracked"):
            raise ConversionError(
                f"{source}: has no {key!r} (shape {tuple(value.shape)}), which {type(model).__name__} needs; "
                "choose the architecture that the weights were trained with"
            )


def _listed(names: Iterable[str], state: StateDict) -> str:
    """Weights with their shapes, the first of many."""
    shown = [f"{name!r} (shape {tuple(state[name].shape)})" for name in names]
    rest = len(shown) - NAMED_SURPLUS
    return ", ".join(shown[:NAMED_SURPLUS]) + (f" and {rest} more" if rest > 0 else "")


def state_hash(state: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) over name, shape and little-endian data of every weight, in the order of the names."""
    digest = hashlib.sha256()
    for key in sorted(state):
        array = state[key].detach().cpu().contiguous().numpy()
        digest.update(f"{key}\0{','.join(map(str, array.shape))}\0".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _load_safetensors(path: Path) -> StateDict:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise FormatError(f"{path}: is no whole safetensors file ({error}); copy or make it again") from error


def _without_wrapping(name: str) -> str:
    return ".".join(part for place, part in enumerate(name.split(".")) if not _wraps(part, place))


def _wraps(part: str, place: int) -> bool:
    """``module`` is a wrapper's at the beginning alone: further in it may be the name of a layer."""
    return part == "_orig_mod" or (part == "module" and place == 0)
