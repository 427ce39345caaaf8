"""Real BVLC Caffe: where it is installed, how its programs are started and ended, and why one gave up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import IO

from prototxt.common.errors import CaffeError

Command = Sequence[str | Path]

_FATAL = re.compile(r"F\d{4} ")  # how glog begins the line that it aborts with
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)  # what a program wrote before has nothing to do with its end
_REMEMBERED = 1000  # lines of a log, for its last words; behind a fatal one glog writes a stack trace


class CaffeExitError(CaffeError):
    """A program of Caffe ended with an error, or was ended; the message is why, ``code`` its exit code."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(last_words(code, said))
        self.code = code


def caffe_path(name: str = "caffe") -> Path:
    """Where ``make caffe`` puts a program of the real Caffe, installed or not.

    Parameters
    ----------
    name : ``caffe``, or ``caffe-python`` for the Python that has pycaffe.

    Returns
    -------
    ``$CAFFE_ROOT/bin/NAME``; without that variable, in ``~/.cache/deepvis/caffe``.
    """
    root = Path(os.environ.get("CAFFE_ROOT") or Path.home() / ".cache/deepvis/caffe")
    return root.absolute() / "bin" / name


def find_caffe(name: str = "caffe") -> Path | None:
    """`caffe_path` of a program, or None where it is not installed."""
    program = caffe_path(name)
    return program if os.access(program, os.X_OK) else None


def need_caffe(name: str, otherwise: str) -> Path:
    """`caffe_path` of a program that must be there.

    Parameters
    ----------
    otherwise : what can be done instead of installing it, behind "run make caffe, or".

    Raises
    ------
    CaffeError : it is not installed.
    """
    program = find_caffe(name)
    if program is None:
        raise CaffeError(f"real Caffe is not there: no {caffe_path(name)}; run make caffe, or {otherwise}")
    return program


def run_caffe(command: Command) -> str:
    """Run a program of Caffe to its end and give what it prints; it logs errors alone.

    Raises
    ------
    CaffeError : it cannot be started, or ends with an error (`CaffeExitError`).
    """
    process = start_caffe(command, stderr=subprocess.PIPE)
    try:
        printed, errors = process.communicate()
    finally:
        end_caffe(process)
    if process.returncode:
        raise CaffeExitError(process.returncode, errors.decode(errors="replace"))
    return printed.decode(errors="replace")


def lines_of(
    command: Command, folder: Path, environment: Mapping[str, str] | None = None
) -> Generator[str, None, None]:
    """Run a program that logs as ``caffe train`` does and yield its lines as it says them; closing this ends it.

    Parameters
    ----------
    folder : where it is started.
    environment : variables of its environment, beside those of this process.

    Raises
    ------
    CaffeError : it cannot be started, or ends with an error (`CaffeExitError`).
    """
    process = start_caffe(command, folder=folder, log=True, stderr=subprocess.STDOUT, environment=environment)
    said: deque[str] = deque(maxlen=_REMEMBERED)
    try:
        for line in process.stdout or ():
            said.append(line.decode(errors="replace"))
            yield said[-1]
        code = process.wait()
    finally:
        end_caffe(process)
    if code:
        raise CaffeExitError(code, "".join(said))


def start_caffe(
    command: Command,
    *,
    folder: Path | None = None,
    log: bool = False,
    stdin: int = subprocess.DEVNULL,
    stderr: int | IO[bytes],
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that loads Caffe; whoever does must end it with `end_caffe`.

    Parameters
    ----------
    folder : where it is started; by default here.
    log : whether it logs everything, or errors alone.
    stdin, stderr : as `subprocess.Popen` takes them; what it prints comes through a pipe.
    environment : variables of its environment, beside those of this process.

    Raises
    ------
    CaffeError : it cannot be started.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(log) | dict(environment or {}),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    except OSError as error:
        raise CaffeError(f"{command[0]}: cannot be started ({error.strerror})") from error


def _environment(log: bool) -> dict[str, str]:
    """BLAS takes all cores, if not told else."""
    cores = str(os.cpu_count() or 1)
    return {"OPENBLAS_NUM_THREADS": cores, **os.environ, "GLOG_minloglevel": "0" if log else "2"}


def end_caffe(process: subprocess.Popen[bytes]) -> None:
    """End a program at once, if it has not ended, and close its pipes."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            _close(stream)


def _close(stream: IO[bytes]) -> None:
    """Close a pipe whose other end may be gone while something was still to be written."""
    try:
        stream.close()
    except OSError:
        stream.close()


def last_words(code: int, said: str) -> str:
    """Why a program of Caffe ended, in one line.

    Parameters
    ----------
    code : its exit code; the number of a signal, negative, if that ended it.
    said : what it wrote to stderr.

    Returns
    -------
    What glog calls fatal, without place and time, or else the last line; how it ended, if it said nothing or was ended
    from outside.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines or code in _FROM_OUTSIDE:
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"
    fatal = [line.split("] ", 1)[-1] for line in lines if _FATAL.match(line)]
    return (fatal or lines[-1:])[0]
