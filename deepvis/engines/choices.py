"""The engines that can run the window's net, by name, and why one of them cannot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from deepvis.engines.describe import Naming, naming_of
from deepvis.engines.engine import BaseEngine, Engine
from deepvis.engines.pycaffe_engine import PycaffeEngine
from deepvis.engines.pycaffe_process import HINT, caffe_program
from deepvis.errors import ModelError
from deepvis.model.model import Model, pick_device
from deepvis.settings.settings import Settings, override

CAFFE = PycaffeEngine.name


@dataclass(frozen=True)
class Choice:
    """An engine of the menu.

    Parameters
    ----------
    name : ``caffe``, or torchcaffe's device: ``cpu``, ``cuda:0``, …
    title : for the menu.
    missing : why it cannot be chosen; empty where it can.
    """

    name: str
    title: str
    missing: str = ""


def choices(caffe_python: Path | None = None) -> tuple[Choice, ...]:
    """List the engines: torchcaffe on each device, and real Caffe."""
    return (Choice("cpu", "torchcaffe on the CPU"), *_cuda(), _caffe(caffe_python))


def make_engine(name: str, model: Model, naming: Naming | None = None, caffe_python: Path | None = None) -> BaseEngine:
    """Make an engine by its name in `choices`, or ``auto`` for torchcaffe on the best device.

    Real Caffe is started with its first picture, or by its ``start``.

    Raises
    ------
    ModelError : there is no such device.
    """
    return PycaffeEngine(model, caffe_python, naming) if name == CAFFE else Engine(model, pick_device(name), naming)


def engine_of(settings: Settings, model: Model) -> BaseEngine:
    """Make the engine that settings name."""
    name = CAFFE if settings.engine == "caffe" else settings.device
    return make_engine(name, model, naming_of(settings), settings.caffe_python)


def with_engine(settings: Settings, name: str) -> Settings:
    """Settings that name the engine of a `Choice`."""
    return override(settings, engine="caffe") if name == CAFFE else override(settings, engine="torchcaffe", device=name)


def _cuda() -> tuple[Choice, ...]:
    count = torch.cuda.device_count()
    if not count:
        return (Choice("cuda", "torchcaffe on CUDA", "PyTorch finds no CUDA device here"),)
    return tuple(Choice(f"cuda:{number}", f"torchcaffe on CUDA:{number}") for number in range(count))


def _caffe(python: Path | None) -> Choice:
    try:
        caffe_program(python)
    except ModelError:
        return Choice(CAFFE, "Real Caffe", HINT)
    return Choice(CAFFE, "Real Caffe")
