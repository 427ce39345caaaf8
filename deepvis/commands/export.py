"""``deepvis export``: what a scan found, as pictures, contact sheets, web pages, or the older tools' folders."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from deepvis.commands.errors_shown import print_errors
from deepvis.commands.option_types import Number, Place, SettingsPlace, Switch, Text, WeightsPlace, Workers
from deepvis.compute.facts import BINNING
from deepvis.engines.trace import HitTracer
from deepvis.errors import SettingsError
from deepvis.export.job import Job
from deepvis.export.run import export
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from deepvis.session.model_of_settings import opening_settings
from deepvis.settings.settings import Settings, override, read_settings
from entropy import read_plan
from entropy.errors import ScanError
from entropy.measuring import scan_layout as layout
from prototxt.common.progress import with_bar

SIZES = range(16, 513)

Form = Literal["patches", "sheets", "atlas", "folders"]
Mode = Literal["gradient", "deconv", "guided"]


def export_command(
    model: Annotated[Path, tyro.conf.Positional],
    form: Annotated[Form, tyro.conf.Positional],
    /,
    *,
    out: Path,
    scan: Place = None,
    layers: tuple[str, ...] = (),
    patches: Number = None,
    back: Annotated[tuple[Mode, ...], tyro.conf.arg(help_behavior_hint="")] = (),
    least: Switch = False,
    size: int = 80,
    plan: Place = None,
    images: Place = None,
    weights: WeightsPlace = None,
    device: Text = None,
    batch: int = 8,
    workers: Workers = None,
    settings: SettingsPlace = None,
) -> None:
    """Write what a scan found into a folder that needs nothing else to be looked at.

    Parameters
    ----------
    model
        folder of a conversion, conversion.json, or prototxt: the model that was scanned.
    form
        patches: every patch a PNG, and a table; sheets: contact sheets as PNG; atlas: web pages; folders: unit folders
        as arikpoz's toolbox writes and reads them.
    out
        the folder to write; what an earlier export wrote there is replaced.
    scan
        the scan.h5; by default the one beside the model.
    layers
        layers to export; all that were scanned if none is given.
    patches
        patches per unit; all that the scan kept if it is not given.
    back
        gradient, deconv, guided: back-propagation of every patch too.
    least
        the images that speak most against each unit too, if the scan kept them.
    size
        side of a patch on sheets and in the atlas, in pixels.
    plan
        plan.json with learning-rate multipliers, for the atlas; by default the one beside the scan.
    images
        folder of the images, if it is not where it was scanned.
    device
        auto, cpu, mps, cuda, or cuda:N; for back-propagation.
    batch
        images per pass.
    """
    wishes = override(
        read_settings(settings), model=model, weights=weights, scan=scan, plan=plan, device=device, workers=workers
    )
    _check_numbers(patches, size, batch)
    file = wishes.scan or (model if model.is_dir() else model.parent) / "scan.h5"
    with Scan(file) as opened:
        scanned = _same_model(with_bar(opening_settings(wishes)), opened)
        job = Job(
            scan=opened,
            layers=layers or tuple(opened.layers),
            count=patches,
            size=size,
            tracer=HitTracer(scanned, tuple(dict.fromkeys(back)), wishes.device) if back else None,
            least=least,
            **_from_plan(wishes, opened),
            root=images,
            batch=batch,
            workers=wishes.workers,
        )
        with_bar(export(form, job, out))
    print(out / "index.html" if form == "atlas" else out)
    print_errors("images could not be used; their patches are left out:", job.errors)


def _check_numbers(patches: int | None, size: int, batch: int) -> None:
    if patches is not None and patches < 1:
        raise SettingsError(f"--patches {patches}: must be at least 1")
    if batch < 1:
        raise SettingsError(f"--batch {batch}: must be at least 1")
    if size not in SIZES:
        raise SettingsError(f"--size {size}: must be {SIZES.start} to {SIZES.stop - 1} pixels")


def _same_model(model: Model, scan: Scan) -> Model:
    """The model with the preprocessing that it was scanned with; a `ScanError` if the scan is of another model."""
    same = replace(model, preprocessing=scan.preprocessing)
    reason = scan.stale_reason(same)
    if reason is not None:
        raise ScanError(reason)
    return same


def _from_plan(settings: Settings, scan: Scan) -> dict[str, Any]:
    """Multipliers, bins and quantile of the plan that was asked for or lies beside the scan; empty without one."""
    beside = scan.path.parent / "plan.json"
    file = settings.plan or (beside if beside.is_file() else None)
    if file is None:
        return {}
    plan = read_plan(file)
    if plan.weights_hash not in ("", scan.file.attrs[layout.MODEL_HASH]):
        sentence = f"{file}: was made for other weights than these; measure and plan again"
        if settings.plan:
            raise ScanError(sentence)
        print(sentence, file=sys.stderr)
        return {}
    measured: dict[str, Any] = {name: plan.measured[name] for name in BINNING if name in plan.measured}
    return {"multipliers": plan.multipliers, **measured}
