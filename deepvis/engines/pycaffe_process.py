"""A process that runs a net in real Caffe, and is ended when it hangs."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from deepvis.engines.pycaffe_worker import read_message, write_message
from deepvis.errors import ModelError
from prototxt.common.errors import CaffeError
from prototxt.common.real_caffe import end_caffe, last_words, need_caffe, start_caffe

Arrays = Mapping[str, NDArray[np.float32]]

WORKER = Path(__file__).with_name("pycaffe_worker.py")
PATIENCE = 120.0  # seconds for one answer


class WorkerDied(ModelError):  # noqa: N818 - what happened, not what is wrong with what was given
    """The process ended, or was ended because it hung (``late``)."""

    def __init__(self, sentence: str, late: bool) -> None:
        super().__init__(sentence)
        self.late = late


class CaffeProcess:
    """One run of `deepvis.engines.pycaffe_worker`; never restarted, see `deepvis.engines.pycaffe_engine`.

    Parameters
    ----------
    python : the Python that has pycaffe; None for the one that ``make caffe`` installs.

    Raises
    ------
    ModelError : there is no such Python, or it cannot be started.
    """

    def __init__(self, python: Path | None = None) -> None:
        program = caffe_program(python)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        try:
            self._process = start_caffe([program, WORKER], stdin=subprocess.PIPE, stderr=self._errors)
        except CaffeError as error:
            self._errors.close()
            raise ModelError(f"{error}; {HINT}") from error
        self._end = weakref.finalize(self, _end, self._process, self._errors)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def wait_until_ready(self, patience: float = PATIENCE) -> None:
        """Wait for Caffe to be imported; to be called once, before `ask`.

        Raises
        ------
        ModelError : this Python has no pycaffe.
        WorkerDied : see `ask`.
        """
        try:
            self._watched(self._read, patience)
        except WorkerDied as error:
            raise WorkerDied(f"real Caffe does not start: {error}; {HINT}", error.late) from error
        except ModelError as error:
            raise ModelError(f"real Caffe does not start: {error}; {HINT}") from error

    def ask(
        self, request: Mapping[str, Any], arrays: Arrays | None = None, patience: float = PATIENCE
    ) -> tuple[dict[str, Any], Arrays]:
        """Send a request of `deepvis.engines.pycaffe_worker` and wait for the answer, for ``patience`` seconds.

        Raises
        ------
        WorkerDied : the process is gone, or did not answer in time and was ended; says why.
        ModelError : it answered that it cannot.
        """
        return self._watched(lambda: self._ask(request, arrays), patience)

    def kill(self) -> None:
        """End the process at once, from any thread; whoever waits for an answer gets a `WorkerDied`."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let everything go; not while another thread waits for an answer."""
        self._end()

    def _ask(self, request: Mapping[str, Any], arrays: Arrays | None) -> tuple[dict[str, Any], Arrays]:
        assert self._process.stdin is not None
        write_message(self._process.stdin, request, arrays)
        return self._read()

    def _read(self) -> tuple[dict[str, Any], Arrays]:
        assert self._process.stdout is not None
        return read_message(self._process.stdout)

    def _watched(
        self, wait: Callable[[], tuple[dict[str, Any], Arrays]], patience: float
    ) -> tuple[dict[str, Any], Arrays]:
        """Wait for an answer, but not for longer than the patience lasts."""
        late, process = threading.Event(), self._process

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(patience, end)
        timer.daemon = True
        timer.start()
        try:
            table, arrays = wait()
        except (EOFError, OSError, ValueError) as error:
            self._process.kill()
            slow = f"it did not answer within {patience:g} s and was ended" if late.is_set() else ""
            raise WorkerDied(slow or self._why(), late.is_set()) from error
        finally:
            timer.cancel()
        if "error" in table:
            raise ModelError(table["error"])
        return table, arrays

    def _why(self) -> str:
        """Why the process ended, in words."""
        code = self._process.wait()
        self._errors.seek(0)
        return last_words(code, self._errors.read().decode(errors="replace"))


OTHERWISE = "set caffe_python in settings_local.py to the Python that has pycaffe"
HINT = f"run make caffe, or {OTHERWISE}"


def caffe_program(python: Path | None = None) -> Path:
    """The Python that has pycaffe: the one given, or that of ``make caffe``; a `ModelError` if it is not there."""
    if python is not None and not python.is_file():
        raise ModelError(f"real Caffe is not there: caffe_python = {str(python)!r} is no file; {HINT}")
    try:
        return python or need_caffe("caffe-python", OTHERWISE)
    except CaffeError as error:
        raise ModelError(str(error)) from error


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    end_caffe(process)
    errors.close()
