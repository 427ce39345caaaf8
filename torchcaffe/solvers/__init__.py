"""Update rules of Caffe's six solvers, one file each."""

from torchcaffe.solvers import adadelta, adagrad, adam, nesterov, rmsprop, sgd
from torchcaffe.solvers.registry import RULES, Rule, rule

__all__ = ["RULES", "Rule", "adadelta", "adagrad", "adam", "nesterov", "rmsprop", "rule", "sgd"]
