"""A problem stands until what it was about succeeds."""

from unittest.mock import create_autospec

from deepvis.controllers.contents import View
from deepvis.controllers.lanes import Problem
from deepvis.controllers.problems import Problems


def test_only_the_success_of_its_own_kind_takes_a_problem_away():
    view = create_autospec(View, instance=True)
    problems, first, second = Problems(view), Problem("no picture"), Problem("no camera")
    problems.fail("picture", first)
    problems.succeed("camera")
    assert not view.clear_problem.called
    assert problems.are_of("picture")
    problems.fail("camera", second)
    problems.succeed("picture")
    assert not view.clear_problem.called, "the bar tells of the camera now"
    problems.succeed("camera")
    assert view.clear_problem.call_count == 1
    assert problems.all == [first, second]


def test_a_notice_is_shown_and_is_no_failure():
    view = create_autospec(View, instance=True)
    problems = Problems(view)
    problems.tell("")
    assert not view.show_problem.called
    problems.tell("Caffe was started again")
    assert view.show_problem.call_args.args[0].sentence == "Caffe was started again"
    assert problems.all == []
