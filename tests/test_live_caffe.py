"""The process of real Caffe that stays."""

from __future__ import annotations

import os

import pytest

from tests.live_caffe import LiveCaffe


@pytest.fixture
def live(real_caffe):
    live = LiveCaffe(real_caffe.python)
    yield live
    live.close()


@pytest.mark.caffe
def test_scripts_follow_each_other(live, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for number, folder in enumerate((one, other)):
        folder.mkdir()
        (folder / "mine.py").write_text(f"number = {number}")
    script = "import mine, os\nprint(mine.number, os.getcwd(), os.getpid())"
    answers = [live.run(script, folder).split() for folder in (one, other)]
    assert [answer[:2] for answer in answers] == [["0", str(one)], ["1", str(other)]]
    assert answers[0][2] == answers[1][2] != str(os.getpid())
    with pytest.raises(AssertionError, match="NameError: name 'mine' is not defined"):
        live.run("mine", one)
    assert live.run("print('goes on')", one) == "goes on\n"


@pytest.mark.caffe
def test_a_script_that_ends_caffe(live, tmp_path):
    (tmp_path / "net.prototxt").write_text('layer { name: "a" type: "Nonsense" top: "b" }')
    with pytest.raises(AssertionError, match=r"real Caffe gave up: .*Unknown layer type: Nonsense"):
        live.run("import caffe; caffe.Net('net.prototxt', caffe.TEST)", tmp_path)
    assert live.run("import caffe; print(caffe.__version__)", tmp_path) == "1.0.0\n"
