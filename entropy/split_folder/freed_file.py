"""``freed.json``: the filters that a repair silenced, for `write --free`, and the weights that do without them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from entropy.errors import PlanError
from prototxt.common import atomic


class FreedFile(BaseModel):
    """The content of ``freed.json``.

    Parameters
    ----------
    filters : layer to the filters that the old task does without.
    weights_hash : of the repaired weights.
    iterations : of the repair.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["entropy-freed"] = "entropy-freed"
    version: Literal[1] = 1
    filters: dict[str, tuple[int, ...]]
    weights_hash: str
    iterations: int

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        atomic.write_text(path, json.dumps(self.model_dump(mode="json")) + "\n")


def read_freed(path: Path) -> FreedFile:
    """Read a ``freed.json``.

    Raises
    ------
    PlanError : it is missing, or no such file.
    """
    try:
        return FreedFile.model_validate_json(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read ({error})"
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    raise PlanError(f"{path}: {what}; make it with: python -m entropy repair")
