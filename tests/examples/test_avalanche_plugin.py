"""Avalanche's plug-in, in a loop that calls what Avalanche calls, and in Avalanche where it is installed."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

import entropy
from tests.examples.conftest import Small, batches_of, load_example


class Plugin:
    """As `avalanche.core.SupervisedPlugin`: callbacks that do nothing."""

    def __init_subclass__(cls, supports_distributed=False):
        cls.supports_distributed = supports_distributed

    def before_training_exp(self, strategy, *args, **kwargs): ...

    def after_training_exp(self, strategy, *args, **kwargs): ...


class Strategy:
    """As `avalanche.training.templates` (0.6): adapt the optimizer, call plug-ins, train; the clock is last."""

    def __init__(self, model, plugins):
        self.model, self.plugins = model, plugins
        self.optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
        self.clock = SimpleNamespace(train_exp_counter=0)

    def train(self, experience):
        self.optimizer.state.clear()
        self.optimizer.param_groups[0]["params"] = list(self.model.parameters())
        for plugin in self.plugins:
            plugin.before_training_exp(self, num_workers=0)
        for images, labels in experience:
            self.optimizer.zero_grad()
            cross_entropy(self.model(images), labels).backward()
            self.optimizer.step()
        for plugin in self.plugins:
            plugin.after_training_exp(self, num_workers=0)
        self.clock.train_exp_counter += 1


@pytest.fixture
def example(fake_modules):
    fake_modules("avalanche.training.plugins", SupervisedPlugin=Plugin)
    return load_example("avalanche_plugin")


def test_the_plan_holds_from_its_first_experience_on(example, plan_file, model):
    strategy = Strategy(model, [example.PlannedRates(plan_file)])
    frozen = torch.tensor(entropy.read_plan(plan_file).multipliers["hidden"] == 0)
    assert 0 < frozen.sum() < 4
    start = model.hidden.weight.detach().clone()
    strategy.train(batches_of(0))
    learnt = model.hidden.weight.detach().clone()
    assert (learnt != start).any(1).all(), "the first experience is trained as always"
    strategy.train(batches_of(1))
    assert torch.equal((model.hidden.weight != learnt).any(1), ~frozen)


def test_a_net_that_comes_trained_is_protected_at_once_and_as_by_scale_updates(example, plan_file, model):
    made = entropy.read_plan(plan_file)
    strategy = Strategy(model, [example.PlannedRates(made, first=0)])
    strategy.train(batches_of(0))
    twin = Small()
    other = Strategy(twin, [])
    with entropy.scale_updates(other.optimizer, twin, made):
        other.train(batches_of(0))
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, twin.get_parameter(name)), name
    before = model.hidden.weight.detach().clone()
    strategy.plugins.clear()
    strategy.train(batches_of(1))
    assert (model.hidden.weight != before).any(1).all(), "without the plug-in everything learns again"


def test_in_avalanche_itself(plan_file, model):
    pytest.importorskip("avalanche", reason="Avalanche is not installed: pip install avalanche-lib")
    from avalanche.benchmarks.scenarios.dataset_scenario import benchmark_from_datasets
    from avalanche.benchmarks.utils.utils import as_classification_dataset
    from avalanche.training.supervised import Naive
    from torch.utils.data import TensorDataset

    sets = []
    for task in range(2):
        images, labels = (torch.cat(each) for each in zip(*batches_of(task), strict=True))
        dataset = TensorDataset(images, labels)
        dataset.targets = labels.tolist()
        sets.append(as_classification_dataset(dataset))
    strategy = Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=8,
        plugins=[load_example("avalanche_plugin").PlannedRates(plan_file)],
        evaluator=None,
    )
    start = model.hidden.weight.detach().clone()
    first, second = benchmark_from_datasets(train=sets).train_stream
    strategy.train(first)
    learnt = strategy.model.hidden.weight.detach().clone()
    assert (learnt != start).any(1).all()
    strategy.train(second)
    frozen = torch.tensor(entropy.read_plan(plan_file).multipliers["hidden"] == 0)
    assert torch.equal((strategy.model.hidden.weight != learnt).any(1), ~frozen)
