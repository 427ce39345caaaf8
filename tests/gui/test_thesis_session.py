"""The thesis's session in the real program, driven from outside: AlexNet of indoor scenes, seen on a virtual screen."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = [pytest.mark.gui, pytest.mark.long]
MODEL = Path(__file__).resolve().parents[2] / "models/indoor39"
# Parts of the window of 1500x930 at the left and in the middle, as slices of rows and columns; see docs/window.md.
UNIT = slice(400, 600), slice(10, 240)
BACK = slice(690, 890), slice(10, 240)
GRID = slice(150, 800), slice(300, 850)


class Session:
    """The program under a virtual screen, its keyboard, and what is seen."""

    def __init__(self, screen, wait_for, folder):
        self.screen, self.wait_for = screen, wait_for
        hidden = ("QT_QPA_PLATFORM",)
        self.environment = {name: value for name, value in os.environ.items() if name not in hidden} | {
            "DISPLAY": screen.display,
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        self.program = subprocess.Popen(
            [sys.executable, "-m", "deepvis", str(MODEL), "--layer", "conv1", "--device", "cpu"],
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def xdotool(self, *arguments):
        call = ["xdotool", *arguments]
        return subprocess.run(call, env=self.environment, capture_output=True, text=True, check=False).stdout.strip()

    def window(self, name):
        """Wait for a window, and give it the keyboard."""
        search = ("search", "--onlyvisible", "--name", name)
        found = self.wait_for(lambda: self.xdotool(*search).split("\n")[0], self.program)
        self.xdotool("windowfocus", found)
        return found

    def press(self, *keys):
        self.xdotool("key", "--delay", "80", *keys)

    def title_becomes(self, window, start):
        self.wait_for(lambda: self.xdotool("getwindowname", window).startswith(start), self.program)

    def becomes_different(self, part, before, share):
        """Wait until that share of a part's pixels has other colours than before."""
        self.wait_for(lambda: different(self.screen.look(), before, part) > share, self.program)

    def becomes_still(self):
        """Wait until three looks at the screen in a row are the same."""
        looks = [np.zeros(1), np.ones(1)]

        def still():
            looks.append(self.screen.look())
            return all(np.array_equal(looks[-1], other) for other in looks[-3:-1])

        self.wait_for(still, self.program)
        return looks[-1]


def different(now, before, part):
    return (now[part] != before[part]).any(-1).mean()


def colours(picture, part):
    return len(np.unique(picture[part].reshape(-1, 3), axis=0))


def test_the_session_of_the_thesis(x_server, wait_for, tmp_path):
    session = Session(x_server, wait_for, tmp_path)
    try:
        window = session.window(":0 - ")
        session.title_becomes(window, "conv1:0 ")
        first = session.becomes_still()
        assert colours(first, GRID) > 100, "the maps of conv1 are on screen"

        session.press("Right", "Right", "Down")
        session.title_becomes(window, "conv1:")
        session.becomes_different(UNIT, first, 0.2)
        walked = session.becomes_still()

        for layer in ("conv2", "conv3", "conv4", "conv5"):
            while not session.xdotool("getwindowname", window).startswith(f"{layer}:"):
                title = session.xdotool("getwindowname", window)
                session.press("o")
                session.wait_for(lambda title=title: session.xdotool("getwindowname", window) != title, session.program)
        session.becomes_different(GRID, walked, 0.2)
        session.press("l", "l", "k")
        at_conv5 = session.becomes_still()

        session.press("b", "b", "b")
        session.becomes_different(BACK, at_conv5, 0.2)
        guided = session.becomes_still()
        assert colours(guided, BACK) > 100, "guided back-propagation is on screen"

        session.press("d", "Right")
        session.becomes_different(UNIT, guided, 0.05)
        frozen = session.becomes_still()
        assert different(frozen, guided, BACK) == 0, "the origin is frozen, and what it brought stays"

        session.press("y")
        session.becomes_different(UNIT, frozen, 0.2)
        session.becomes_still()

        out = tmp_path / "conv5.png"
        session.press("ctrl+s")
        session.window("^Save ")
        session.press("ctrl+a")
        session.xdotool("type", "--delay", "20", str(out))
        session.press("Return")
        session.wait_for(lambda: out.is_file() and out.stat().st_size > 0, session.program)
        session.window(":[0-9]+ - ")
        shown = session.becomes_still()
        saved = cv2.imread(str(out))[:, :, ::-1]
        assert saved.shape == (930, 1500, 3)
        assert different(shown[:930, :1500], saved, GRID) < 0.02, "what is saved is what is seen"

        session.press("q")
        _, errors = session.program.communicate(timeout=90)
        assert session.program.returncode == 0
        assert "Traceback" not in errors
    finally:
        session.program.kill()
        session.program.communicate()
