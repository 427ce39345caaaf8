"""Programs of real Caffe, played by small shell scripts: started, ended, and why they gave up."""

import os
import signal
import subprocess

import pytest

from prototxt.common.errors import CaffeError
from prototxt.common.real_caffe import (
    CaffeExitError,
    caffe_path,
    end_caffe,
    find_caffe,
    last_words,
    lines_of,
    need_caffe,
    run_caffe,
    start_caffe,
)

FATAL = "F1125 14:00:00.000000  7 net.cpp:782] Check failed: 3 == 2 Incompatible number of blobs for layer conv1"


@pytest.fixture
def caffe(tmp_path, monkeypatch):
    """Installs a shell script as ``caffe`` of a CAFFE_ROOT of its own, and gives its path."""
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path))

    def install(script, mode=0o755):
        program = tmp_path / "bin/caffe"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(mode)
        return program

    return install


def test_where_it_is(caffe, tmp_path, monkeypatch):
    assert caffe_path("caffe-python") == tmp_path / "bin/caffe-python"
    assert find_caffe() is None
    with pytest.raises(CaffeError, match=r"not there: no .*bin/caffe-python; run make caffe, or take another$"):
        need_caffe("caffe-python", "take another")
    program = caffe("exit 0")
    assert find_caffe() == need_caffe("caffe", "take another") == program
    caffe("exit 0", mode=0o644)
    assert find_caffe() is None
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("CAFFE_ROOT", tmp_path.name)
    assert caffe_path() == program
    monkeypatch.delenv("CAFFE_ROOT")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert caffe_path() == tmp_path / ".cache/deepvis/caffe/bin/caffe"


def test_what_it_prints(caffe):
    assert run_caffe([caffe('echo "$1"; echo noise >&2'), "one word"]) == "one word\n"


def test_a_log_comes_line_by_line_from_both_streams(caffe, tmp_path):
    program = caffe("pwd; echo second >&2; printf 'no text: \\377\\n'; echo last")
    assert list(lines_of([program], tmp_path / "bin")) == [
        f"{(tmp_path / 'bin').resolve()}\n", "second\n", "no text: \ufffd\n", "last\n",
    ]  # fmt: skip


def test_threads_and_words(caffe, tmp_path, monkeypatch):
    program = caffe("echo $OPENBLAS_NUM_THREADS $GLOG_minloglevel")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("GLOG_minloglevel", "1")
    assert run_caffe([program]).split() == [str(os.cpu_count()), "2"]
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert next(lines_of([program], tmp_path)).split() == ["3", "0"]


def test_it_does_not_wait_for_the_keyboard(caffe, tmp_path):
    program = caffe("cat; echo done")
    assert run_caffe([program]) == "done\n"
    assert list(lines_of([program], tmp_path)) == ["done\n"]


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        (f"echo before >&2; echo '{FATAL}' >&2; echo '    @ 0x7f main' >&2; kill -ABRT $$", -6, FATAL.split("] ")[1]),
        ("echo 'ValueError: cannot reshape' >&2; echo >&2; exit 1", 1, "ValueError: cannot reshape"),
        ("exit 3", 3, "it ended with exit code 3"),
        ("echo something else >&2; kill -KILL $$", -9, "it was ended by SIGKILL"),
        ("echo something else >&2; kill -TERM $$", -15, "it was ended by SIGTERM"),
        ("kill -SEGV $$", -11, "it was ended by SIGSEGV"),
    ],
)
def test_its_last_words(script, code, message, caffe, tmp_path):
    program = caffe(script)
    for work in (lambda: run_caffe([program]), lambda: list(lines_of([program], tmp_path))):
        with pytest.raises(CaffeExitError) as caught:
            work()
        assert (caught.value.code, str(caught.value)) == (code, message)


def test_the_fatal_line_of_a_long_log():
    log = [f"I1125 solver.cpp:239] Iteration {number}" for number in range(5000)]
    assert last_words(1, "\n".join([*log, FATAL, *["    @ somewhere"] * 300])) == FATAL.split("] ")[1]
    assert signal.SIGABRT.name in last_words(-signal.SIGABRT, "\n")


def test_a_log_that_nobody_reads_any_more_ends_the_program(caffe, tmp_path):
    lines = lines_of([caffe("echo $$; exec sleep 60")], tmp_path)
    number = int(next(lines))
    os.kill(number, 0)
    lines.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_one_that_is_ended_leaves_nothing_open(caffe):
    process = start_caffe([caffe("exec sleep 60")], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"x")  # not flushed: closing the pipe would try to
    end_caffe(process)
    assert process.returncode == -signal.SIGKILL
    assert all(stream.closed for stream in (process.stdin, process.stdout, process.stderr))
    end_caffe(process)


def test_one_that_cannot_be_started(caffe, tmp_path):
    with pytest.raises(CaffeError, match=r"gone: cannot be started \(No such file or directory\)"):
        run_caffe([tmp_path / "gone"])
    with pytest.raises(CaffeError, match=r"bin/caffe: cannot be started \(Permission denied\)"):
        list(lines_of([caffe("exit 0", mode=0o644)], tmp_path))
