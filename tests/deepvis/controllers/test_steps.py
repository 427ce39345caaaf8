"""Generators run on a lane step by step, and end when they should."""

from deepvis.controllers.lanes import Lane
from deepvis.controllers.steps import Steps
from deepvis.controllers.tasks import Task, Tasks
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress


class Later:
    """Runs jobs when it is told to."""

    def __init__(self):
        self.jobs = []

    def __call__(self, job, finished):
        self.jobs.append((job, finished))

    def one(self):
        job, finished = self.jobs.pop(0)
        finished(job())

    def all(self):
        while self.jobs:
            self.one()


def made():
    later = Later()
    return later, Lane(later)


def test_every_step_is_shown_and_the_end_told():
    later, lane = made()
    seen = []
    Steps(lane, "count").run(iter("abc"), seen.append, seen.append, ended=lambda: seen.append("end"))
    assert seen == []
    later.all()
    assert seen == ["a", "b", "c", "end"]
    assert lane.idle


def test_others_get_their_turn_between_two_steps():
    later, lane = made()
    seen = []
    Steps(lane, "count").run(iter("abc"), seen.append, seen.append)
    lane.submit("other", lambda: "other", lambda outcome: seen.append(outcome.result))
    later.all()
    assert seen == ["a", "other", "b", "c"]


def test_new_work_ends_the_work_before():
    later, lane = made()
    steps, seen = Steps(lane, "count"), []
    steps.run(iter("abc"), seen.append, seen.append)
    later.one()
    steps.run(iter("xy"), seen.append, seen.append)
    later.all()
    assert seen == ["a", "b", "x", "y"]  # the step that ran is still shown, if it is wanted
    assert not steps.running


def test_work_that_is_not_wanted_any_more_ends():
    later, lane = made()
    steps, seen, wanted = Steps(lane, "count"), [], [True]
    steps.run(iter("abc"), seen.append, seen.append, wanted=lambda: wanted[0])
    later.one()
    wanted[0] = False
    later.all()
    assert seen == ["a"]
    assert not steps.running


def test_a_problem_ends_the_work():
    later, lane = made()

    def work():
        yield 1
        raise InputError("net.prototxt:3: is broken")

    seen, problems = [], []
    steps = Steps(lane, "count")
    steps.run(work(), seen.append, problems.append)
    later.all()
    assert seen == [1]
    assert [problem.sentence for problem in problems] == ["net.prototxt:3: is broken"]
    assert not steps.running


def test_a_task_shows_its_progress_and_gives_its_result():
    later, lane = made()
    shown, results = [], []

    def work():
        yield Progress(1, 2, "scan: images")
        return "scan.h5"

    tasks = Tasks(lane, lambda title, progress: shown.append(progress and progress.done), results.append)
    tasks.start(Task("Scan", work(), results.append))
    later.all()
    assert results == ["scan.h5"]
    assert shown == [0, 1, None]


def test_a_cancelled_task_is_closed_and_gives_nothing():
    later, lane = made()
    closed, results, shown = [], [], []

    def work():
        try:
            yield Progress(1, 9, "images")
            yield Progress(2, 9, "images")
        finally:
            closed.append(True)

    tasks = Tasks(lane, lambda title, progress: shown.append(progress), results.append)
    tasks.start(Task("Scan", work(), results.append))
    later.one()
    tasks.cancel()
    later.all()
    assert closed == [True]
    assert results == []
    assert shown[-1] is None
