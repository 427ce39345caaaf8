"""Names of layers: those that the Caffe world knows a net by, or the places in the PyTorch model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import nn


class Namer:
    """Gives every operation a name of its own.

    Parameters
    ----------
    model : to tell a layer (a module without children) from a container.
    names : layer names by place in the model, e.g. ``{"features.0": "conv1"}``.
    reserved : names that no operation may get.
    """

    def __init__(self, model: nn.Module, names: Mapping[str, str], reserved: Iterable[str] = ()) -> None:
        self._leaves = {place for place, module in model.named_modules() if place and not any(module.children())}
        self._names = names
        self._taken = set(reserved)

    def name(self, place: str, op: str) -> str:
        """Name for an operation: by table, by its layer's place, or ``container.operation``."""
        if place in self._names:
            return self.unique(self._names[place])
        if place in self._leaves:
            return self.unique(place)
        short = op.split(".")[1].lstrip("_")
        return self.unique(f"{place}.{short}" if place else short)

    def unique(self, name: str) -> str:
        """``name``, with a number behind it if it is taken."""
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free)
        return free


def classic_names(model: nn.Module, by_stage: bool) -> dict[str, str]:
    """The names that Caffe's users know AlexNet and VGG by.

    Parameters
    ----------
    model : with a Sequential ``features`` of convolutions and a Sequential ``classifier``.
    by_stage : VGG's way (conv1_1, conv1_2, pool1, conv2_1) instead of AlexNet's (conv1, pool1, conv2).

    Returns
    -------
    layer names by place in the model; a pool, ReLU, normalisation or dropout is numbered as the layer before it.
    """
    names: dict[str, str] = {}
    stage, step, number = 1, 0, ""
    for place, module in _children(model, "features"):
        if isinstance(module, nn.Conv2d):
            step += 1
            number = f"{stage}_{step}" if by_stage else str(step)
        names[place] = f"{_PREFIX[type(module)]}{number}"
        if isinstance(module, nn.MaxPool2d) and by_stage:
            names[place] = f"pool{stage}"
            stage, step = stage + 1, 0
    last = stage - 1 if by_stage else step
    for place, module in _children(model, "classifier"):
        last += isinstance(module, nn.Linear)
        names[place] = f"{_PREFIX[type(module)]}{last}"
    return names


_PREFIX: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.BatchNorm2d: "bn",
    nn.ReLU: "relu",
    nn.MaxPool2d: "pool",
    nn.Linear: "fc",
    nn.Dropout: "drop",
}


def _children(model: nn.Module, part: str) -> list[tuple[str, nn.Module]]:
    return [(f"{part}.{name}", module) for name, module in model.get_submodule(part).named_children()]
