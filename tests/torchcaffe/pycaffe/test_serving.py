"""The three ways in which ``import caffe`` gives torchcaffe, and that it takes no other Caffe's place unasked."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from importlib import import_module

import pytest

import torchcaffe
from prototxt.common.errors import InputError
from torchcaffe.__main__ import main
from torchcaffe.serving import FOLDER, install, served_as_caffe

SCRIPT = """
import sys
import caffe
import caffe.io, caffe.draw, caffe.coord_map
from caffe import layers as L, params as P
from caffe.proto import caffe_pb2
from caffe.proto.caffe_pb2 import NetParameter, TRAIN
from caffe.net_spec import Top
from caffe._caffe import BlobVec

caffe.set_mode_cpu()
net = caffe.to_proto(L.ReLU(L.Input(shape=dict(dim=[1, 2]))))
with open("net.prototxt", "w") as file:
    file.write(str(net))
caffe.log("a line")
print(caffe.Net("net.prototxt", caffe.TEST).outputs, sys.argv[1:], caffe.__version__)
sys.exit(3)
"""
OTHER = "__version__ = '0.0'\n"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A script, and a way to run it as a program of its own."""
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.delenv("GLOG_minloglevel", raising=False)

    def run(*command, **environment):
        environment = os.environ | environment
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment, timeout=120
        )

    return run


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Another Caffe that is installed."""
    package = tmp_path / "installed/caffe"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(OTHER)
    (package / "io.py").write_text("")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setattr(logging.getLogger("torchcaffe"), "handlers", [])
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "caffe"}
    for name in before:
        del sys.modules[name]
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "caffe"]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.mark.parametrize("way", ["run", "path"])
def test_a_program_that_imports_caffe(program, way, capsys):
    if way == "run":
        done = program(sys.executable, "-m", "torchcaffe", "run", "script.py", "-solver", "x")
    else:
        main(["path"])
        folder = capsys.readouterr().out.strip()
        paths = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        done = program(sys.executable, "script.py", "-solver", "x", PYTHONPATH=paths)
    assert done.stdout == "['ReLU1'] ['-solver', 'x'] 1.0.0\n", done.stderr
    assert done.returncode == 3
    assert done.stderr.rstrip().endswith("] a line")  # the log is on stderr, as Caffe's is


def test_install_in_a_program(served):
    import caffe
    import caffe.io

    assert caffe is served
    assert caffe.Net is torchcaffe.Net
    assert caffe.io.Transformer is torchcaffe.io.Transformer
    assert install() is caffe  # and once more


def test_the_log_is_shown_once(served, tmp_path, monkeypatch, capsys):
    """By a program that has said import caffe, and by a command that it runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "d" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 } } }'
    )
    served.log("a line")
    main(["time", "-model", "net.prototxt", "-iterations", "1"])
    served.log("another line")
    shown = capsys.readouterr().err
    for line in ("] a line", "Use CPU", "] another line"):
        assert shown.count(line) == 1
    served.init_log(1)
    served.log("not this one")
    assert "not this one" not in capsys.readouterr().err


def test_another_caffe_stays_where_it_is(other):
    with pytest.raises(InputError, match=r"another Caffe, .*installed/caffe/__init__.py; .*replace=True"):
        install()
    import caffe

    assert caffe.__version__ == "0.0"
    with pytest.raises(InputError, match="another Caffe"):
        install()


def test_unless_it_is_replaced(other, monkeypatch):
    import_module("caffe.io")
    before = sys.modules["caffe"]
    monkeypatch.setattr(sys, "path", [*sys.path])
    caffe = install(replace=True)
    assert caffe is not before
    assert caffe.Net is torchcaffe.Net
    assert str(import_module("caffe.io").__file__).startswith(str(FOLDER))


def test_served_for_a_while(other):
    import_module("caffe.io")
    with served_as_caffe():
        assert import_module("caffe").Net is torchcaffe.Net
        assert import_module("caffe.io").load_image is torchcaffe.io.load_image
    assert sys.modules["caffe"].__version__ == "0.0"
    assert sys.modules["caffe.io"].__file__ == str(other / "io.py")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run"], "run needs a script"),
        (["run", "gone.py"], "there is no script gone.py"),
        (["path", "x"], "path takes no arguments; got x"),
    ],
)
def test_bad_arguments(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    assert sentence in capsys.readouterr().err


def test_layers_of_the_package_are_pycaffes_too():
    top = torchcaffe.layers.Convolution(torchcaffe.layers.Input(), num_output=3)
    assert top.to_proto().layer[1].convolution_param.num_output == 3
    with pytest.raises(AttributeError, match="no attribute 'konvolution'"):
        _ = torchcaffe.layers.konvolution
