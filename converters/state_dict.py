"""PyTorch weights from a file, and into a model that they must fit."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from converters.errors import ConversionError
from prototxt.common.errors import FormatError
from prototxt.formats.file_kinds import kind_of, read_bytes

StateDict = dict[str, Tensor]

WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys under which training scripts put the weights
_KINDS = ("a PyTorch or zip file", "a Python pickle")  # what torch.save writes and wrote, as `kind_of` calls it
PREFIXES = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name


def read_state_dict(path: Path | str) -> StateDict:
    """Read a file of weights by name, floating-point ones as float32.

    Parameters
    ----------
    path : ``.safetensors``, or anything that ``torch.load(weights_only=True)`` reads; the weights may lie under
        ``state_dict`` or ``model``, and their names may carry the prefix ``module.``.

    Raises
    ------
    FormatError : if the file is missing, truncated, or holds no weights by name.
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "there is no such file"
        raise FormatError(f"{path}: {problem}; give a .safetensors or .pth file of weights")
    content = _load_safetensors(path) if path.suffix == ".safetensors" else _load_torch(path)
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise FormatError(f"{path}: holds no weights by name; save it with torch.save(model.state_dict(), ...)")
    state = {_without_prefixes(str(key)): value for key, value in content.items() if isinstance(value, Tensor)}
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def fit(model: nn.Module, state: StateDict, source: str) -> None:
    """Put weights into ``model``, whose parameters may still be on the meta device.

    Parameters
    ----------
    state : by name, float32.
    source : where the weights come from, for errors.

    Raises
    ------
    ConversionError : naming the first weight that is missing, superfluous or of another shape, with both shapes.
    """
    wanted = model.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    for key in wanted:
        if key not in state and key not in counters:
            raise ConversionError(
                f"{source}: has no {key!r} (shape {tuple(wanted[key].shape)}), which {type(model).__name__} needs; "
                f"choose the architecture that the weights were trained with"
            )
    for key, value in state.items():
        if key not in wanted:
            raise ConversionError(
                f"{source}: {key!r} (shape {tuple(value.shape)}) is no weight of {type(model).__name__}; choose the "
                f"architecture that the weights were trained with"
            )
        if value.shape != wanted[key].shape:
            raise ConversionError(
                f"{source}: {key!r} has shape {tuple(value.shape)}, but {type(model).__name__} needs "
                f"{tuple(wanted[key].shape)}; choose the architecture that the weights were trained with"
            )
    zeros = {key: torch.zeros((), dtype=torch.int64) for key in counters - state.keys()}
    model.load_state_dict({**state, **zeros}, assign=True)


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


def _load_torch(path: Path) -> Any:
    """What the file holds; torch tells of a broken one in many ways, some with pages of advice, some with a number."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FormatError(
            f"{path}: is no file of weights alone, or is truncated; save it with torch.save(model.state_dict(), ...)"
        ) from error
    except Exception as error:  # whatever the unpickler stumbles over: IndexError, RuntimeError, UnicodeDecodeError ...
        found = kind_of(path, read_bytes(path, "a PyTorch weights", 4096)) if path.stat().st_size else "empty"
        reason = "is truncated or damaged" if found in _KINDS else f"is {found}, not PyTorch weights"
        raise FormatError(f"{path}: {reason}; copy or make it again") from error


def _without_prefixes(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key
