"""The messages between the window and real Caffe, and what happens when a process is not what it should be."""

import ast
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepvis.engines import pycaffe_worker
from deepvis.engines.pycaffe_process import CaffeProcess, WorkerDied, caffe_program
from deepvis.engines.pycaffe_worker import read_message, write_message
from deepvis.errors import ModelError
from prototxt.common import real_caffe


def test_messages_survive_the_way():
    stream = io.BytesIO()
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros((0, 4)), "é": np.float32(3)}
    write_message(stream, {"do": "forward", "wanted": ["conv1@1"]}, arrays)
    write_message(stream, {"ok": True})
    stream.seek(0)
    table, found = read_message(stream)
    assert table == {"do": "forward", "wanted": ["conv1@1"]}
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert read_message(stream) == ({"ok": True}, {})
    with pytest.raises(EOFError):
        read_message(stream)


def test_a_cut_message_is_an_end():
    stream = io.BytesIO()
    write_message(stream, {}, {"a": np.zeros(9)})
    with pytest.raises(EOFError):
        read_message(io.BytesIO(stream.getvalue()[:-1]))


def test_the_worker_needs_nothing_but_numpy_and_caffe():
    tree = ast.parse(Path(pycaffe_worker.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"caffe", "io", "json", "numpy", "os", "struct", "sys"}
    newer = (ast.ImportFrom, ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert all(node.returns is None and not node.args.kwonlyargs for node in functions)  # as Python 2.7 has them


@pytest.fixture
def python_with(tmp_path):
    """This Python with a module called caffe of the test's own."""

    def make(source, name="caffe.py"):
        (tmp_path / "modules").mkdir()
        (tmp_path / "modules" / name).write_text(source)
        program = tmp_path / "python"
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/modules" exec "{sys.executable}" "$@"\n')
        program.chmod(0o755)
        return program

    return make


def test_what_others_print_is_not_in_the_way(python_with):
    noise = "import os\nprint('noise')\nos.system('echo more noise')\ndef set_mode_cpu(): print('cpu')\n"
    process = CaffeProcess(python_with(noise))
    process.wait_until_ready()
    with pytest.raises(ModelError, match="AttributeError: module 'caffe' has no attribute 'Net'"):
        process.ask({"do": "load", "prototxt": "x", "weights": []})
    with pytest.raises(ModelError, match="AttributeError"):
        process.ask({"do": "dance"})
    process.close()


def test_a_python_without_pycaffe_is_told(python_with):
    process = CaffeProcess(python_with("", "other.py"))
    with pytest.raises(ModelError, match="cannot import caffe: No module named 'caffe'; run make caffe"):
        process.wait_until_ready()
    process.close()


def test_what_caffe_says_as_it_ends_is_the_reason(python_with):
    fatal = "F1125 14:00:00.000000  7 layer_factory.hpp:81] Check failed: no such layer"
    source = f"import os, sys\ndef set_mode_cpu():\n    sys.stderr.write('''{fatal}\\n''')\n    os.abort()\n"
    process = CaffeProcess(python_with(source))
    with pytest.raises(WorkerDied, match="does not start: Check failed: no such layer; run make caffe"):
        process.wait_until_ready()
    process.close()


def test_one_that_hangs_is_ended(python_with):
    process = CaffeProcess(python_with("import time\ntime.sleep(600)\n"))
    with pytest.raises(WorkerDied, match=r"did not answer within 0\.5 s and was ended") as caught:
        process.wait_until_ready(patience=0.5)
    assert caught.value.late
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_one_that_is_forgotten_ends_too(python_with):
    process = CaffeProcess(python_with("def set_mode_cpu(): pass\n"))
    process.wait_until_ready()
    number = process.pid
    del process
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_the_worker_ends_with_its_input(python_with):
    done = subprocess.run(
        [python_with("def set_mode_cpu(): pass\n"), pycaffe_worker.__file__], input=b"", capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert read_message(io.BytesIO(done.stdout)) == ({"ok": True}, {})


def test_no_caffe_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path))
    assert real_caffe.find_caffe("caffe-python") is None
    with pytest.raises(ModelError, match=r"no .*bin/caffe-python; run make caffe, or set caffe_python"):
        caffe_program()
    with pytest.raises(ModelError, match=r"caffe_python = '.*gone' is no file"):
        caffe_program(tmp_path / "gone")
    (tmp_path / "text").write_text("no program")
    with pytest.raises(ModelError, match=r"text: cannot be started \(Permission denied\)"):
        CaffeProcess(tmp_path / "text")
