"""Real Caffe that stays: one process of its Python runs script after script, for tests that compare live.

Starting it costs a second; a script then costs what it computes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from prototxt.common.real_caffe import last_words

WORKER = r'''
import contextlib, io, json, os, sys, traceback
import caffe

caffe.init_log(2, True)

def forget():
    """Modules of the script's own, which the next script may have by the same names."""
    for name, module in list(sys.modules.items()):
        if not str(getattr(module, "__file__", None) or sys.prefix).startswith(sys.prefix):
            del sys.modules[name]

for line in sys.stdin:
    job = json.loads(line)
    os.chdir(job["folder"])
    path, printed, failed = list(sys.path), io.StringIO(), ""
    sys.path.insert(0, job["folder"])
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(job["script"], "script.py", "exec"), {"__name__": "__main__"})
        except BaseException:
            failed = traceback.format_exc()
    sys.path[:] = path
    forget()
    print(json.dumps({"printed": printed.getvalue(), "failed": failed}), flush=True)
'''


class LiveCaffe:
    """The process; it is started with the first script, and again after one that ended it.

    Parameters
    ----------
    python : the Python that has real pycaffe.
    """

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process

    def run(self, script: str, folder: Path) -> str:
        """What a script prints; it runs in ``folder``, with names of its own.

        Raises
        ------
        AssertionError : it raises, or ends the process (Caffe's CHECK).
        """
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"script": script, "folder": str(folder)}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"real Caffe gave up: {self._last_words()}"
        found = json.loads(answer)
        assert not found["failed"], found["failed"]
        return found["printed"]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._said.close()

    def _start(self) -> subprocess.Popen[str]:
        if self._process is not None:
            self._process.communicate()  # close the pipes of the last one
        command = [str(self._python), "-W", "ignore", "-c", WORKER]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._said, text=True)

    def _last_words(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        self._said.seek(0)
        return last_words(code, self._said.read())
