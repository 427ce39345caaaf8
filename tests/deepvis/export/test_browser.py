"""The atlas in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.export.pictures import fit
from deepvis.export.run import export
from deepvis.palette import ACCENT, rgb
from prototxt.common.progress import with_bar
from prototxt.pixels.decode import read_image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=3000",
)  # fmt: skip


def chromium(tmp_path: Path, url: str, *options: str) -> str:
    """Open a page in an empty profile; gives what the browser prints."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *options, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH (apt-get install chromium)")
def test_pages_work_in_a_browser(scanned, tmp_path: Path) -> None:
    atlas = tmp_path / "atlas"
    with_bar(export("atlas", scanned.job(size=64), atlas), quiet=True)

    found = chromium(tmp_path, f"file://{atlas}/index.html?q=class:1%20conv1", "--dump-dom")
    links = re.findall(r'class="hit" href="([^"]+)"', found)
    assert links == [f"layers/conv1.html#u{unit}" for unit in range(5)]
    assert "5 units" in found

    none = chromium(tmp_path, f"file://{atlas}/index.html?q=layer:fc%20H%3E7.9", "--dump-dom")
    assert "0 units" in none  # nine images cannot fill that many bins

    page = tmp_path / "page.png"
    chromium(tmp_path, f"file://{atlas}/layers/up.html", f"--screenshot={page}", "--window-size=1000,700")
    shown = read_image(page)
    assert (shown == rgb(ACCENT)).all(2).sum() > 50  # histograms
    patch = fit(scanned.scan.patch("up", 0, 0), round(0.8 * 64))
    assert closest(shown, patch) < 12  # scaled and WebP


def closest(picture: np.ndarray, patch: np.ndarray) -> float:
    """Mean absolute difference of the place in a picture that looks most like the patch."""
    distances = cv2.matchTemplate(picture, patch, cv2.TM_SQDIFF)
    y, x = np.unravel_index(int(distances.argmin()), distances.shape)
    part = picture[y : y + patch.shape[0], x : x + patch.shape[1]]
    return float(np.abs(part.astype(int) - patch).mean())
