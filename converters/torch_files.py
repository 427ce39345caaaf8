"""What PyTorch's files hold, read without running any code of theirs.

A file of ``torch.save`` is a pickle, which may name any function of Python and have it called. PyTorch's own reader of
weights alone (``weights_only=True``) refuses such files as a whole; here it is told to put an empty record wherever the
file names a class that is not PyTorch's own, so that the tensors beside it can be read. Of a whole model the record has
the attributes, which hold its parameters by name.
"""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from prototxt.common.errors import FormatError
from prototxt.formats.file_kinds import kind_of, read_bytes

SAVE = "torch.save(model.state_dict(), 'weights.pth')"

_KINDS = ("a PyTorch or zip file", "a Python pickle")  # what torch.save writes and wrote, as `kind_of` calls it
_PROTOCOL_2 = b"\x80\x02"
_PICKLES_OF_OLD_FILES = 4  # magic number, version, system, and the object
_SCRIPT_DATA = ("data/", "data.pkl", "version", "byteorder")  # of an archive of TorchScript: all but its code

# torch._export.serde.schema.ScalarType, as exported programs number the types of their tensors.
_EXPORTED_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}


class Record(OrderedDict[Any, Any]):
    """Stands for an object of a class that is not looked for: its attributes, and its items where it is a dict."""

    def __new__(cls, *_: Any) -> OrderedDict[Any, Any]:  # type: ignore[misc]
        """An ordered dict, the one type that PyTorch's reader gives both items and attributes."""
        return OrderedDict()


class Opaque:
    """Stands for a number or an array of NumPy, whose state is a tuple; it is not needed."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def load_torch(path: Path) -> Any:
    """What a file of ``torch.save``, ``torch.jit.save`` or ``torch.export.save`` holds, on the CPU.

    Returns
    -------
    what was saved: dictionaries, lists, numbers and tensors; objects of any other class are ordered dicts with the
    object's attributes in ``__dict__`` (`Record`), or `Opaque`. Of an exported program its weights by name.

    Raises
    ------
    FormatError : if the file is truncated, no such file, or holds what cannot be read without running it.
    """
    try:
        if not zipfile.is_zipfile(path):
            return _load_pickle(path)
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name: name for name in archive.namelist()}
            if "constants.pkl" in names:
                return _load_script(archive, names)
            if "archive_format" in names or "serialized_state_dict.pt" in archive.namelist():
                return _load_exported(archive, path)
            return _load(path, archive.open(names["data.pkl"]) if "data.pkl" in names else io.BytesIO())
    except pickle.UnpicklingError as error:
        raise FormatError(f"{path}: {error}; save it with {SAVE} where it was made") from error
    except FormatError:
        raise
    except Exception as error:  # whatever the unpickler stumbles over: IndexError, RuntimeError, UnicodeDecodeError ...
        raise FormatError(_what_is_wrong(path)) from error


def _load(file: Path | IO[bytes], pickled: IO[bytes], pickles: int = 1) -> Any:
    """Load a file of torch.save; ``pickled`` is the pickle in it, whose names of classes are looked up first."""
    foreign = sorted(name for name in _globals(pickled, pickles) if not _is_pytorch_s(name))
    with torch.serialization.safe_globals([(_stand_in(name), name) for name in foreign]):
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            named = f" ({', '.join(foreign)})" if foreign else ""
            what = f"is truncated, or holds objects that cannot be read without running the file's code{named}"
            raise pickle.UnpicklingError(what) from error


def _load_pickle(path: Path) -> Any:
    """Load a file of the form that torch.save wrote before version 1.6."""
    with path.open("rb") as file:
        if file.read(2) != _PROTOCOL_2:
            raise FormatError(_what_is_wrong(path))
        file.seek(0)
        first = next(pickletools.genops(file), None)
        file.seek(0)
        if first is None:
            raise FormatError(_what_is_wrong(path))
        return _load(path, file, _PICKLES_OF_OLD_FILES)


def _load_script(archive: zipfile.ZipFile, names: dict[str, str]) -> dict[str, Tensor]:
    """The weights of a TorchScript archive: what is left of it without its code is a file of torch.save."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as data:
        for short, name in names.items():
            if short.startswith(_SCRIPT_DATA):
                data.writestr(name, archive.read(name))
    copy.seek(0)
    return dict(_tensors(_load(copy, archive.open(names["data.pkl"])), ""))


def _tensors(record: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Tensors among the attributes of a record and of the records in it, by name."""
    for name, value in vars(record).items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, OrderedDict):
            yield from _tensors(value, f"{prefix}{name}.")


def _load_exported(archive: zipfile.ZipFile, path: Path) -> Any:
    """The weights of an exported program: their bytes, described in JSON; before PyTorch 2.9 a file of torch.save."""
    names = archive.namelist()
    saved = [name for name in names if name.endswith(("serialized_state_dict.pt", "data/weights/model.pt"))]
    if saved:
        return torch.load(io.BytesIO(archive.read(saved[0])), map_location="cpu", weights_only=True)
    configs = [name for name in names if name.endswith("weights_config.json")]
    if len(configs) != 1:
        raise FormatError(f"{path}: is an archive of {len(configs)} exported programs; save the one that is wanted")
    folder = configs[0].rpartition("/")[0]
    weights = {}
    for name, entry in json.loads(archive.read(configs[0]))["config"].items():
        if entry["use_pickle"]:
            raise FormatError(f"{path}: holds {name!r} as a pickled object, which is not read; save it with {SAVE}")
        weights[name] = _exported_tensor(archive.read(f"{folder}/{entry['path_name']}"), entry["tensor_meta"])
    return weights


def _exported_tensor(data: bytes, meta: dict[str, Any]) -> Tensor:
    sizes, strides = ([extent["as_int"] for extent in meta[name]] for name in ("sizes", "strides"))
    dtype = _EXPORTED_TYPES[meta["dtype"]]
    if not data:
        return torch.zeros(sizes, dtype=dtype)
    values = torch.frombuffer(bytearray(data), dtype=dtype)
    return values.as_strided(sizes, strides, meta["storage_offset"]["as_int"]).contiguous()


def _globals(file: IO[bytes], pickles: int) -> set[str]:
    """Full names of the classes and functions that pickles, one behind the other, name."""
    return {
        str(argument).replace(" ", ".")
        for _ in range(pickles)
        for opcode, argument, _ in pickletools.genops(file)
        if opcode.name == "GLOBAL"
    }


def _is_pytorch_s(name: str) -> bool:
    """Whether PyTorch's reader makes this one itself: tensors, storages, types."""
    return (
        name in _MADE_BY_PYTORCH
        or name.startswith(("torch._utils.", "torch._tensor.", "torch.storage."))
        or (name.startswith("torch.") and name.count(".") == 1)
    )


_MADE_BY_PYTORCH = frozenset(
    {
        "collections.Counter",
        "collections.OrderedDict",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "_codecs.encode",
        "builtins.bytearray",
        "builtins.complex",
        "builtins.set",
    }
)


def _stand_in(name: str) -> Any:
    """What is called instead of the class or function ``name``: of its own for each, since PyTorch compares them."""
    if name.startswith("torch.jit._pickle."):  # marks lists of TorchScript with their types
        return lambda value, *_: value
    if name.startswith("numpy."):
        return type("Opaque", (Opaque,), {})
    return type("Record", (Record,), {})


def _what_is_wrong(path: Path) -> str:
    found = kind_of(path, read_bytes(path, "a PyTorch weights", 4096)) if path.stat().st_size else "empty"
    reason = "is truncated or damaged" if found in _KINDS else f"is {found}, not PyTorch weights"
    return f"{path}: {reason}; copy or make it again"
