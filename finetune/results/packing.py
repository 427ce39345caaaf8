"""All finished runs of a study in one small text file, and back: to be kept, or carried to another machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune.errors import ExperimentError
from finetune.study import runs as names
from finetune.study.log import read_log
from finetune.study.running import STUDY
from finetune.study.runs import read_json, write_json
from prototxt.common.atomic import write_text

FILES = {
    "config": names.CONFIG,
    "result": names.RESULT,
    "right": names.RIGHT,
    "confusion": names.CONFUSION,
    "choice": names.CHOICE,
}
EVALUATED = ("source", "target", "validation")


def packed(out: Path) -> str:
    """Give a line of JSON for every folder of a study that holds a result or a choice, in the order of their names.

    A line has the folder, what `FILES` says, and those lines of the log that have an accuracy. Weights, class scores,
    measures and checkpoints are left out.

    Parameters
    ----------
    out : folder of the study.

    Raises
    ------
    ExperimentError : no study was run there, or a file cannot be read.
    """
    if not (out / STUDY).is_file():
        raise ExperimentError(f"{out}: holds no {STUDY}, so no study was run there; give the folder of a study")
    return "".join(json.dumps(line) + "\n" for line in _lines(out))


def _lines(out: Path) -> Iterator[dict[str, Any]]:
    yield {"folder": "", "study": read_json(out / STUDY)}
    for file in sorted({*out.glob(f"*/*/**/{names.RESULT}"), *out.glob(f"*/*/{names.CHOICE}")}):
        folder = file.parent
        line: dict[str, Any] = {"folder": folder.relative_to(out).as_posix()}
        line |= {key: read_json(folder / name) for key, name in FILES.items() if (folder / name).is_file()}
        if "config" in line and line["config"].get("hash") != line.get("result", {}).get("hash"):
            continue  # it is being made again
        log = [record for record in read_log(folder / names.LOG) if any(key in record for key in EVALUATED)]
        yield line | ({"log": log} if log else {})


def unpack(text: str, out: Path, name: str = "the file") -> int:
    """Write the runs of `packed` into a study's folder; results that lie there already stay as they are.

    Parameters
    ----------
    text : from `packed`.
    out : folder of the study; made where it is not there.
    name : of the text, for messages.

    Returns
    -------
    How many folders were written.

    Raises
    ------
    ExperimentError : a line is no JSON, or names a folder outside of ``out``.
    """
    lines = [_checked(line, f"{name}:{number}") for number, line in enumerate(text.splitlines(), 1)]
    written = 0
    for line in lines:
        folder = out / line["folder"]
        if "study" in line and not (out / STUDY).is_file():
            write_json(out / STUDY, line["study"])
        kept = {key: file for key, file in FILES.items() if key in line}
        if not kept or any((folder / file).is_file() for file in (names.RESULT, names.CHOICE) if file in kept.values()):
            continue
        if "log" in line:
            write_text(folder / names.LOG, "".join(json.dumps(record) + "\n" for record in line["log"]))
        for key in sorted(kept, key=lambda key: key == "result"):  # the result last: with it the run counts as finished
            write_json(folder / kept[key], line[key])
        written += 1
    return written


def _checked(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
        parts = Path(found["folder"]).parts
    except (ValueError, KeyError, TypeError) as error:
        raise ExperimentError(f"{where}: is no run of a study ({error}); give a file of 'finetune pack'") from error
    if any(part in ("..", "/") for part in parts) or Path(found["folder"]).is_absolute():
        raise ExperimentError(f"{where}: the folder {found['folder']!r} leads out of the study; the file is damaged")
    return dict(found)
