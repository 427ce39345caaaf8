"""PyTorch as a target: a module and its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from converters.back.pytorch.identifiers import identifier
from converters.back.pytorch.module import to_module
from converters.back.pytorch.running import program
from converters.back.source_net import SourceNet
from converters.back.target import Target, Written
from prototxt.common.atomic import atomic_path, write_text


def write(source: SourceNet, folder: Path, stem: str, about: str) -> Written:
    """Write ``stem.py`` and ``stem.safetensors``; the stem becomes a name that Python can import."""
    stem = identifier(stem, "net")
    module = to_module(source, source.net.name or stem, about)
    path = folder / f"{stem}.py"
    write_text(path, module.text())
    with atomic_path(path.with_suffix(".safetensors")) as temporary:
        save_file({name: np.array(array, order="C") for name, array in module.state.items()}, temporary)
    names = (path.name, f"{stem}.safetensors")
    return Written(names, lambda: program(module, path), module.parts.attributes)


PYTORCH = Target("PyTorch", lambda source: source.batch_is_free, write)
