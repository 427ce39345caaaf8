"""DummyData: tops made by fillers."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from prototxt.common.errors import NetError
from prototxt.formats.schema import DummyDataParameter, FillerParameter
from torchcaffe.fillers import fill
from torchcaffe.layer import Arity, Layer, Shape
from torchcaffe.registry import layer

LEGACY = ("num", "channels", "height", "width")


@layer("DummyData")
class DummyData(Layer):
    """Tops of given shapes, filled anew in every pass, except by constant fillers (which need no second time).

    Without a filler the tops are zero; one filler, like one shape, is for all tops.
    """

    bottoms: ClassVar[Arity] = (0, 0)
    tops: ClassVar[Arity] = (1, None)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read the shapes and fillers."""
        param, n_tops = self.param.dummy_data_param, len(self.param.top)
        self.top_shapes = _shapes(param, n_tops, f"layer '{self.name}' (DummyData)")
        fillers = list(param.data_filler) or [FillerParameter(type="constant", value=0)]
        if len(fillers) not in (1, n_tops):
            raise NetError(
                f"layer '{self.name}' (DummyData): has {len(fillers)} data_filler for {n_tops} tops; give none, one, "
                "or one for every top"
            )
        self._fillers = fillers * n_tops if len(fillers) == 1 else fillers
        self._constants: dict[int, Tensor] = {}
        for shape, filler in zip(self.top_shapes, self._fillers, strict=True):
            # A filler that cannot fill is found out now. Its shape matters to it, its size would only cost time.
            fill(torch.empty([min(side, 4) for side in shape]), filler, torch.Generator())

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """Fill the tops."""
        return tuple(self._top(index) for index in range(len(self._fillers)))

    def _top(self, index: int) -> Tensor:
        if index in self._constants and self._constants[index].device == self.device:
            return self._constants[index]
        assert self.top_shapes is not None  # set in setup
        top = torch.empty(self.top_shapes[index], device=self.device)
        fill(top, self._fillers[index], self.generator)
        if self._fillers[index].type == "constant":
            self._constants[index] = top
        return top


def _shapes(param: DummyDataParameter, n_tops: int, where: str) -> list[Shape]:
    legacy = {name: list(getattr(param, name)) for name in LEGACY}
    if any(legacy.values()):
        if param.shape:
            raise NetError(f"{where}: shape and num, channels, height, width are both given; keep shape")
        columns = [_for_every_top(values, n_tops, name, where) for name, values in legacy.items()]
        return list(zip(*columns, strict=True))
    return _for_every_top([tuple(shape.dim) for shape in param.shape], n_tops, "shape", where)


def _for_every_top(values: list, n_tops: int, name: str, where: str) -> list:
    if len(values) not in (1, n_tops):
        raise NetError(
            f"{where}: {name} is given {len(values)} times for {n_tops} tops; give it once, or once for every top"
        )
    return values * n_tops if len(values) == 1 else values
