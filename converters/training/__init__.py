"""A converted net as Caffe trains it: ``train_val.prototxt`` and ``solver.prototxt`` beside the net."""

from converters.training.data import TrainingData
from converters.training.files import write_training
from converters.training.net import training_net
from converters.training.solver import training_solver

__all__ = ["TrainingData", "training_net", "training_solver", "write_training"]
