"""Compile ``caffe.proto`` of `prototxt.formats` into ``caffe.desc`` (run time) and ``schema.pyi`` (mypy, editors).

Needs grpcio-tools; run it after every change of caffe.proto: ``python tools/compile_schema.py``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "prototxt/formats"

# What schema.py offers beside the messages; appended to the stub that protoc writes.
BESIDE_THE_MESSAGES = """
POOL: _descriptor_pool.DescriptorPool

def message_class(descriptor: _descriptor.Descriptor) -> type[_message.Message]: ...
"""


def compile_schema(proto: Path) -> tuple[bytes, str]:
    """Compile one .proto file.

    Parameters
    ----------
    proto : the file; it imports no other.

    Returns
    -------
    Its serialized FileDescriptorSet, and the text of the type stub for ``schema.py``.

    Raises
    ------
    subprocess.CalledProcessError : if protoc refuses the file; what it says is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto.parent}", f"--pyi_out={folder}"]
        subprocess.run([*command, f"--descriptor_set_out={folder}/set", proto.name], check=True)
        stub = Path(folder, f"{proto.stem}_pb2.pyi").read_text()
        imports = "from google.protobuf import descriptor_pool as _descriptor_pool\n"
        return Path(folder, "set").read_bytes(), imports + stub + BESIDE_THE_MESSAGES


def main() -> None:
    """Write both files beside caffe.proto."""
    descriptor_set, stub = compile_schema(FOLDER / "caffe.proto")
    (FOLDER / "caffe.desc").write_bytes(descriptor_set)
    (FOLDER / "schema.pyi").write_text(stub)


if __name__ == "__main__":
    main()
