"""An ONNX file as the source of a conversion."""

from __future__ import annotations

from dataclasses import dataclass

from converters.conversion import Conversion
from converters.onnx.build import Built
from converters.onnx.convert import convert_built
from converters.onnx.file import OnnxFile
from converters.onnx.judge import judge
from converters.source import Description, Source
from converters.state_dict import state_hash
from converters.verdict import Verification


@dataclass(frozen=True, eq=False)
class OnnxSource(Source):
    """A file with the PyTorch module that was built of it."""

    file: OnnxFile | None = None
    built: Built | None = None

    def convert(self, description: Description, title: str, softmax: bool) -> Conversion:
        """See `Source.convert`."""
        assert self.file is not None
        assert self.built is not None
        return convert_built(self.file, self.built, description.preprocessing(), title, softmax)

    def judged(self) -> list[Verification]:
        """What ONNX Runtime, where it is installed, says of the module."""
        assert self.file is not None
        assert self.built is not None
        return judge(self.file, self.built.module)


def built_source(file: OnnxFile) -> OnnxSource:
    """Build a file; errors are those of `OnnxFile.build`."""
    built = file.build()
    about = {
        "onnx": file.path.name,
        "opset": file.graph.opset,
        "weights": file.path.name,
        "weights_hash": state_hash(built.module.state_dict()),
    }
    return OnnxSource(built.module, built.names, about, file=file, built=built)
