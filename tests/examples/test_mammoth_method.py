"""Mammoth's method, on a base class that does what mammoth's does (0.2): it is a program, not an installed package."""

from argparse import ArgumentParser, Namespace

import pytest
import torch
from torch.nn.functional import cross_entropy

import entropy
from tests.examples.conftest import batches_of, load_example


class ContinualModel(torch.nn.Module):
    """The part of mammoth's class that a method meets."""

    def __init__(self, backbone, loss, args, transform, dataset=None):
        super().__init__()
        self.net, self.loss, self.args, self.dataset = backbone, loss, args, dataset
        self._current_task = 0
        self.opt = self.get_optimizer()

    @property
    def current_task(self):
        return self._current_task

    def get_optimizer(self):
        return torch.optim.SGD(self.net.parameters(), 0.1, momentum=0.9, weight_decay=0.1)

    def begin_task(self, dataset): ...

    def train_task(self, task):
        """As utils/training.py: a scheduler makes a new optimizer after `begin_task`."""
        self.begin_task(None)
        self.opt = self.get_optimizer()
        losses = [self.observe(images, labels, images, epoch=0) for images, labels in batches_of(task)]
        self.end_task(None)
        self._current_task += 1
        return losses


@pytest.fixture
def example(fake_modules):
    fake_modules("models.utils.continual_model", ContinualModel=ContinualModel)
    return load_example("mammoth_method")


def method(example, model, *arguments):
    args = example.PlannedRates.get_parser(ArgumentParser()).parse_args(arguments)
    return example.PlannedRates(model, cross_entropy, args, None, None)


def test_the_plan_holds_from_its_first_task_on(example, plan_file, model):
    trained = method(example, model, "--plan", str(plan_file))
    frozen = torch.tensor(entropy.read_plan(plan_file).multipliers["hidden"] == 0)
    start = model.hidden.weight.detach().clone()
    losses = trained.train_task(0)
    assert all(isinstance(loss, float) for loss in losses)
    learnt = model.hidden.weight.detach().clone()
    assert (learnt != start).any(1).all()
    for task in (1, 2):
        trained.train_task(task)
        assert torch.equal((model.hidden.weight != learnt).any(1), ~frozen)


def test_a_backbone_that_comes_trained_is_protected_at_once(example, plan_file, model):
    trained = method(example, model, "--plan", str(plan_file), "--plan_first", "0")
    start = model.hidden.weight.detach().clone()
    trained.train_task(0)
    frozen = torch.tensor(entropy.read_plan(plan_file).multipliers["hidden"] == 0)
    assert torch.equal((model.hidden.weight != start).any(1), ~frozen)


def test_the_parser_of_older_versions(example):
    parsed = example.PlannedRates.get_parser().parse_args(["--plan", "plan.json"])
    assert parsed == Namespace(plan="plan.json", plan_modules=None, plan_first=1)


def test_names_that_the_backbone_does_not_have_are_said(example, plan_file):
    trained = method(example, torch.nn.Sequential(torch.nn.Linear(3, 2)), "--plan", str(plan_file), "--plan_first", "0")
    with pytest.raises(entropy.PlanError, match="no module 'hidden'"):
        trained.train_task(0)
