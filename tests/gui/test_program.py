"""The program as a person runs it: a real X server, real key presses, the title as what can be read from outside."""

import os
import subprocess
import sys

import numpy as np
import pytest

from deepvis.model.model import Model
from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import write_weights
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

pytestmark = pytest.mark.gui
PATIENCE = 90  # seconds
NET = """
name: "outside"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 11 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 16 kernel_size: 3 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "fc2" type: "InnerProduct" bottom: "conv1" top: "fc2" inner_product_param { num_output: 5 } }
"""


@pytest.fixture
def model_files(tmp_path):
    net = parse_net(NET, "outside.prototxt")
    random = np.random.default_rng(0)
    weights = {
        layer: [random.normal(size=shape).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    pixels = Preprocessing("BGR", resize="stretch", resize_to=(9, 11), crop=(9, 11))
    model = Model("outside", tmp_path / "outside.prototxt", net, weights, pixels)
    write_message(model.path, net)
    write_weights(tmp_path / "outside.caffemodel", net, weights)
    (tmp_path / "pixels.json").write_text(pixels.to_json())
    (tmp_path / "settings_local.py").write_text("preprocessing = 'pixels.json'\nlayer = 'conv1'\ndevice = 'cpu'\n")
    return model


def test_a_session_with_the_keyboard(model_files, x_server, wait_for, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    environment |= {"DISPLAY": x_server.display, "OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def xdotool(*arguments):
        call = ["xdotool", *arguments]
        return subprocess.run(call, env=environment, capture_output=True, text=True, check=False).stdout.strip()

    program = subprocess.Popen(
        [sys.executable, "-m", "deepvis", str(model_files.path)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Before it there may be a window "Opening outside - DeepVis".
        window = wait_for(lambda: xdotool("search", "--onlyvisible", "--name", ":0 - outside").split("\n")[0], program)

        def title_becomes(start):
            wait_for(lambda: xdotool("getwindowname", window).startswith(start), program)

        title_becomes("conv1:0 - outside")
        xdotool("windowfocus", window)
        for keys, title in (
            (["Right", "l"], "conv1:2 "),
            (["b", "d", "j"], "conv1:1 "),
            (["o"], "fc2:1 "),
            (["h", "Escape", "u"], "conv1:1 "),
        ):
            xdotool("key", "--delay", "60", *keys)
            title_becomes(title)
        xdotool("key", "q")
        _, errors = program.communicate(timeout=PATIENCE)
        assert program.returncode == 0
        assert "Traceback" not in errors
    finally:
        program.kill()
        program.communicate()
