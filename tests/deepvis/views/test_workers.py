"""Threads of the lanes."""

from __future__ import annotations

import threading

from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from deepvis.controllers.lanes import Outcome
from deepvis.views.workers import Workers


def test_every_lane_has_one_thread_of_its_own(qtbot: QtBot) -> None:
    workers, threads, answered = Workers(), {"net": [], "draw": []}, []
    starts = {lane: workers.start_on(lane) for lane in threads}

    def finished(outcome: Outcome) -> None:
        answered.append((outcome.result, QThread.currentThread()))

    for number in range(20):
        for lane, start in starts.items():

            def job(lane: str = lane, number: int = number) -> Outcome:
                threads[lane].append(threading.get_ident())
                return Outcome((lane, number))

            start(job, finished)
    qtbot.waitUntil(lambda: len(answered) == 40)
    workers.close()
    assert {thread for _, thread in answered} == {QThread.currentThread()}
    assert len({*threads["net"]}) == len({*threads["draw"]}) == 1
    assert {*threads["net"]} != {*threads["draw"]}
    assert [number for (lane, number), _ in answered if lane == "net"] == [*range(20)]
