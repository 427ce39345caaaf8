import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prototxt.common.errors import FormatError
from prototxt.formats.schema import Datum, LayerParameter, NetParameter, SolverParameter
from prototxt.formats.text import parse_message, parse_net, read_net, read_solver, to_text, where, write_message
from prototxt.formats.text_printer import debug_text

LENET = """name: "LeNet"  # a comment with a { brace
layer {
  name: "data"
  type: "Input"
  top: "data"
  input_param { shape: { dim: 1 dim: 1 dim: 28 dim: 28 } }
}
layer {
  name: "pool1" type: "Pooling" bottom: "data" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 }
}
"""


def in_layer(inside):
    return f'name: "n"\nlayer {{\n  name: "conv1"\n  type: "Convolution"\n{inside}\n}}\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (in_layer("convolution_param { num_outptu: 3 }"), "has no field 'num_outptu'; did you mean 'num_output'?"),
        (in_layer("foo: 3"), "LayerParameter has no field 'foo'; "),
        (in_layer("pooling_param { pool: MEAN }"), "pool must be MAX, AVE or STOCHASTIC; got MEAN"),
        (in_layer("pooling_param { pool: 9 }"), "pool must be MAX, AVE or STOCHASTIC; got 9"),
        (in_layer('type: "ReLU"'), "'type' is given more than once; LayerParameter takes one"),
        (in_layer("convolution_param { num_output: many }"), "num_output must be an integer from 0 to 4294967295"),
        (in_layer("convolution_param { num_output: -1 }"), "4294967295; got -1"),
        (in_layer("param { lr_mult: fast }"), "lr_mult must be a number; got fast"),
        (in_layer("convolution_param { bias_term: maybe }"), "bias_term must be true or false"),
        (in_layer("bottom: data"), 'bottom must be text in quotes, as in "conv1"; got data'),
        (in_layer("convolution_param: 5"), "'convolution_param' holds fields: expected '{' after it"),
        (
            in_layer("relu6_param { }"),
            "relu6_param' in stock Caffe: it belongs to MobileNet's forks; write ReLU6 as ReLU(x)",
        ),
    ],
)
def test_error_names_file_line_layer_and_what_is_allowed(text, sentence):
    with pytest.raises(FormatError) as error:
        parse_net(text, "net.prototxt")
    assert str(error.value).startswith("net.prototxt:5: layer 'conv1': ")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('layer {\n  name: "a"\n', "net.prototxt:2: layer 'a': the block that is open here is never closed; add '}'"),
        ('layer { name: "a" }\n}', "net.prototxt:2: this '}' closes nothing"),
        ('name: "a\nlayer {}', 'net.prototxt:1: the text in quotes "a does not end on its line'),
        ("base_lr: 0.1", "'base_lr' is a field of SolverParameter; this file is a solver's settings"),
        ("@", "net.prototxt:1: expected the name of a field; got '@'"),
        (
            'name: "n"\nlayer { name: "a" }\nlayer { name: "c" clip_param { min: 0 } }',
            "net.prototxt:3: layer 'c': lacks clip_param.max; add what is missing",
        ),
    ],
)
def test_errors_outside_of_a_whole_layer(text, sentence):
    with pytest.raises(FormatError) as error:
        parse_net(text, "net.prototxt")
    assert sentence in str(error.value)


@given(st.text(alphabet='layer{}name:"\n #1.x<>[]', max_size=60))
def test_any_text_is_a_net_or_one_sentence(text):
    try:
        sentence = f"<text> {parse_net(text).name}"
    except FormatError as error:
        sentence = str(error)
    assert sentence.startswith("<text>")


def test_files_that_are_no_prototxt(tmp_path):
    (tmp_path / "junk").write_bytes(bytes(range(256)))
    (tmp_path / "m.caffemodel").write_bytes(b"\x0a\x01n\xa2\x06\x00")
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    for name, sentence in [
        ("missing", "no such file; give the path of a prototxt"),
        (".", "is a folder"),
        ("junk", "is binary, not text; a prototxt is expected here"),
        ("m.caffemodel", "is a binary .caffemodel file, not text"),
        ("m.h5", "is an HDF5 file, not text"),
    ]:
        with pytest.raises(FormatError, match=sentence):
            read_net(tmp_path / name)


def test_old_encodings_and_byte_order_marks(tmp_path):
    (tmp_path / "latin").write_bytes("# Größe\n".encode("latin-1") + LENET.encode())
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf" + LENET.encode())
    assert read_net(tmp_path / "latin") == read_net(tmp_path / "bom") == parse_net(LENET)


def test_solver_is_read_and_upgraded(tmp_path):
    (tmp_path / "solver.prototxt").write_text('net: "n.prototxt"\nsolver_type: ADAM\n')
    solver = read_solver(tmp_path / "solver.prototxt")
    assert (solver.net, solver.type, solver.HasField("solver_type")) == ("n.prototxt", "Adam", False)
    (tmp_path / "net.prototxt").write_text(LENET)
    with pytest.raises(FormatError, match="'name' is a field of NetParameter; this file is a net"):
        read_solver(tmp_path / "net.prototxt")


def test_where_gives_the_line_of_the_layer(tmp_path):
    path = tmp_path / "lenet.prototxt"
    path.write_text(LENET)
    assert where(path, "data") == f"{path}:2"
    assert where(path, "pool1") == f"{path}:8"
    assert where(path, "pool2") == str(path)
    assert where(tmp_path / "gone", "data") == str(tmp_path / "gone")


def test_writing_and_reading_gives_the_same_net(tmp_path):
    net = parse_net(LENET)
    write_message(tmp_path / "out.prototxt", net)
    assert read_net(tmp_path / "out.prototxt") == net
    assert [path.name for path in tmp_path.iterdir()] == ["out.prototxt"]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(max_size=20))
def test_any_text_comes_back_from_both_printers(text, data):
    layer = LayerParameter(name=text, bottom=[text, "b"])
    datum = Datum(data=data)
    for printed in (to_text, debug_text):
        assert parse_message(printed(layer), LayerParameter) == layer
        assert parse_message(printed(datum), Datum) == datum


@given(st.floats(width=32, allow_nan=False))
def test_floats_come_back_from_caffes_form(value):
    printed = debug_text(LayerParameter(loss_weight=[value]))
    back = parse_message(printed, LayerParameter).loss_weight[0]
    assert np.float32(back).tobytes() == np.float32(value).tobytes()


def _digits(number):
    return len("".join(filter(str.isdigit, number.lower().split("e")[0])).strip("0"))


@given(st.floats(width=32, allow_nan=False))
def test_floats_come_back_bit_by_bit_in_short_text(value):
    text = to_text(LayerParameter(loss_weight=[value]))
    back = parse_net(f"layer {{ {text} }}").layer[0].loss_weight[0]
    assert np.float32(back).tobytes() == np.float32(value).tobytes()
    assert _digits(text.split(": ")[1]) <= max(6, _digits(str(np.float32(value))))  # NumPy prints the shortest


@pytest.mark.parametrize(
    ("value", "text"), [(0.01, "0.01"), (0.1, "0.1"), (5e-4, "0.0005"), (1.0, "1.0"), (1e-8, "1e-08")]
)
def test_floats_as_people_write_them(value, text):
    assert to_text(SolverParameter(base_lr=value)) == f"base_lr: {text}\n"


@pytest.mark.caffe
def test_real_caffe_reads_what_we_write(real_caffe, tmp_path):
    net = parse_net(LENET)
    net.layer[1].name = 'pööl "1"'
    net.layer.add(name="drop", type="Dropout", bottom=["pool1"], top=["pool1"]).dropout_param.dropout_ratio = 0.3
    write_message(tmp_path / "net.prototxt", net)
    script = (
        "import sys, caffe; n = caffe.Net(sys.argv[1], caffe.TEST); n.save(sys.argv[2])\n"
        "print(n.blobs['pool1'].data.shape, len(n.layers))"
    )
    done = real_caffe.run_python(script, tmp_path / "net.prototxt", tmp_path / "out.caffemodel")
    assert "(1, 1, 14, 14) 3" in done.stdout
    back = NetParameter.FromString((tmp_path / "out.caffemodel").read_bytes())
    assert back.layer[1].name == 'pööl "1"'
    assert back.layer[2].dropout_param == net.layer[2].dropout_param
