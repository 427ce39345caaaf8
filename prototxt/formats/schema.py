"""Caffe's messages as classes, made from ``caffe.proto`` (which says what every field is) through ``caffe.desc``.

The classes live in a descriptor pool of their own, so that another ``caffe_pb2`` in the same process does not clash
with them. Layers of forks (``extensions.proto``) are in them too; the linter of stock Caffe says so.
``schema.pyi`` tells editors and mypy their fields; ``tools/compile_schema.py`` makes both files anew.
"""

from importlib.resources import files

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass as message_class  # noqa: N813


def _file(name):
    (file,) = FileDescriptorSet.FromString(files("prototxt.formats").joinpath(name).read_bytes()).file
    return file


def _extended(stock, extensions):
    """Caffe's file with further messages, and further fields: those of LayerExtensions become LayerParameter's."""
    messages = {message.name: message for message in stock.message_type}
    for message in extensions.message_type:
        extended = messages.get(message.name.replace("Extensions", "Parameter"))
        if extended:
            extended.field.extend(message.field)
        else:
            stock.message_type.append(message)
    return stock


_EXTENSIONS = _file("extensions.desc")
EXTENSION_FIELDS = frozenset(field.name for field in _EXTENSIONS.message_type[0].field)
EXTENSION_MESSAGES = frozenset(message.name for message in _EXTENSIONS.message_type)

_FILE = _extended(_file("caffe.desc"), _EXTENSIONS)
POOL = DescriptorPool()
POOL.Add(_FILE)
DESCRIPTOR = POOL.FindFileByName(_FILE.name)


def _message(name):
    return message_class(DESCRIPTOR.message_types_by_name[name])


Phase = EnumTypeWrapper(DESCRIPTOR.enum_types_by_name["Phase"])
TRAIN, TEST = Phase.TRAIN, Phase.TEST

BlobShape = _message("BlobShape")
BlobProto = _message("BlobProto")
BlobProtoVector = _message("BlobProtoVector")
Datum = _message("Datum")
FillerParameter = _message("FillerParameter")
NetParameter = _message("NetParameter")
SolverParameter = _message("SolverParameter")
SolverState = _message("SolverState")
NetState = _message("NetState")
NetStateRule = _message("NetStateRule")
ParamSpec = _message("ParamSpec")
LayerParameter = _message("LayerParameter")
TransformationParameter = _message("TransformationParameter")
LossParameter = _message("LossParameter")
AccuracyParameter = _message("AccuracyParameter")
ArgMaxParameter = _message("ArgMaxParameter")
ClipParameter = _message("ClipParameter")
ConcatParameter = _message("ConcatParameter")
BatchNormParameter = _message("BatchNormParameter")
BiasParameter = _message("BiasParameter")
ContrastiveLossParameter = _message("ContrastiveLossParameter")
ConvolutionParameter = _message("ConvolutionParameter")
CropParameter = _message("CropParameter")
DataParameter = _message("DataParameter")
DropoutParameter = _message("DropoutParameter")
DummyDataParameter = _message("DummyDataParameter")
EltwiseParameter = _message("EltwiseParameter")
ELUParameter = _message("ELUParameter")
EmbedParameter = _message("EmbedParameter")
ExpParameter = _message("ExpParameter")
FlattenParameter = _message("FlattenParameter")
HDF5DataParameter = _message("HDF5DataParameter")
HDF5OutputParameter = _message("HDF5OutputParameter")
HingeLossParameter = _message("HingeLossParameter")
ImageDataParameter = _message("ImageDataParameter")
InfogainLossParameter = _message("InfogainLossParameter")
InnerProductParameter = _message("InnerProductParameter")
InputParameter = _message("InputParameter")
LogParameter = _message("LogParameter")
LRNParameter = _message("LRNParameter")
MemoryDataParameter = _message("MemoryDataParameter")
MVNParameter = _message("MVNParameter")
ParameterParameter = _message("ParameterParameter")
PoolingParameter = _message("PoolingParameter")
PowerParameter = _message("PowerParameter")
PythonParameter = _message("PythonParameter")
RecurrentParameter = _message("RecurrentParameter")
ReductionParameter = _message("ReductionParameter")
ReLUParameter = _message("ReLUParameter")
ReshapeParameter = _message("ReshapeParameter")
ScaleParameter = _message("ScaleParameter")
SigmoidParameter = _message("SigmoidParameter")
SliceParameter = _message("SliceParameter")
SoftmaxParameter = _message("SoftmaxParameter")
SwishParameter = _message("SwishParameter")
TanHParameter = _message("TanHParameter")
TileParameter = _message("TileParameter")
ThresholdParameter = _message("ThresholdParameter")
WindowDataParameter = _message("WindowDataParameter")
SPPParameter = _message("SPPParameter")
V1LayerParameter = _message("V1LayerParameter")
V0LayerParameter = _message("V0LayerParameter")
PReLUParameter = _message("PReLUParameter")

PermuteParameter = _message("PermuteParameter")
NormalizeParameter = _message("NormalizeParameter")
PriorBoxParameter = _message("PriorBoxParameter")
NonMaximumSuppressionParameter = _message("NonMaximumSuppressionParameter")
SaveOutputParameter = _message("SaveOutputParameter")
DetectionOutputParameter = _message("DetectionOutputParameter")
InterpParameter = _message("InterpParameter")
UpsampleParameter = _message("UpsampleParameter")
ReorgParameter = _message("ReorgParameter")
ShuffleChannelParameter = _message("ShuffleChannelParameter")

__all__ = ["DESCRIPTOR", "TEST", "TRAIN", "Phase", *DESCRIPTOR.message_types_by_name]
