"""Compile the .proto files of `prototxt.formats` into ``.desc`` (run time) and ``schema.pyi`` (mypy, editors).

Needs grpcio-tools; run it after every change of them: ``python tools/compile_schema.py``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

_EXTENSIONS = re.compile(r"message (\w+)Extensions \{\n(.*?)\n\}\n", re.DOTALL)  # of XParameter
FOLDER = Path(__file__).resolve().parents[1] / "prototxt/formats"

# What schema.py offers beside the messages; appended to the stub that protoc writes.
BESIDE_THE_MESSAGES = """
POOL: _descriptor_pool.DescriptorPool
EXTENSION_FIELDS: frozenset[str]
EXTENSION_MESSAGES: frozenset[str]

def message_class(descriptor: _descriptor.Descriptor) -> type[_message.Message]: ...
"""


def compile_descriptors(proto: Path) -> bytes:
    """Compile one .proto file to its serialized FileDescriptorSet; those that it imports lie beside it.

    Raises
    ------
    subprocess.CalledProcessError : if protoc refuses the file; what it says is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        _protoc(proto.parent, f"--descriptor_set_out={folder}/set", proto.name)
        return Path(folder, "set").read_bytes()


def compile_stub(stock: Path, extensions: Path) -> str:
    """Make the text of the type stub for ``schema.py``: of one file in which the extensions are among the rest."""
    text, added = stock.read_text(), extensions.read_text()
    added = added.partition('import "caffe.proto";')[2]
    for fields in _EXTENSIONS.finditer(added):
        text = text.replace(f"message {fields[1]}Parameter {{\n", f"message {fields[1]}Parameter {{\n{fields[2]}\n")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, stock.name).write_text(text + re.sub(_EXTENSIONS, "", added))
        _protoc(Path(folder), f"--pyi_out={folder}", stock.name)
        stub = Path(folder, f"{stock.stem}_pb2.pyi").read_text()
    return "from google.protobuf import descriptor_pool as _descriptor_pool\n" + stub + BESIDE_THE_MESSAGES


def _protoc(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", *arguments], check=True)


def main() -> None:
    """Write the files beside the .proto files."""
    stock, extensions = FOLDER / "caffe.proto", FOLDER / "extensions.proto"
    for proto in (stock, extensions):
        proto.with_suffix(".desc").write_bytes(compile_descriptors(proto))
    (FOLDER / "schema.pyi").write_text(compile_stub(stock, extensions))


if __name__ == "__main__":
    main()
