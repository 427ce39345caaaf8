"""The model that a scan was made for: found by its weights."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from converters.files import read_conversion
from deepvis.errors import ModelError
from deepvis.model.files import CONVERSION, WEIGHTS
from deepvis.scan.head import net_hash
from deepvis.scan.reader import Scan
from entropy.measuring import scan_layout as layout
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights, weights_hash
from prototxt.net.phases import filter_net


def model_of_scan(
    scan: Path, cache: Path, known: Iterable[Path] = (), opened: str = ""
) -> Generator[Progress, None, dict[str, Path]]:
    """Find the model that a scan was made for, by its weights: beside it, among the known ones, in the cache.

    Parameters
    ----------
    cache : of converted models.
    known : files and folders of models that were open before.
    opened : hash of the weights of the model that is open.

    Returns
    -------
    Settings for it: ``model``, ``scan``, and ``weights`` if they are not the model's own; nothing if it is open.

    Raises
    ------
    ScanError : if the file is no scan.
    ModelError : if the model is not found; the sentence says what was looked for and where.
    """
    with Scan(scan) as read:
        of_model = (layout.MODEL_HASH, layout.NET, layout.NET_HASH)
        wanted, net, hash_of_net = (layout.text_of(read.file.attrs.get(name, "")) for name in of_model)
    if wanted == opened:
        return {}
    what = f"which model is {scan.name} of?"
    yield Progress(0, 0, what)
    folders = [scan.absolute().parent, *_folders(known)]
    for folder in [*folders, *_existing_folders(cache.expanduser())]:
        if _weights_hash_of_conversion(folder / CONVERSION) == wanted:
            return {"model": folder / CONVERSION, "scan": scan}
    for folder in folders:
        for file in sorted(file for suffix in WEIGHTS for file in folder.glob(f"*{suffix}")):
            yield Progress(0, 0, f"{what} read {file.name}")
            if _weights_hash_of(file) == wanted and (found := _net_of(folder, hash_of_net)) is not None:
                return {"model": found, "weights": file, "scan": scan}
    raise ModelError(
        f"{scan}: was made for the net {net!r} with the weights {wanted[:12]}…, which are neither beside it, nor open, "
        "nor of a model that was open before; open that model and drop the scan on it"
    )


def _folders(known: Iterable[Path]) -> Iterator[Path]:
    for path in known:
        if path.exists():
            yield path if path.is_dir() else path.parent


def _existing_folders(cache: Path) -> list[Path]:
    return sorted(folder for folder in cache.iterdir() if folder.is_dir()) if cache.is_dir() else []


def _weights_hash_of_conversion(file: Path) -> str:
    if not file.is_file():
        return ""
    try:
        return str(read_conversion(file).content["weights_hash"])
    except (InputError, KeyError):
        return ""


def _weights_hash_of(file: Path) -> str:
    try:
        return weights_hash(read_weights(file))
    except InputError:
        return ""


def _net_of(folder: Path, wanted: str) -> Path | None:
    for file in sorted(folder.glob("*.prototxt")):
        try:
            if net_hash(filter_net(read_net(file), "TEST")) == wanted:
                return file
        except InputError:
            continue
    return None
