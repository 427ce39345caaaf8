"""Synthesised pictures as unit folders: ``conv5/unit_0007/opt_000_seed0.png`` with what it was made from beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deepvis.errors import ExportError
from deepvis.export.arikpoz import unit_folder
from deepvis.export.folder import file_names
from deepvis.export.job import encoded_picture
from deepvis.export.unit_folders import SYNTHESISED, UnitPictures, open_unit_pictures
from deepvis.model.model import Model, pick_device
from deepvis.synthesis.ascent import Aim, Push, Synthesised, synthesise
from deepvis.synthesis.presets import DEFAULT, PRESETS
from prototxt.common.atomic import write_bytes, write_text
from prototxt.common.progress import Progress
from torchcaffe.network import Network

KEPT = Path("~/.cache/deepvis/synthesised")
"""Where pictures are kept that were made without a folder being named; ``~`` is the home folder."""

BATCH = 8


def synthesise_into(
    folder: Path,
    model: Model,
    network: Network,
    aims: Mapping[str, Sequence[Aim]],
    push: Push,
    preset: str,
    batch: int = BATCH,
    fresh: bool = False,
) -> Generator[Progress, None, int]:
    """Make pictures of units and write each of them, then its record, when its batch is done.

    Pictures that are there with the same record are not made again, so that what was stopped goes on.

    Parameters
    ----------
    folder : with or without unit folders in it.
    aims : by layer.
    preset : name of ``push.prior``, for the records.
    batch : pictures that are made together.
    fresh : make anew what is there.

    Returns
    -------
    How many pictures were made.

    Raises
    ------
    ExportError : a picture is there that was made otherwise, or by another program; nothing is written then.
    """
    settings = _settings(model, push, preset)
    missing: dict[str, list[Aim]] = {}
    for layer, wanted in aims.items():
        model.layer(layer)
        missing[layer] = [aim for aim in wanted if fresh or not _is_done(folder, layer, aim, settings)]
    pictures = sum(map(len, missing.values()))
    done, total = 0, pictures * push.prior.steps
    for layer, chunk in _batches(missing, batch):
        work = synthesise(model, network, layer, chunk, push)
        made = yield from _counted(work, layer, done, len(chunk), total)
        done += len(chunk) * push.prior.steps
        for picture in made:
            _write(folder, layer, picture, settings)
        yield Progress(done, total, f"{layer}: steps of pictures")
    return pictures


def synthesise_kept(model: Model, layer: str, unit: int, device: str) -> Generator[Progress, None, Path]:
    """Make one more picture of a unit by the default preset, with the next seed, and keep it in `kept_folder`."""
    folder = kept_folder(model)
    yield Progress(0, 0, f"{layer}:{unit}")
    found = kept_pictures(model)
    there = found.pictures(layer, unit, SYNTHESISED) if found is not None and layer in found.layers else []
    aim = Aim(unit, 1 + max((picture.rank for picture in there), default=-1))
    network = model.network(pick_device(device))
    yield from synthesise_into(folder, model, network, {layer: [aim]}, Push(PRESETS[DEFAULT]), DEFAULT)
    return folder


def kept_folder(model: Model) -> Path:
    """Where pictures of a model are kept: of these weights with this preprocessing."""
    name = file_names([model.name])[model.name]
    return KEPT.expanduser() / f"{name}-{model.hash[:8]}-{model.preprocessing.hash[:8]}"


def kept_pictures(model: Model) -> UnitPictures | None:
    """The pictures in `kept_folder`; None if there are none yet."""
    try:
        return open_unit_pictures(kept_folder(model))
    except ExportError:
        return None


def picture_path(folder: Path, layer: str, aim: Aim) -> Path:
    """Where the picture for an aim is written; its record has the ending ``.json``."""
    return unit_folder(folder, layer, aim.unit) / f"{SYNTHESISED}_{aim.seed:03d}_seed{aim.seed}.png"


def _batches(aims: Mapping[str, Sequence[Aim]], size: int) -> Iterator[tuple[str, Sequence[Aim]]]:
    """Layer by layer, at most ``size`` aims at a time."""
    for layer, wanted in aims.items():
        for first in range(0, len(wanted), size):
            yield layer, wanted[first : first + size]


def _counted(
    work: Generator[Progress, None, list[Synthesised]], layer: str, done: int, pictures: int, total: int
) -> Generator[Progress, None, list[Synthesised]]:
    while True:
        try:
            step = next(work)
        except StopIteration as stop:
            return list(stop.value)
        yield Progress(done + step.done * pictures, total, f"{layer}: steps of pictures")


def _settings(model: Model, push: Push, preset: str) -> dict[str, Any]:
    """What a picture depends on beside layer, unit and seed."""
    start = push.start if isinstance(push.start, str) else hashlib.sha256(push.start.tobytes()).hexdigest()
    return {
        "model": model.name,
        "weights_hash": model.hash,
        "preprocessing_hash": model.preprocessing.hash,
        "preprocessing": model.preprocessing.to_dict() | {"mean_image": model.preprocessing.mean_image is not None},
        "preset": preset,
        "prior": repr(push.prior),
        "position": push.position if isinstance(push.position, str) else list(push.position),
        "start": start,
        "whole": push.whole,
    }


def _is_done(folder: Path, layer: str, aim: Aim, settings: dict[str, Any]) -> bool:
    path = picture_path(folder, layer, aim)
    if not path.exists():
        return False
    record = path.with_suffix(".json")
    if not record.exists():
        raise ExportError(f"{path}: is there without {record.name}; give another folder, or --fresh to make it anew")
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        other = [name for name, value in settings.items() if known.get(name) != value]
    except (OSError, ValueError, AttributeError) as error:
        raise ExportError(f"{record}: is no record of a picture; give another folder, or --fresh") from error
    if other:
        raise ExportError(
            f"{path}: was made with another {' and '.join(other)}; give another folder or seed, or --fresh to make it"
            " anew"
        )
    return True


def _write(folder: Path, layer: str, made: Synthesised, settings: dict[str, Any]) -> None:
    """The record first: a picture that is there has one, and it is its own."""
    path = picture_path(folder, layer, made.aim)
    path.unlink(missing_ok=True)
    record = {
        "layer": layer,
        "unit": made.aim.unit,
        "seed": made.aim.seed,
        "activation": made.activation,
        "activation_at_start": made.start,
        "box": list(made.box),
        **settings,
        "version": version("deepvis-caffe"),
    }
    write_text(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    write_bytes(path, encoded_picture(path, made.pixels))
