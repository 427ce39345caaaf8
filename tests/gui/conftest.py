"""A virtual X server whose screen can be looked at."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

TOOLS = ("Xvfb", "xdotool")
PATIENCE = 90  # seconds


@dataclass(frozen=True)
class Screen:
    """A display, and the file in which Xvfb keeps its pixels in the form of xwd."""

    display: str
    file: Path

    def look(self):
        """(H, W, 3) RGB of the whole screen as it is now."""
        data = self.file.read_bytes()
        header = np.frombuffer(data, ">u4", 20)
        start, width, height, row, colours = (int(header[place]) for place in (0, 4, 5, 12, 19))
        pixels = np.frombuffer(data, np.uint8, row * height, start + 12 * colours)
        return pixels.reshape(height, row // 4, 4)[:, :width, 2::-1].copy()


@pytest.fixture
def x_server(tmp_path):
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    read, write = os.pipe()
    # Without -noreset the server begins anew whenever its last client (an xdotool) leaves, and who comes then is
    # refused.
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-noreset", "-fbdir", str(tmp_path)]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        display = f":{number.readline().strip()}"
    yield Screen(display, tmp_path / "Xvfb_screen0")
    server.terminate()
    server.wait(10)


@pytest.fixture
def wait_for():
    def until(found, program):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            result = found()
            if result:
                return result
            assert program.poll() is None, (program.returncode, *program.communicate())
            time.sleep(0.1)
        raise AssertionError("waited in vain")

    return until
