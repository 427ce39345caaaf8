"""Flags of gflags and glog, help, and the table of commands."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from prototxt.common.errors import InputError
from torchcaffe.__main__ import ALL_FLAGS, choose, main
from torchcaffe.commands.flags import Flag, HelpWantedError, parse
from torchcaffe.commands.glog import UNHEEDED_FLAGS, logging_as
from torchcaffe.commands.help import overview
from torchcaffe.commands.table import COMMANDS
from torchcaffe.serving import FOLDER

FLAGS = (Flag("text", ""), Flag("number", "", 5), Flag("switch", "", False), Flag("nose", "", True), Flag("x", "", 0.5))


def read(*words: str) -> tuple[dict, list[str]]:
    call = parse("command", words, FLAGS)
    return {name: call.values[name] for name in call.given}, list(call.arguments)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "-solver", "s", "-weights", "a,b"],
        ["train", "--solver", "s", "--weights", "a,b"],
        ["train", "-solver=s", "-weights=a,b"],
        ["train", "--solver=s", "--weights=a,b", "--logtostderr=1"],
        ["--solver=s", "-alsologtostderr", "-weights", "a,b", "train"],
    ],
)
def test_flags_stand_before_and_behind_the_command(words):
    command, rest = choose(words)
    call = parse("train", rest, ALL_FLAGS)
    assert command is COMMANDS["train"]
    assert (call.text("solver"), call.words("weights"), call.number("iterations")) == ("s", ["a", "b"], 50)


@pytest.mark.parametrize(
    ("words", "values", "arguments"),
    [
        (["-text", "a", "b"], {"text": "a"}, ["b"]),
        (["--text=a=b"], {"text": "a=b"}, []),
        (["-text", "-number"], {"text": "-number"}, []),
        (["-text="], {"text": ""}, []),
        (["-number=0x10", "-x", "-1e3"], {"number": 16, "x": -1000.0}, []),
        (["-switch", "false"], {"switch": True}, ["false"]),  # a switch takes no word behind it
        (["-switch=false", "-nose=0"], {"switch": False, "nose": False}, []),
        (["-noswitch", "-nonose"], {"switch": False, "nose": False}, []),
        (["a", "--", "-text", "b"], {}, ["a", "-text", "b"]),
        (["-"], {}, ["-"]),
        (["-number=1", "-number=2"], {"number": 2}, []),
        (["-undefok=foo,bar", "-foo", "--bar=3"], {}, []),
    ],
)
def test_spellings(words, values, arguments):
    assert read(*words) == (values, arguments)


def test_flags_from_files_and_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "flags"
    file.write_text("# a comment\n\n--text=a b\n -number=7\nprogram*\n-switch\n")
    assert read(f"-flagfile={file}", "-number=8")[0] == {"text": "a b", "number": 8, "switch": True}
    monkeypatch.setenv("FLAGS_x", "2.5")
    assert read("-fromenv=x")[0] == read("-tryfromenv", "x,text")[0] == {"x": 2.5}
    for words, sentence in [
        (["-fromenv=text"], "FLAGS_text is not in the environment"),
        (["-flagfile", "gone"], "-flagfile gone: cannot be read"),
    ]:
        with pytest.raises(InputError, match=sentence):
            read(*words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-nombre=1"], "unknown command line flag 'nombre'; did you mean 'number'?"),
        (["-text"], "flag '-text' is missing its argument"),
        (["-number=1.5"], "-number must be an integer; got '1.5'"),
        (["-switch=maybe"], "-switch must be true or false; got 'maybe'"),
        (["-x=a"], "-x must be a number; got 'a'"),
        (["-notext"], "unknown command line flag 'notext'"),
    ],
)
def test_wrong_flags(words, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        read(*words)


@pytest.mark.parametrize("word", ["-help", "--help", "-h", "-helpfull", "-helpshort", "-version", "--helpon=x"])
def test_help_in_every_form(word):
    with pytest.raises(HelpWantedError):
        read(word)


# -- glog --------------------------------------------------------------------------------------------------------------


def say(*words: str) -> None:
    with logging_as(parse("train", words, ALL_FLAGS)):
        log = logging.getLogger("torchcaffe.test")
        log.info("an info")
        log.warning("a warning")
        log.error("an error")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], "IWE"),
        (["-minloglevel=1"], "WE"),
        (["-minloglevel=2"], "E"),
        (["-alsologtostderr=false"], "E"),
        (["-noalsologtostderr", "-stderrthreshold=1"], "WE"),
        (["-noalsologtostderr", "-logtostderr"], "IWE"),
    ],
)
def test_what_goes_to_stderr(words, shown, capsys):
    say(*words)
    assert "".join(line[0] for line in capsys.readouterr().err.splitlines()) == shown


def test_glog_reads_the_environment(capsys, monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", "1")
    say()
    assert "an info" not in capsys.readouterr().err
    monkeypatch.setenv("GLOG_minloglevel", "many")
    with pytest.raises(InputError, match=r"\$GLOG_minloglevel in the environment: -minloglevel must be an integer"):
        say()


def test_color_and_prefix(capsys, monkeypatch):
    say("-colorlogtostderr")
    assert "\033" not in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    say("-colorlogtostderr", "-nolog_prefix")
    assert capsys.readouterr().err == "an info\n\033[0;33ma warning\033[m\n\033[0;31man error\033[m\n"


def test_log_files_are_called_and_begin_as_glogs(tmp_path, capsys):
    say(f"-log_dir={tmp_path}")
    files = {path.name.split(".log.")[1].split(".")[0]: path for path in tmp_path.iterdir()}
    assert sorted(files) == ["ERROR", "INFO", "WARNING"]
    assert re.fullmatch(r"caffe\..+\.log\.INFO\.\d{8}-\d{6}\.\d+", files["INFO"].name)
    lines = files["INFO"].read_text().splitlines()
    assert re.fullmatch(r"Log file created at: \d{4}/\d\d/\d\d \d\d:\d\d:\d\d", lines[0])
    assert lines[3:] == capsys.readouterr().err.splitlines()
    assert [line[0] for line in files["ERROR"].read_text().splitlines()[3:]] == ["E"]
    with pytest.raises(InputError, match="-log_dir gone: no such folder"):
        say("-log_dir=gone")


def test_flags_that_do_nothing_are_said(capsys):
    say("-v=2", "-logbufsecs", "0", "-drop_log_memory")
    said = capsys.readouterr().err
    assert re.findall(r"\] -(\w+) has no effect in torchcaffe", said) == [
        flag.name for flag in UNHEEDED_FLAGS if flag.name in ("v", "logbufsecs", "drop_log_memory")
    ]


# -- help and the table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["-help"], ["--helpshort"]])
def test_help_lists_commands_and_flags(capsys, words):
    main(words)
    text = capsys.readouterr().out
    assert text == overview() + "\n"
    assert all(f"  {name}" in text for name in COMMANDS)
    assert all(f"-{flag.name}" in text for flag in ALL_FLAGS if flag not in UNHEEDED_FLAGS)


@pytest.mark.parametrize("command", [command for command in COMMANDS.values() if not command.raw], ids=lambda c: c.name)
def test_every_command_has_help_and_code(capsys, command):
    main([command.name, "-help"])
    text = capsys.readouterr().out
    assert f"usage: torchcaffe {command.name}" in text
    assert all(f"-{flag.name}" in text for flag in command.flags)
    module, function = command.code.split(":")
    assert callable(getattr(import_module(f"torchcaffe.commands.{module}"), function))


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out.startswith("caffe version 1.0.0")


def test_a_flag_of_another_command_means_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(
        'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 1 } } }'
    )
    main(["time", "-model", "net.prototxt", "-iterations=1", "-weights", "w"])
    assert "-weights means nothing to time" in capsys.readouterr().err


def test_help_does_not_import_torch():
    """Help comes at once: 0.3 s are the bar, of which Python itself takes half on a slow machine."""
    script = (
        "import sys, torchcaffe.__main__ as m; m.main(['-help']); print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    start = time.process_time_ns(), os.times().children_user
    subprocess.run([sys.executable, "-m", "torchcaffe", "-help"], capture_output=True, check=True)
    assert os.times().children_user - start[1] < 0.3


@pytest.mark.parametrize("words", [[], ["train", "-help"]])
def test_a_reader_may_stop_in_the_middle_of_the_help(words):
    command = f"{sys.executable} -m torchcaffe {' '.join(words)} | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


OLD_NAMES = [(command, command.program) for command in COMMANDS.values() if command.program]


def test_bin_has_a_program_for_every_tool_of_caffe():
    assert {path.name for path in (FOLDER / "bin").iterdir()} == {"caffe", *(program for _, program in OLD_NAMES)}
