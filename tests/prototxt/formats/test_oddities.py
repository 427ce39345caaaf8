"""The edges of the text format: what Caffe's own ``upgrade_net_proto_text`` takes is read, the rest is refused."""

import re

import pytest
from google.protobuf import text_format

from prototxt.common.errors import FormatError
from prototxt.formats.forks import fork_fields
from prototxt.formats.schema import DESCRIPTOR, POOL, NetParameter
from prototxt.formats.text import parse_net, read_net, read_solver
from tests.conftest import RealCaffe
from tests.prototxt.formats.oddities import BOOLS, FLOATS, REFUSED, SIGNED, STRINGS, TAKEN, UNSIGNED, net


@pytest.mark.parametrize("text", TAKEN)
def test_what_caffe_takes_is_read(text):
    parse_net(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_caffe_refuses_is_one_sentence_with_its_line(text):
    with pytest.raises(FormatError, match=r"^net\.prototxt:\d+: ") as error:
        parse_net(text, "net.prototxt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("written", "value", "read"),
    [
        (FLOATS, "- 1", -1),
        (FLOATS, "1.5f", 1.5),
        (FLOATS, "- inf", float("-inf")),
        (UNSIGNED, "010", 8),
        (UNSIGNED, "0x10", 16),
        (SIGNED, "-010", -8),
        (BOOLS, "00", False),
        (BOOLS, "0x1", True),
        (STRINGS, r'"\400"', ["\0"]),
        (STRINGS, r'"\1012"', ["A2"]),
        (STRINGS, r'"\ud83d\ude00"', ["😀"]),
        (STRINGS, r'"\303\251"', ["é"]),
        (STRINGS, r'"\351"', ["é"]),  # Latin-1, as it is no UTF-8
        (STRINGS, "'a' \"b\"", ["ab"]),
        (STRINGS, '"a\x01b"', ["a\x01b"]),
    ],
)
def test_values(written, value, read):
    layer = parse_net(net(written.format(value))).layer[0]
    name = re.findall(r"\w+(?=: )", written)[-1]
    assert (layer.bottom if written == STRINGS else getattr(layer.ListFields()[-1][1], name, None)) == read or (
        layer.param[0].lr_mult == read
    )


UPGRADE = """
import ctypes, glob

caffe = ctypes.CDLL("libcaffe.so.1.0.0")
make = caffe._ZN5caffe12NetParameterC1EPN6google8protobuf5ArenaE
read = caffe._ZN5caffe21ReadProtoFromTextFileEPKcPN6google8protobuf7MessageE
name_of_upgrade = "_ZN5caffe18UpgradeNetAsNeededERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
upgrade = getattr(caffe, name_of_upgrade + "PNS_12NetParameterE")
write = caffe._ZN5caffe20WriteProtoToTextFileERKN6google8protobuf7MessageEPKc
read.restype = upgrade.restype = ctypes.c_bool

class Text(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_size_t), ("room", ctypes.c_char * 16)]

for path in glob.glob("*.prototxt"):
    net = ctypes.create_string_buffer(4096)
    make(net, None)
    name = path.encode()
    if read(name, net):
        upgrade(ctypes.byref(Text(name, len(name))), net)
        write(net, name + b".out")
"""
"""What ``upgrade_net_proto_text`` does with a file, for all files of a folder in one process of real Caffe."""


@pytest.mark.caffe
def test_real_caffe_takes_and_refuses_the_same(real_caffe: RealCaffe, tmp_path):
    texts = [*TAKEN, *REFUSED]
    for index, text in enumerate(texts):
        (tmp_path / f"{index}.prototxt").write_text(text, "utf-8", newline="")
    real_caffe.run_python(UPGRADE, cwd=tmp_path)
    for index, text in enumerate(texts):
        written = tmp_path / f"{index}.prototxt.out"
        assert written.exists() == (text in TAKEN), text
        if written.exists():
            assert str(_with_pythons_library(written)) == str(parse_net(text)), text  # as text: NaN is no NaN


def _with_pythons_library(path):
    try:
        return text_format.Parse(path.read_bytes(), NetParameter(), descriptor_pool=POOL)
    except text_format.ParseError:  # it takes no string that is not UTF-8
        return read_net(path)


@pytest.mark.parametrize(
    "value", [r'"C:\data\net.prototxt"', r'"D:\"', r'"C:\Users\me"', r"'..\x'", r'"a\ b"', r'"C:\a\" }  # mine']
)
def test_backslashes_of_windows_are_one_sentence_about_escaping(value):
    with pytest.raises(
        FormatError, match=r":2: .* (has a backslash that begins no escape|escapes it).* writes a backslash as"
    ):
        parse_net(f'name: "n"\nlayer {{ name: {value}\n}}')


@pytest.mark.parametrize("case", ["windows_path_in_net", "windows_path_trailing", "windows_path_unicode_escape"])
def test_a_windows_path_in_a_solver(case, tmp_path):
    text = {
        "windows_path_in_net": r'net: "C:\data\net.prototxt"',
        "windows_path_trailing": 'net: "D:\\"',
        "windows_path_unicode_escape": r'net: "C:\Users\me\net.prototxt"',
    }[case]
    path = tmp_path / "solver.prototxt"
    path.write_text(f'{text}\nbase_lr: 0.1 lr_policy: "fixed" max_iter: 1\n')
    with pytest.raises(FormatError, match=r"solver\.prototxt:1: .* writes a backslash as"):
        read_solver(path)


def test_a_line_break_in_a_path_is_a_backslash_that_was_not_written_twice():
    with pytest.raises(FormatError, match=r":3: layer 'd': source .*new\" has a control character, as a backslash"):
        parse_net('name: "n"\nlayer { name: "d"\n  image_data_param { source: "C:\\new" } }')
    assert parse_net(r'layer { name: "a\nb" image_data_param { source: "C:\\new" } }').layer[0].name == "a\nb"


def test_one_byte_of_another_encoding_leaves_the_others_alone(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes(b"# Gr\xf6\xdfe\nname: 'na\xc3\xafve' layer { name: '\xe6\x97\xa5\xe6\x9c\xac' type: 'caf\xe9' }")
    read = read_net(path)
    assert (read.name, read.layer[0].name, read.layer[0].type) == ("naïve", "日本", "café")


def test_fork_fields_are_named_with_their_fork_and_stock_caffe_lacks_them():
    for message, field in fork_fields():
        assert field not in DESCRIPTOR.message_types_by_name[message].fields_by_name, field
    with pytest.raises(FormatError, match=r"'roi_pooling_param' in stock Caffe: it belongs to Fast and Faster R-CNN"):
        parse_net(net("roi_pooling_param { pooled_w: 7 }"))


@pytest.mark.parametrize("field", ["roi_crop_param", "my_pooling_param", "deep_convolution_param", "hard_relu_param"])
def test_unknown_settings_are_not_taken_for_other_ones(field):
    with pytest.raises(FormatError, match="belongs to a fork of Caffe, and this project does not know which") as error:
        parse_net(net(f"{field} {{ }}"))
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize(
    ("field", "meant"),
    [("convolutoin_param", "convolution_param"), ("poolingparam", "pooling_param"), ("btm", "bottom")],
)
def test_misspelt_fields(field, meant):
    with pytest.raises(FormatError, match=f"did you mean '{meant}'|its fields are"):
        parse_net(net(f"{field} {{ }}"))
