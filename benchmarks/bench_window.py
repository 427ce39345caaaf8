"""How fast the window answers: ``python benchmarks/bench_window.py [--platform offscreen]``.

AlexNet (CaffeNet's layers, random weights) in the real window under Xvfb, or offscreen where there is none. The
promises (95th percentiles): a key is on screen within 50 ms, also in a layer of 4096 units; such a layer opens in 0.5 s
and 500 MB; Qt's thread is never busy for 50 ms (time that the thread itself ran); the window is up 2.5 s after the
command; live video keeps 0.8 of the bare forward passes, and 15 drawn frames a second where the net allows them. Live
and bare passes alternate, and the ratio is the median of those of the rounds. Other work on the machine adds to all
times but those of Qt's thread.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
import tyro
from bench_measure import megabytes
from bench_scan import random_model
from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from deepvis.engines.engine import Engine, Frame
from deepvis.session.session import Session
from deepvis.sources import open_images
from deepvis.sources.camera import Camera
from deepvis.state.viewer import ViewerModel
from deepvis.views.app import make_window
from deepvis.views.application import make_application
from deepvis.views.snapshot import wait_until_idle
from deepvis.views.watchdog import Watchdog
from deepvis.views.window import Window
from prototxt.common.heap import keep_freed_memory

BUNDLED = Path(__file__).resolve().parents[1] / "models/indoor39"
KEYS = "lkjiLKJIoubBbbdannNzyyYtTxmMp89r5sS1"
TABLE = "{:<44} {:>9} {:>9}   {}"


def percentiles(values: list[float]) -> tuple[float, float]:
    """Median, and the 95th percentile."""
    return median(values), float(np.percentile(values, 95))


def tell(what: str, values: list[float], unit: str, promise: str) -> None:
    middle, high = percentiles(values)
    print(TABLE.format(what, f"{middle:.3g} {unit}", f"{high:.3g} {unit}", promise), flush=True)


@contextmanager
def screen(platform: str) -> Iterator[str]:
    """Run under an X server of its own, or offscreen where there is none."""
    if platform == "offscreen" or shutil.which("Xvfb") is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        yield "offscreen"
        return
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as number:
            os.environ["DISPLAY"] = f":{number.readline().strip()}"
        os.environ["QT_QPA_PLATFORM"] = "xcb"
        yield "Xvfb"
    finally:
        if app := QApplication.instance():
            app.shutdown()
        server.terminate()
        server.wait(10)


def press(app: QApplication, window: Window, letter: str) -> float:
    """Milliseconds from a key to its repaint on the screen; what it asks the workers for is not waited for."""
    held = Qt.KeyboardModifier.ShiftModifier if letter.isupper() else Qt.KeyboardModifier.NoModifier
    start = time.perf_counter()
    QTest.keyClick(window, Qt.Key(ord(letter.upper())), held)
    app.processEvents()
    app.sync()
    return 1000 * (time.perf_counter() - start)


def settle(app: QApplication, window: Window) -> None:
    """Let the workers end, so that what is timed finds everything cached."""
    wait_until_idle(app, window)
    app.sync()
    if window.controller.failed:
        raise SystemExit(window.controller.failed[0].sentence)


def walk(app: QApplication, window: Window, layer: str, presses: int) -> list[float]:
    """Milliseconds of every press while units of a layer are walked."""
    window.controller.select_layer(layer)
    settle(app, window)
    times = []
    for number in range(presses):
        times.append(press(app, window, "lllj"[number % 4]))
        settle(app, window)
    if window.controller.state is None or window.controller.state.unit == 0:
        raise SystemExit("the keys did not reach the window")
    return times


def open_layer(app: QApplication, window: Window, layer: str) -> tuple[float, float]:
    """Milliseconds until all units of a layer are on screen, and megabytes that the process grew at its peak."""
    window.controller.select_layer("conv1")
    settle(app, window)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from now on
    before, start = megabytes("VmRSS"), time.perf_counter()
    window.controller.select_layer(layer)
    settle(app, window)
    return 1000 * (time.perf_counter() - start), megabytes("VmHWM") - before


def busy_stretches(app: QApplication, window: Window, rounds: int) -> list[float]:
    """Milliseconds that Qt's thread ran for the longest stretch of every round of keys."""
    longest = []
    for _ in range(rounds):
        with Watchdog() as watchdog:
            for letter in KEYS:
                press(app, window, letter)
                settle(app, window)
        window.controller.do("reset")
        settle(app, window)
        longest.append(1000 * watchdog.longest.processor)
    return longest


class Paints(QObject):
    """Counts the paint events of a widget."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Count, and let everything pass."""
        self.count += event.type() == QEvent.Type.Paint
        return False


def write_video(path: Path, frames: int) -> None:
    """A pattern that moves, 640x480."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (640, 480))
    pattern = cv2.resize(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8), (640, 480))
    for number in range(frames):
        video.write(np.roll(pattern, 4 * number, 1))
    video.release()


def bare_rate(engine: Engine, frame: np.ndarray, seconds: float) -> float:
    """Forward passes a second with all layers kept, and nothing else to do."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        engine.forward(Frame("bare", frame))
        count += 1
    return count / (time.perf_counter() - start)


def live_rates(app: QApplication, window: Window, model: ViewerModel, seconds: float) -> tuple[float, float]:
    """Forward passes and drawn frames of the grid a second while the camera runs."""
    passes, paints = 0, Paints()
    engine = window.controller.session.engine
    forward = engine.forward

    def counted(frame: Frame) -> object:
        nonlocal passes
        passes += 1
        return forward(frame)

    canvas = window.grid_pane.canvas.viewport()
    model.source = "camera"
    run_loop(1.0)
    engine.forward = counted  # type: ignore[method-assign]
    canvas.installEventFilter(paints)
    start = time.perf_counter()
    run_loop(seconds)
    elapsed = time.perf_counter() - start
    canvas.removeEventFilter(paints)
    del engine.forward
    model.source = "files"
    settle(app, window)
    return passes / elapsed, paints.count / elapsed


def run_loop(seconds: float) -> None:
    """Let the window run; `QTest.qWait` would keep Python to itself, and the workers would stand still."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def seconds_until_up(folder: Path, platform: str, patience: float = 60) -> tuple[float, float, float, float] | None:
    """Seconds from the command until a window is up, and until the net is in it, each by the clock and of processors.

    None where there is no xdotool, which looks for the windows.
    """
    if platform == "offscreen" or shutil.which("xdotool") is None:
        return None
    environment = os.environ | {"XDG_CONFIG_HOME": str(folder)}
    environment.pop("QT_QPA_PLATFORM")
    start = time.perf_counter()
    program = subprocess.Popen([sys.executable, "-m", "deepvis", str(BUNDLED)], env=environment)
    try:
        seen = partial(_seen, environment, program, start + patience)
        up, used = seen("DeepVis") - start, processor_seconds(program.pid)
        return up, used, seen(":[0-9]+ - .*DeepVis") - start, processor_seconds(program.pid)
    finally:
        program.kill()
        program.wait()


def processor_seconds(process: int) -> float:
    """What a process has used of the processors so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _seen(environment: dict[str, str], program: subprocess.Popen[bytes], end: float, name: str) -> float:
    """When a window of that name was first on screen."""
    call = ["xdotool", "search", "--onlyvisible", "--name", name]
    while time.perf_counter() < end:
        if subprocess.run(call, env=environment, capture_output=True, check=False).stdout:
            return time.perf_counter()
        if program.poll() is not None:
            raise SystemExit(f"the program ended with {program.returncode}")
        time.sleep(0.02)
    raise SystemExit(f"no window {name!r}")


def measure_window(app: QApplication, folder: Path, presses: int, rounds: int, seconds: float) -> None:
    """All that one window shows, with its promises."""
    net = random_model("caffenet").with_preprocessing(resize="stretch", resize_to=(256, 256), crop=(227, 227))
    engine = Engine(net, "cpu")
    video = folder / "camera.avi"
    write_video(video, round(90 * (seconds + 2)))
    picture = folder / "pictures"
    picture.mkdir()
    first = cv2.VideoCapture(str(video)).read()[1]
    cv2.imwrite(str(picture / "0.png"), first)
    model = ViewerModel(layer="conv1")
    window = make_window(Session(engine, open_images(picture), camera=Camera(str(video))), model)
    window.resize(1500, 930)
    window.show()
    window.activateWindow()
    QTest.qWaitForWindowActive(window, 2000)
    window.start()
    settle(app, window)
    opened = [open_layer(app, window, "fc6") for _ in range(max(5, presses // 10))]
    tell("opening fc6 (4096 units)", [time for time, _ in opened], "ms", "p95 < 500")
    tell("opening fc6: memory", [size for _, size in opened], "MB", "p95 < 500")
    for layer in ("conv1", "conv5", "fc6"):
        units = engine.net.layer(layer).units
        tell(f"key to repaint, {layer} ({units} units)", walk(app, window, layer, presses), "ms", "p95 <= 50")
    tell(f"longest stretch of {len(KEYS)} keys", busy_stretches(app, window, rounds), "ms", "p95 <= 50")
    window.controller.do("reset")
    window.controller.select_layer("conv1")
    settle(app, window)
    pairs = []
    for _ in range(rounds):
        bare = bare_rate(engine, first[:, :, ::-1], seconds)
        pairs.append((bare, *live_rates(app, window, model, seconds)))
    tell("bare forward passes", [bare for bare, _, _ in pairs], "/s", "")
    tell("live forward passes", [live for _, live, _ in pairs], "/s", "")
    tell("live / bare", [live / bare for bare, live, _ in pairs], "", "median >= 0.8")
    tell("drawn frames", [drawn for _, _, drawn in pairs], "/s", "median >= 15 where the net allows")
    window.close()


def main(platform: str = "xcb", presses: int = 60, rounds: int = 5, seconds: float = 4.0, starts: int = 5) -> None:
    """Measure the window.

    Parameters
    ----------
    platform
        xcb (under an Xvfb of its own) or offscreen.
    presses
        keys in each layer.
    rounds
        of a session of keys, and of live video.
    seconds
        of each round of live video.
    starts
        of the program.
    """
    keep_freed_memory()  # as the command does
    with tempfile.TemporaryDirectory() as name, screen(platform) as where:
        folder = Path(name)
        print(f"{where}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of the net")
        print(TABLE.format("", "median", "p95", "promise"))
        ups = [found for _ in range(starts) if (found := seconds_until_up(folder, where)) is not None]
        if ups:
            clock, busy, full, full_busy = (list(column) for column in zip(*ups, strict=True))
            tell("window up after the command", clock, "s", "p95 < 2.5")
            tell("window up: of the processors", busy, "s", "")
            tell("net in the window", full, "s", "")
            tell("net in the window: of the processors", full_busy, "s", "")
        measure_window(make_application(10), folder, presses, rounds, seconds)


if __name__ == "__main__":
    tyro.cli(main)
