"""``extension.json``: what is old and what is new in the deploy net of a folder with an old head and a new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from entropy.errors import PlanError
from entropy.split_folder.extension import Extension
from entropy.surgery.extended import Extended
from entropy.surgery.freeing import Freed
from prototxt.common import atomic
from prototxt.formats.weights import Weights, weights_hash


class ExtensionFile(BaseModel):
    """The content of ``extension.json``.

    Parameters
    ----------
    asked : the options of `entropy.split_folder.extension.Extension`, as they were given.
    preserve : "exact" where nothing of the old net may change.
    old_outputs, new_output : blobs of the class scores.
    new_layers : of the deploy net; all others are the old net's.
    copied_from : new layer to the old one whose weights it started with, or shares.
    shared : new layers that share the parameters of that one.
    cut : layer to how many of its weights on freed filters were cut to zero.
    parameters_added : numbers that the deploy net has more than the old one.
    old_hash : of the old layers' weights in ``deploy.caffemodel``; where nothing was cut, of the old net's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["entropy-extension"] = "entropy-extension"
    version: Literal[1] = 1
    asked: dict[str, Any]
    preserve: Literal["exact"] | None
    old_outputs: tuple[str, ...]
    new_output: str
    new_layers: tuple[str, ...]
    copied_from: dict[str, str]
    shared: tuple[str, ...]
    cut: dict[str, int]
    parameters_added: int
    old_hash: str

    @classmethod
    def of(cls, extended: Extended, asked: Extension) -> ExtensionFile:
        """Describe an extended net."""
        given = {name: value for name, value in vars(asked).items() if value != getattr(Extension(), name)}
        return cls(
            asked=json.loads(json.dumps(given, default=str)),
            preserve=asked.preserve,
            old_outputs=extended.old_outputs,
            new_output=extended.new_output,
            new_layers=extended.new_layers,
            copied_from=dict(extended.copied_from),
            shared=tuple(sorted(extended.shared)),
            cut=dict(extended.cut) if isinstance(extended, Freed) else {},
            parameters_added=extended.parameters_added,
            old_hash=weights_hash(old_weights(extended.weights, extended.new_layers)),
        )

    def write(self, path: Path | str) -> None:
        """Write the file, whole or not at all."""
        atomic.write_text(path, json.dumps(self.model_dump(mode="json"), indent=1) + "\n")


def old_weights(weights: Weights, new_layers: tuple[str, ...]) -> Weights:
    """The weights of the old layers of an extended net."""
    return {name: blobs for name, blobs in weights.items() if name not in new_layers}


def read_extension(folder: Path, name: str) -> ExtensionFile | None:
    """Read the ``extension.json`` of a folder; None where the new head took the old one's place, or there is no task.

    Raises
    ------
    PlanError : it is no such file.
    """
    path = folder / name
    if not path.exists():
        return None
    try:
        return ExtensionFile.model_validate_json(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read ({error})"
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    raise PlanError(f"{path}: {what}; make the folder again with: python -m entropy write")
