"""Runs side by side in processes of their own, or one after the other in this one."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event as StopEvent
from pathlib import Path
from typing import Any, Literal

import torch

from deepvis.scan.signals import STOPPING
from finetune.study.cards import known_cards, only_card, spread
from finetune.study.execution import Work, executing
from finetune.study.file import Study
from finetune.study.launched import launching
from finetune.study.material import Opened
from finetune.study.runs import Run
from prototxt.common.errors import InputError
from prototxt.common.heap import keep_freed_memory

PATIENCE = 60.0  # seconds that a process has to write its checkpoint

Kind = Literal["step", "done", "refused", "broken", "stopped"]


@dataclass(frozen=True)
class Report:
    """What is heard of a run.

    Parameters
    ----------
    run : its number.
    kind : ``step`` (it goes on), ``done``, ``refused`` (an `InputError`), ``broken`` (a fault of ours), ``stopped``.
    done : images trained on so far, with ``step``.
    result : of a run that is done.
    words : of an error; with ``step`` what is being done.
    """

    run: int
    kind: Kind
    done: int = 0
    result: dict[str, Any] | None = None
    words: str = ""


def work_of(run: Run, opened: Opened) -> Work:
    """The work of a run, by the engine's processes where it has some."""
    if run.row.engine == "torchrun":
        return launching(run, opened)
    return executing(run, opened.material(run.direction), opened.out)


def reports_of(number: int, work: Work, stopped: Callable[[], bool] = lambda: False) -> Iterator[Report]:
    """Do the work of a run and tell of it; its errors become reports."""
    try:
        while True:
            step = next(work)
            if stopped():
                work.close()
                yield Report(number, "stopped")
                return
            yield Report(number, "step", step.done, words=step.what)
    except StopIteration as stop:
        yield Report(number, "done", result=stop.value)
    except InputError as error:
        yield Report(number, "refused", words=str(error))
    finally:
        work.close()


def working(
    runs: Sequence[Run], opened: Opened, jobs: int, may_start: Callable[[], bool]
) -> Generator[Report, None, None]:
    """Do runs, ``jobs`` at a time.

    Closing the generator, or Ctrl-C, lets every process write a checkpoint and end.

    Parameters
    ----------
    runs : in the order in which they are started.
    opened : the material; every process opens it again.
    jobs : 1 to do them in this process.
    may_start : asked before a run is started.
    """
    if jobs == 1:
        with _threads(opened.study.threads):
            for number, run in enumerate(runs):
                if not may_start():
                    return
                yield from reports_of(number, work_of(run, opened))
        return
    with _Processes(opened, min(jobs, len(runs))) as processes:
        yield from processes.working(runs, may_start)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Ignore what asks to stop; processes that are started meanwhile ignore it from their first moment on.

    A terminal sends Ctrl-C to everybody, as others send SIGTERM, and the study says when to stop.
    """
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Processes:
    """Processes that wait for runs."""

    def __init__(self, opened: Opened, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._wanted: multiprocessing.Queue[tuple[int, Run] | None] = context.Queue()
        self._heard: multiprocessing.Queue[Report] = context.Queue()
        self._stop = context.Event()
        arguments = (opened.study, opened.out, opened.cache, self._wanted, self._heard, self._stop)
        self._processes: list[BaseProcess] = [
            context.Process(target=_serve, args=arguments, daemon=True) for _ in range(count)
        ]
        self._cards = spread(opened.study.device, count, known_cards())

    def __enter__(self) -> _Processes:
        with _signals_ignored():
            for process, card in zip(self._processes, self._cards, strict=True):
                with only_card(card):
                    process.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Let them end: at once where they wait, after a checkpoint where they work."""
        self._stop.set()
        for _ in self._processes:
            self._wanted.put(None)
        for process in self._processes:
            while process.is_alive() and self._drained():
                process.join(0.1)
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()

    def working(self, runs: Sequence[Run], may_start: Callable[[], bool]) -> Iterator[Report]:
        waiting = list(enumerate(runs))
        busy = 0
        while True:
            while waiting and busy < len(self._processes) and may_start():
                self._wanted.put(waiting.pop(0))
                busy += 1
            if not busy:
                return
            report = self._next()
            busy -= report.kind != "step"
            yield report

    def _next(self) -> Report:
        while True:
            try:
                return self._heard.get(timeout=1.0)
            except queue.Empty:
                dead = [process for process in self._processes if not process.is_alive()]
                if dead:
                    raise RuntimeError(
                        f"a process of the study ended by itself, with exit code {dead[0].exitcode} (negative: the "
                        "number of the signal that killed it, 9 where memory ran out); run the study again to go on"
                    ) from None

    def _drained(self) -> bool:
        """Read what is said meanwhile: a process cannot end before its words are taken."""
        try:
            while True:
                self._heard.get_nowait()
        except queue.Empty:
            return True


def _serve(
    study: Study,
    out: Path,
    cache: Path,
    wanted: multiprocessing.Queue[tuple[int, Run] | None],
    heard: multiprocessing.Queue[Report],
    stop: StopEvent,
) -> None:
    """Do runs until there is none."""
    keep_freed_memory()
    torch.set_num_threads(study.threads)
    opened = Opened(study, out, cache)
    parent = multiprocessing.parent_process()

    def stopped() -> bool:
        return stop.is_set() or parent is None or not parent.is_alive()

    while (order := _next_order(wanted, stopped)) is not None:
        number, run = order
        try:
            for report in reports_of(number, work_of(run, opened), stopped):
                heard.put(report)
        except Exception:
            heard.put(Report(number, "broken", words=traceback.format_exc()))


def _next_order(
    wanted: multiprocessing.Queue[tuple[int, Run] | None], stopped: Callable[[], bool]
) -> tuple[int, Run] | None:
    """Wait for a run; None where there is no more, or the study has ended, in whatever way."""
    while not stopped():
        try:
            return wanted.get(timeout=1.0)
        except queue.Empty:
            continue
    return None
