"""The terminal's wrapping of work."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from prototxt.progress import Progress, with_bar


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
