"""Opening files and saying what a file is that was given where another kind was wanted."""

from __future__ import annotations

import mmap
from pathlib import Path

from prototxt.common.errors import FormatError

FILE_LIMIT = 2**31 - 1  # bytes that Caffe's protobuf reads of one file (io.cpp)
_HEAD = 4096  # bytes that tell text from binary: a caffemodel may begin with a long name
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

# How well-known files begin.
_SIGNATURES = {
    HDF5_SIGNATURE: "an HDF5 file",
    b"PK\x03\x04": "a PyTorch or zip file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a gzip file",
    b"\x80\x02": "a Python pickle",
    b"version https://git-lfs": "a Git LFS pointer, whose file is still to be fetched",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}
KNOWN_KINDS = frozenset(_SIGNATURES.values())
"""What `kind_of` says of files that begin as no text does."""
_BINARY_SUFFIXES = (".caffemodel", ".solverstate", ".binaryproto")


def kind_of(path: Path | str, data: bytes) -> str:
    """Say what a file is that begins with ``data``: "an HDF5 file", "text", "binary" …."""
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            return kind
    if is_text(data):
        return "text (a prototxt?)"
    suffix = Path(path).suffix
    return f"a binary {suffix} file" if suffix in _BINARY_SUFFIXES else "binary"


def is_text(data: bytes) -> bool:
    """Whether no byte is a control character; any encoding that extends ASCII passes."""
    return not any(byte < 32 and byte not in b"\t\n\v\f\r" for byte in set(data))


def read_bytes(path: Path | str, wanted: str, size: int = -1) -> bytes:
    """First ``size`` bytes of a file, or all; ``wanted`` ("a prototxt") says in errors what should be given.

    Raises
    ------
    FormatError : if the file is missing, a folder, or unreadable.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(f"{path}: is a folder; give the path of {wanted} file")
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file; give the path of {wanted} file") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); give the path of {wanted} file") from None


def open_binary(path: Path | str, wanted: str) -> memoryview:
    """Bytes of a file without reading them all at once (memory-mapped).

    Raises
    ------
    FormatError : as `read_bytes`, and if the file is empty or text.
    """
    head = read_bytes(path, wanted, _HEAD)
    if not head:
        raise FormatError(f"{path}: is empty; {wanted} file is expected here")
    if len(head) > 8 and (is_text(head) or kind_of(path, head) in KNOWN_KINDS):
        raise FormatError(f"{path}: is {kind_of(path, head)}; {wanted} file is expected here")
    with Path(path).open("rb") as file:
        # Not closed here: arrays and tracebacks may still refer to it; the mapping goes with the last of them.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def is_hdf5(path: Path | str, wanted: str) -> bool:
    """Whether a file is HDF5, told by its content.

    Raises
    ------
    FormatError : as `read_bytes`, and if the file is called ``….h5`` and is none.
    """
    head = read_bytes(path, wanted, _HEAD)
    hdf5 = head.startswith(HDF5_SIGNATURE)
    if Path(path).suffix == ".h5" and not hdf5:
        raise FormatError(f"{path}: is {kind_of(path, head)}, not HDF5; copy or make it again")
    return hdf5


def refuse_large(path: Path | str, size: int) -> None:
    """Refuse a protobuf file of ``size`` bytes that Caffe cannot read.

    Raises
    ------
    FormatError : naming the HDF5 form of the file.
    """
    if size > FILE_LIMIT:
        raise FormatError(
            f"{path}: {size / 2**30:.2f} GiB are more than the 2 GiB that Caffe reads of one file; "
            f"use {Path(path).name}.h5 (HDF5), which has no limit"
        )
