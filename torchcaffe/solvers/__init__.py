"""Update rules of Caffe's six solvers, one file each."""

from torchcaffe.solvers import adadelta, adagrad, adam, nesterov, rmsprop, sgd
from torchcaffe.solvers.registry import RULES, Rate, Rule, find_rule, rule

__all__ = [
    "RULES",
    "Rate",
    "Rule",
    "adadelta",
    "adagrad",
    "adam",
    "find_rule",
    "nesterov",
    "rmsprop",
    "rule",
    "sgd",
]
