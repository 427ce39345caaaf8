"""Programs that run Caffe nets, by name: what a conversion can be verified with."""

from converters.engines.engine import Engine, Job, NotSupportedError
from converters.engines.opencv import OpenCV
from converters.engines.real_caffe import RealCaffe
from converters.engines.torch_caffe import TorchCaffe

ENGINES: dict[str, Engine] = {"torchcaffe": TorchCaffe(), "caffe": RealCaffe(), "opencv": OpenCV()}

__all__ = ["ENGINES", "Engine", "Job", "NotSupportedError"]
