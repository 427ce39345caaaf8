"""The terminal's wrapping of work."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Generator

import pytest

from prototxt.common.progress import Progress, at_once, with_bar


def work(log: list[str], fail: bool = False) -> Generator[Progress, None, str]:
    try:
        for done in range(4):
            yield Progress(done, 3, "count: things")
            if fail and done == 2:
                raise KeyboardInterrupt
        return "result"
    finally:
        log.append("closed")


def test_the_bar_shows_what_and_how_far(capsys: pytest.CaptureFixture[str]) -> None:
    assert with_bar(work([])) == "result"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "count: things: 100%" in shown.err
    assert "3/3" in shown.err


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert with_bar(work([]), quiet=True) == "result"
    assert capsys.readouterr().err == ""


def test_at_once_it_says_nothing_and_gives_what_the_work_returns(capsys: pytest.CaptureFixture[str]) -> None:
    log: list[str] = []
    assert at_once(work)(log) == "result"
    assert log == ["closed"]
    assert capsys.readouterr().err == ""
    with pytest.raises(KeyboardInterrupt):
        at_once(work)(log, fail=True)
    assert log == ["closed", "closed"]


def test_work_without_steps_has_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    def nothing() -> Generator[Progress, None, int]:
        return 3
        yield

    assert with_bar(nothing()) == 3
    assert capsys.readouterr().err == ""


def test_what_stops_the_work_passes_through_after_it_was_closed() -> None:
    log: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        with_bar(work(log, fail=True), quiet=True)
    assert log == ["closed"]


def test_what_is_done_is_told_also_where_nothing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    def uncounted() -> Generator[Progress, None, None]:
        for what in ("load", "convert", "write"):
            yield Progress(0, 0, what)

    with_bar(uncounted())
    shown = capsys.readouterr().err
    places = [shown.index(f"{what}: 0it") for what in ("load", "convert", "write")]
    assert places == sorted(places)


@pytest.mark.parametrize(("rows", "columns", "width"), [(40, 100, 100), (0, 0, 80)])
def test_a_terminal_has_a_bar_also_where_it_does_not_know_its_size(rows: int, columns: int, width: int) -> None:
    """Pseudo-terminals without a window, such as a container's, say that they have no columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    code = "from prototxt.common.progress import *; with_bar(Progress(done, 3, 'count') for done in range(4))"
    subprocess.run([sys.executable, "-c", code], stderr=slave, check=True)
    os.close(slave)
    lines = os.read(master, 1 << 16).decode().strip().split("\r")
    os.close(master)
    assert "count: 100%" in lines[-1]
    assert len(lines[0]) in (width - 1, width)
