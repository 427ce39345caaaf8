import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from prototxt.formats import schema
from prototxt.formats.schema import LayerParameter, NetParameter, SolverParameter

TOOL = runpy.run_path(str(Path(__file__).resolve().parents[3] / "tools/compile_schema.py"))
FOLDER, compile_descriptors, compile_stub = (TOOL[name] for name in ("FOLDER", "compile_descriptors", "compile_stub"))

# Fields of caffe.proto as real Caffe's own descriptors list them; printed by its Python.
LIST_FIELDS = """
from caffe.proto import caffe_pb2
def show(name, enum):
    for value in enum.values:
        print("enum", name, value.name, value.number, sep="|")
for message in caffe_pb2.DESCRIPTOR.message_types_by_name.values():
    for f in message.fields:
        kind = f.message_type.full_name if f.message_type else f.enum_type.full_name if f.enum_type else f.type
        default = f.default_value if f.label != 3 and not f.message_type else None
        packed = bool(f.has_options and f.GetOptions().packed)
        print(message.full_name, f.name, f.number, kind, f.label, repr(default), packed, sep="|")
    for name, enum in message.enum_types_by_name.items():
        show(message.name + "." + name, enum)
for name, enum in caffe_pb2.DESCRIPTOR.enum_types_by_name.items():
    show(name, enum)
"""


def test_descriptor_set_and_stub_are_those_of_the_proto():
    for name in ("caffe", "extensions"):
        compiled = descriptor_pb2.FileDescriptorSet.FromString(compile_descriptors(FOLDER / f"{name}.proto"))
        kept = descriptor_pb2.FileDescriptorSet.FromString((FOLDER / f"{name}.desc").read_bytes())
        assert compiled == kept, "run python tools/compile_schema.py"
    stub = compile_stub(FOLDER / "caffe.proto", FOLDER / "extensions.proto")
    assert [line for line in stub.splitlines() if line.startswith("class ")] == [
        line for line in (FOLDER / "schema.pyi").read_text().splitlines() if line.startswith("class ")
    ]


def test_every_message_of_the_proto_is_a_class_of_the_module():
    for name, descriptor in schema.DESCRIPTOR.message_types_by_name.items():
        assert getattr(schema, name).DESCRIPTOR is descriptor
    assert (schema.TRAIN, schema.TEST) == (0, 1)


def test_another_caffe_pb2_in_the_process_does_not_clash():
    script = (
        "from google.protobuf import descriptor_pb2, descriptor_pool\n"
        "other = descriptor_pb2.FileDescriptorProto(name='caffe.proto', package='caffe', syntax='proto2')\n"
        "other.message_type.add(name='NetParameter')\n"
        "descriptor_pool.Default().Add(other)\n"
        "descriptor_pool.Default().FindMessageTypeByName('caffe.NetParameter')\n"
        "from prototxt.formats.schema import NetParameter\n"
        "import pickle\n"
        "assert pickle.loads(pickle.dumps(NetParameter(name='n'))).name == 'n'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_wire_tags_are_caffes():
    assert NetParameter(layer=[LayerParameter()]).SerializeToString() == b"\xa2\x06\x00"
    assert schema.BlobProto(data=[1.0]).SerializeToString() == b"\x2a\x04\x00\x00\x80\x3f"
    assert LayerParameter(loss_weight=[1.0, 1.0]).SerializeToString() == b"\x2d\x00\x00\x80\x3f" * 2  # unpacked


@pytest.mark.parametrize(
    ("message", "field", "default"),
    [
        (SolverParameter, "solver_mode", 1),
        (SolverParameter, "type", "SGD"),
        (schema.PoolingParameter, "stride", 1),
        (schema.LRNParameter, "beta", 0.75),
        (schema.NetState, "phase", 1),
        (schema.ParamSpec, "lr_mult", 1.0),
        (schema.EltwiseParameter, "operation", 1),
    ],
)
def test_defaults_that_matter(message, field, default):
    assert getattr(message(), field) == default


@pytest.mark.caffe
def test_every_field_is_real_caffes(real_caffe):
    theirs = set(real_caffe.run_python(LIST_FIELDS).stdout.splitlines())
    ours = set()
    for message in schema.DESCRIPTOR.message_types_by_name.values():
        if message.name in schema.EXTENSION_MESSAGES:
            continue
        for f in message.fields:
            if f.number > 20000:  # an extension
                continue
            kind = f.message_type or f.enum_type
            label = 3 if f.is_repeated else 2 if f.is_required else 1
            default = f.default_value if not f.is_repeated and not f.message_type else None
            packed = f.GetOptions().packed
            row = (
                message.full_name,
                f.name,
                f.number,
                kind.full_name if kind else f.type,
                label,
                repr(default),
                packed,
            )
            ours.add("|".join(map(str, row)))
        for name, enum in message.enum_types_by_name.items():
            ours |= {f"enum|{message.name}.{name}|{value.name}|{value.number}" for value in enum.values}
    for name, enum in schema.DESCRIPTOR.enum_types_by_name.items():
        ours |= {f"enum|{name}|{value.name}|{value.number}" for value in enum.values}
    assert len(ours) > 400
    assert ours ^ {row for row in theirs if row.count("|") >= 3} == set()
