import pytest

from deepvis.controllers.lanes import Lane, run_job
from prototxt.common.errors import InputError


class Threads:
    """Stands for threads: what was started ends when the test says so."""

    def __init__(self):
        self.running = []

    def start(self, job, finished):
        self.running.append((job, finished))

    def end(self):
        job, finished = self.running.pop(0)
        finished(job())


@pytest.fixture
def threads():
    return Threads()


def test_one_at_a_time_and_the_newest_wins(threads):
    lane, shown = Lane(threads.start), []
    for number in range(4):
        lane.submit("forward", lambda number=number: number, lambda outcome: shown.append(outcome.result))
    assert len(threads.running) == 1
    threads.end()
    threads.end()
    assert shown == [0, 3]
    assert lane.idle
    assert not threads.running


def test_a_stream_is_one_job_ahead(threads):
    lane, shown = Lane(threads.start), []
    for number in range(4):
        lane.submit("forward", lambda number=number: number, lambda outcome: shown.append(outcome.result), ahead=True)
        assert lane.takes_ahead("forward") == (number == 0)
    assert len(threads.running) == 2
    while threads.running:
        threads.end()
    assert shown == [0, 1, 3]  # of those that waited the newest
    assert lane.takes_ahead("forward")


def test_others_wait_until_a_stream_has_been_answered(threads):
    lane, shown = Lane(threads.start), []

    def submit(kind, ahead):
        lane.submit(kind, lambda: kind, lambda outcome: shown.append(outcome.result), ahead=ahead)

    submit("forward", True)
    submit("forward", True)
    submit("back", False)
    submit("forward", True)
    threads.end()
    assert len(threads.running) == 1  # the second frame: back-propagation is for what has been answered
    threads.end()
    assert len(threads.running) == 2  # and the frame after it is ahead again
    threads.end()
    threads.end()
    assert shown == ["forward", "forward", "back", "forward"]


def test_kinds_do_not_replace_each_other(threads):
    lane, shown = Lane(threads.start), []
    for kind in ("running", "forward", "back", "forward"):
        lane.submit(kind, lambda kind=kind: kind, lambda outcome: shown.append(outcome.result))
    while threads.running:
        threads.end()
    assert shown == ["running", "forward", "back"]


def test_an_answer_that_nobody_wants_any_more_is_dropped(threads):
    lane, shown, wanted = Lane(threads.start), [], [True]
    lane.submit("a", lambda: 1, shown.append, lambda: wanted[0])
    wanted[0] = False
    threads.end()
    assert shown == []
    assert lane.idle


def test_a_closed_lane_is_silent(threads):
    lane, shown = Lane(threads.start), []
    lane.submit("a", lambda: 1, shown.append)
    lane.submit("b", lambda: 2, shown.append)
    lane.close()
    threads.end()
    lane.submit("c", lambda: 3, shown.append)
    assert shown == []
    assert not threads.running


@pytest.mark.parametrize(
    ("error", "sentence", "has_details"),
    [
        (InputError("a.png: is no picture"), "a.png: is no picture", False),
        (RuntimeError("boom"), "RuntimeError: boom", True),
        (MemoryError(), "MemoryError: ", True),
    ],
)
def test_whatever_a_job_raises_becomes_a_sentence(error, sentence, has_details):
    def job():
        raise error

    outcome = run_job(job)
    assert outcome.problem.sentence == sentence
    assert bool(outcome.problem.details) == has_details


def test_a_lane_goes_on_after_a_failure_in_what_shows_its_answer(threads):
    lane, shown = Lane(threads.start), []

    def fails(outcome):
        raise RuntimeError("in the window")

    lane.submit("a", lambda: 1, fails)
    lane.submit("b", lambda: 2, lambda outcome: shown.append(outcome.result))
    with pytest.raises(RuntimeError, match="in the window"):
        threads.end()
    threads.end()
    assert shown == [2]
