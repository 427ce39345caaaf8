"""Tables of filters as files, CSV and HDF5: the ending of the name says which."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from entropy.errors import ScanError
from entropy.measuring.table import COLUMNS, OPTIONAL_COLUMNS, Provenance, Table
from prototxt.common import atomic

FORMAT = "deepvis-entropy"
VERSION = 1


def write_hdf5(table: Table, path: Path | str) -> None:
    """Write a table as HDF5, whole or not at all: a dataset for every column, provenance as a JSON attribute."""
    with atomic.atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update({"format": FORMAT, "format_version": VERSION, "provenance": table.provenance.to_json()})
        for name in table.columns:
            column = getattr(table, name)
            is_text = column.dtype.kind == "U"
            file.create_dataset(
                name, data=column.astype(object) if is_text else column, dtype=h5py.string_dtype() if is_text else None
            )


def read_hdf5(path: Path | str) -> Table:
    """Read a table that `write_hdf5` wrote.

    Raises
    ------
    ScanError : missing, no HDF5, no table, of a newer version, or without one of the columns.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise ScanError(f"{path}: is no table of entropy measure (its attribute format is not {FORMAT!r})")
            if int(file.attrs["format_version"]) > VERSION:
                raise ScanError(f"{path}: has format version {file.attrs['format_version']}; this program knows "
                                f"{VERSION}: update it")  # fmt: skip
            _refuse_missing(path, set(COLUMNS) - set(file))
            names = [name for name in (*COLUMNS, *OPTIONAL_COLUMNS) if name in file]
            columns: dict[str, Any] = {name: file[name][()] for name in names if name != "layer"}
            columns["layer"] = np.array(file["layer"].asstr()[()].tolist())
            provenance = _provenance(Path(path), [str(file.attrs.get("provenance", ""))])
    except OSError as error:
        raise ScanError(f"{path}: cannot be read ({error}); make it with: python -m entropy measure") from error
    return Table(**columns, provenance=provenance)


def read_csv(path: Path | str) -> Table:
    """Read a table that `Table.write_csv` wrote; rows may have been reordered by a spreadsheet.

    Raises
    ------
    ScanError : missing file, missing column, or a cell that is not what its column holds; names the line.
    """
    path = Path(path)
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScanError(f"{path}: cannot be read ({error}); make it with: python -m entropy measure") from error
    _refuse_missing(path, {*COLUMNS, "provenance"} - set(rows[0] if rows else ()))
    readers = COLUMNS | {name: read for name, read in OPTIONAL_COLUMNS.items() if name in rows[0]}
    values: dict[str, list[Any]] = {name: [] for name in readers}
    for line, row in enumerate(rows, 2):
        for name, read in readers.items():
            try:
                values[name].append(read(row[name]))
            except (ValueError, TypeError) as error:
                raise ScanError(f"{path}:{line}: column {name} holds {row[name]!r}, which is no {name}") from error
    return _in_order(values, _provenance(path, [row["provenance"] for row in rows]))


def _refuse_missing(path: Path | str, missing: set[str]) -> None:
    if missing:
        raise ScanError(
            f"{path}: column {', '.join(sorted(missing))} is missing; it is no table of this version: measure again"
        )


def _provenance(path: Path, cells: list[str]) -> Provenance:
    try:
        return Provenance.from_json(next(cell for cell in cells if cell))
    except (StopIteration, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ScanError(f"{path}: no row holds the provenance of the table; make it again from the scan") from error


def _in_order(values: dict[str, list[Any]], provenance: Provenance) -> Table:
    arrays = {name: np.array(column) for name, column in values.items()}
    place = {layer: number for number, layer in enumerate(provenance.ranges)}
    order = sorted(
        range(len(arrays["h"])),
        key=lambda row: (place.get(values["layer"][row], len(place)), values["index"][row]),
    )
    return Table(**{name: array[order] for name, array in arrays.items()}, provenance=provenance)


FORMATS: dict[str, tuple[Callable[[Table, Path], None], Callable[[Path], Table]]] = {
    ".csv": (Table.write_csv, read_csv),
    ".h5": (write_hdf5, read_hdf5),
    ".hdf5": (write_hdf5, read_hdf5),
}


def write_table(table: Table, path: Path | str) -> None:
    """Write a table in the format that the ending of the name says, one of `FORMATS`; a `ScanError` for another."""
    _format(path)[0](table, Path(path))


def read_table(path: Path | str) -> Table:
    """Read what `write_table` wrote; raises what `read_csv` and `read_hdf5` raise."""
    return _format(path)[1](Path(path))


def check_ending(path: Path | str) -> None:
    """Raise a `ScanError` if the name has none of the endings of `FORMATS`."""
    _format(path)


def _format(path: Path | str) -> tuple[Callable[[Table, Path], None], Callable[[Path], Table]]:
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise ScanError(f"{path}: a table is CSV or HDF5; give a name that ends in {', '.join(FORMATS)}")
    return FORMATS[ending]
