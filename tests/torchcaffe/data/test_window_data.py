"""WindowData against real Caffe, on files of one window of each kind, so that Caffe's draws do not matter."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from prototxt.common.errors import FormatError, NetError
from prototxt.formats.blob import write_blob
from prototxt.formats.text import parse_net
from torchcaffe.data.window_data import WindowData
from torchcaffe.data.window_file import read_window_file
from torchcaffe.network import Network

NET = """
layer {{ name: "data" type: "WindowData" top: "data" top: "label" transform_param {{ {transform} }}
  window_data_param {{ source: "{source}" root_folder: "pictures/" batch_size: 5 fg_fraction: 0.4 {fields} }} }}
"""
INSIDE, CORNER, WIDE, END = (20, 12, 39, 33), (0, 0, 9, 14), (1, 20, 58, 29), (50, 40, 59, 47)
SIZE = 48, 60
CASES = {
    "warp": (INSIDE, CORNER, "crop_size: 21", ""),
    "mean values": (INSIDE, WIDE, "crop_size: 21 mean_value: 104 mean_value: 117 mean_value: 123", ""),
    "one mean value": (END, WIDE, "crop_size: 16 mean_value: 100", "scale: 0.5"),
    "mean image": (INSIDE, CORNER, 'crop_size: 21 mean_file: "mean.binaryproto"', "context_pad: 3"),
    "context": (INSIDE, END, "crop_size: 27", "context_pad: 4"),
    "context at the corner": (CORNER, END, "crop_size: 24 mean_value: 50", "context_pad: 7"),
    "square": (INSIDE, WIDE, "crop_size: 21", 'crop_mode: "square"'),
    "square at the corner": (CORNER, END, "crop_size: 20", 'crop_mode: "square" context_pad: 2'),
    "mirror": (CORNER, END, "crop_size: 20 mirror: true mean_value: 9", 'crop_mode: "square" context_pad: 5'),
}
CAFFE = """
import sys
import caffe
import numpy as np

found = {}
for name in sys.argv[1:]:
    net = caffe.Net(name + ".prototxt", caffe.TRAIN)
    net.forward()
    found[name + "/data"], found[name + "/label"] = (net.blobs[blob].data.copy() for blob in ("data", "label"))
np.savez("caffe.npz", **found)
"""


def write_windows(path: Path, windows: list[tuple[int, float, tuple[int, ...]]]) -> None:
    lines = ["# 0", "one.png", "3", str(SIZE[0]), str(SIZE[1]), str(len(windows))]
    lines += [f"{label} {overlap} {' '.join(map(str, box))}" for label, overlap, box in windows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    coarse = random.integers(0, 256, (12, 15, 3), dtype=np.uint8)
    cv2.imwrite("pictures/one.png", cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC))
    write_blob("mean.binaryproto", random.uniform(90, 130, (1, 3, 25, 25)).astype(np.float32))
    for name, (box, other, transform, fields) in CASES.items():
        write_windows(tmp_path / f"{name}.txt", [(7, 0.6, box), (3, 0.2, other)])
        text = NET.format(transform=transform, fields=fields, source=f"{name}.txt")
        (tmp_path / f"{name}.prototxt").write_text(text)
    return tmp_path


def layer(text: str, seed: int = 0) -> WindowData:
    found = Network(parse_net(text), "TRAIN", seed=seed).layers[0]
    assert isinstance(found, WindowData)
    return found


@pytest.mark.caffe
def test_windows_are_cut_as_by_caffe(folder, real_caffe):
    result = real_caffe.run_python(CAFFE, *CASES, cwd=folder)
    assert result.returncode == 0, result.stdout[-3000:]
    theirs = np.load("caffe.npz")
    for name in CASES:
        found = layer((folder / f"{name}.prototxt").read_text())
        data, label = (tensor.numpy() for tensor in found())
        expected = theirs[f"{name}/data"]
        assert data.shape == expected.shape
        assert label.tolist() == theirs[f"{name}/label"].tolist() == [0, 0, 0, 7, 7]
        if name != "mirror":
            np.testing.assert_allclose(data, expected, atol=1e-4, err_msg=name)
            continue
        windows = read_window_file(Path("mirror.txt"), "pictures/")
        ways = [found.batches.load([(windows[i], 0, way) for i in (1, 1, 1, 0, 0)])[0] for way in (False, True)]
        distance = [np.abs(way - expected).max(axis=(1, 2, 3)) for way in ways]
        assert np.minimum(*distance).max() < 1e-4
        assert np.maximum(*distance).min() > 1


def test_draws_are_repeatable_and_reach_every_window(folder):
    boxes = [(x, 0, x + 9, 9) for x in range(0, 50, 10)]
    write_windows(
        folder / "many.txt", [(i + 1, 0.9 - 0.05 * (i % 2), box) for i, box in enumerate(boxes)] + [(9, 0.1, END)]
    )
    text = NET.format(transform="crop_size: 8 mirror: true", fields="", source="many.txt")
    one, again, other = (layer(text, seed) for seed in (1, 1, 2))
    batches = [[tensor.numpy() for tensor in each()] for each in (one, again, other)]
    np.testing.assert_array_equal(batches[0][0], batches[1][0])
    assert (batches[0][0] != batches[2][0]).any()
    labels = {int(label) for _ in range(30) for label in one()[1]}
    assert labels == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# 1 one.png 3 48 60 0", r"picture 0: must begin with '# 0'; got '# 1'"),
        ("# 0 one.png 1 48 60 0", "channels must be 3; got 1"),
        ("# 0 one.png 3 48 60 2 1 0.7 0 0 5 5", "ends before its last window"),
        ("# 0 one.png 3 48 60 1 1 0.7 0 0 60 5", "window 0 0 60 5 must lie in a picture of 60×48 pixels"),
        ("# 0 one.png 3 48 60 1 1 0.7 0 0 x 5", "invalid literal for int"),
    ],
)
def test_bad_window_files(folder, text, sentence):
    (folder / "bad.txt").write_text(text)
    with pytest.raises(FormatError, match=f"bad.txt: .*{sentence}.*mend the file"):
        read_window_file(Path("bad.txt"))


@pytest.mark.parametrize(
    ("transform", "fields", "sentence"),
    [
        ("crop_size: 8", 'crop_mode: "wrap"', "crop_mode must be warp or square"),
        ("crop_size: 8", "context_pad: 4", "less than half of crop_size 8; got 'warp' and 4"),
        ("crop_size: 8", "fg_fraction: 2", r"fg_fraction must lie in \[0, 1\]"),
        ("crop_size: 8", "fg_threshold: 0.7", "it has 0 and 1"),
        ("crop_size: 26 mean_file: 'mean.binaryproto'", "", r"the mean image has shape \(3, 25, 25\)"),
        ("", "", "needs source and batch_size > 0, transform_param crop_size > 0"),
    ],
)
def test_bad_window_data(folder, transform, fields, sentence):
    fields = fields or "context_pad: 0"
    text = NET.format(transform=transform, fields=fields, source="warp.txt")
    with pytest.raises(NetError, match=sentence):
        layer(text.replace("fg_fraction: 0.4 fg_fraction", "fg_fraction"))


def test_missing_files_and_smaller_pictures(folder):
    with pytest.raises(FormatError, match=r"none\.txt: the window file cannot be read"):
        layer(NET.format(transform="crop_size: 8", fields="", source="none.txt"))
    found = layer((folder / "warp.prototxt").read_text())
    cv2.imwrite("pictures/one.png", np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(NetError, match=r"pictures/one\.png has 10×10 pixels; window .* is outside"):
        found()
    (folder / "pictures/one.png").unlink()
    found.close()
    with pytest.raises(FormatError, match=r"warp\.txt: picture 0: the image pictures/one\.png does not exist"):
        found()
