"""The shell installers, run with a PATH in which only chosen programs exist."""

import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
COMMON = (
    "bash",
    "sh",
    "id",
    "dirname",
    "basename",
    "grep",
    "find",
    "mktemp",
    "mkdir",
    "rm",
    "mv",
    "tail",
    "uname",
    "cat",
)


@pytest.fixture
def run(tmp_path):
    """Run a tool with a PATH that holds the common programs and the given fakes (name to shell script)."""

    def run_tool(name, fakes, *arguments, **environment):
        programs = tmp_path / "programs"
        programs.mkdir(exist_ok=True)
        for program in COMMON:
            (programs / program).symlink_to(shutil.which(program))
        for program, script in fakes.items():
            (programs / program).unlink(missing_ok=True)
            (programs / program).write_text(f"#!/bin/sh\n{script}\n")
            (programs / program).chmod(0o755)
        return subprocess.run(
            [shutil.which("bash"), TOOLS / name, *arguments],
            env={"PATH": str(programs), "HOME": str(tmp_path), "TMPDIR": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run_tool


def test_caffe_without_any_way_says_how_to_go_on(run, tmp_path):
    result = run("install_caffe", {}, CAFFE_ROOT=str(tmp_path / "caffe"))
    assert result.returncode == 1
    assert "neither debootstrap (as root), nor mmdebstrap, nor a running podman or docker" in result.stderr
    assert "make caffe" in result.stderr
    assert not (tmp_path / "caffe").exists()


def test_caffe_that_works_is_left_alone(run, tmp_path):
    binaries = tmp_path / "caffe/bin"
    binaries.mkdir(parents=True)
    for name, script in {"caffe": "echo caffe version 1.0.0", "caffe-python": "exit 0"}.items():
        (binaries / name).write_text(f"#!/bin/sh\n{script}\n")
        (binaries / name).chmod(0o755)
    result = run("install_caffe", {}, CAFFE_ROOT=str(tmp_path / "caffe"))
    assert result.returncode == 0
    assert "real Caffe is there" in result.stderr


def test_caffe_tries_the_archive_and_leaves_nothing_half_made(run, tmp_path):
    fakes = {"id": "echo 0", "debootstrap": f'echo "$@" >>{tmp_path}/calls; echo no such release; exit 1'}
    result = run("install_caffe", fakes, CAFFE_ROOT=str(tmp_path / "caffe"))
    assert result.returncode == 1
    first, second = (tmp_path / "calls").read_text().splitlines()
    assert "deb.debian.org" in first
    assert "archive.debian.org" in second
    assert "no such release" in result.stderr
    assert not list(tmp_path.glob("caffe*"))


def test_caffe_without_root_bootstraps_in_a_user_namespace(run, tmp_path):
    fakes = {"id": "echo 1000", "mmdebstrap": f'echo "$@" >>{tmp_path}/calls; exit 1', "tar": "exit 0"}
    run("install_caffe", fakes, CAFFE_ROOT=str(tmp_path / "caffe"))
    assert "--mode=unshare" in (tmp_path / "calls").read_text()


def test_missing_libraries_give_the_one_command_to_type(run):
    result = run(
        "install_system_libraries", {"ldconfig": "echo '	libGL.so.1 (libc6) => /x'", "id": "echo 1000"}, "test"
    )
    assert result.returncode == 1
    assert "sudo apt-get install libegl1 " in result.stderr
    assert "libgl1 " not in result.stderr
    assert "xvfb xdotool" in result.stderr


def test_missing_libraries_are_installed_as_root(run, tmp_path):
    fakes = {"ldconfig": "exit 0", "id": "echo 0", "apt-get": f'echo "$@" >>{tmp_path}/calls'}
    result = run("install_system_libraries", fakes)
    assert result.returncode == 0
    assert "libxcb-cursor0" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(("target", "libraries"), [("demo", ""), ("test", " test"), ("test-long", " test")])
def test_make_checks_the_libraries_before_it_installs_packages(tmp_path, target, libraries):
    """Where .venv is missing, on paper only; every target says what it is doing."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("needs make")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(TOOLS.parent / name, tmp_path)
    done = subprocess.run(
        [make, "-n", target], cwd=tmp_path, env={"PATH": "/bin:/usr/bin"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert first == f"tools/install_system_libraries{libraries}"
    program = ".venv/bin/python -m " + ("finetune" if target == "demo" else "pytest")
    install, says, last = (
        next(place for place, line in enumerate(others) if word in line)
        for word in ("pip install", "Running the", program)
    )
    assert install < says < last
