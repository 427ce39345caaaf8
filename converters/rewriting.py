"""A conversion whose net is written otherwise, and still verified against the same PyTorch graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from converters.baking import bake_preprocessing
from converters.conversion import Conversion
from converters.errors import ConversionError
from converters.layer_spec import Reference
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.rewrite import Rewritten, caffe_names, fold, rename_layers, shorten, valid_names
from prototxt.targets import lint_for, rewrites_for, target
from prototxt.targets.target import STOCK

Rewrite = Callable[[NetParameter, Weights], Rewritten]

NAMES = ("modules", "caffe")
"""How layers may be called: after their modules, or conv1 … fc8 where the net is plain."""


@dataclass(frozen=True)
class Form:
    """What a converted net shall look like.

    Parameters
    ----------
    names : of the layers, one of `NAMES`.
    fold_batch_norm : into the convolutions, for inference.
    simplify : leave out what only training needs, and fold factors and shifts of channels into the convolutions.
    bake : put the preprocessing in front of the net.
    target : the program that it is for, one of `prototxt.targets.target_names`.
    """

    names: str = "modules"
    fold_batch_norm: bool = False
    simplify: bool = False
    bake: bool = False
    target: str = STOCK

    def of(self, conversion: Conversion) -> Conversion:
        """The conversion in this form.

        Raises
        ------
        ConversionError : if the target would refuse the net, naming every layer with the reason.
        """
        for wanted, rewrite in ((self.simplify, shorten), (self.fold_batch_norm, fold)):
            if wanted:
                conversion = rewritten(conversion, rewrite)
        conversion = named(conversion, self.names)
        return written_for(bake_preprocessing(conversion) if self.bake else conversion, self.target)


AS_CONVERTED = Form()


def rewritten(conversion: Conversion, rewrite: Rewrite) -> Conversion:
    """Apply a rewrite of `prototxt.rewrite` to the net of a conversion."""
    result = rewrite(conversion.net, conversion.weights)
    layers = {old: new[0] for (old, _), new in result.moved.items() if new}
    modules: dict[str, str] = {}
    for name, place in conversion.modules.items():
        modules.setdefault(layers.get(name, name), place)  # what was folded keeps the place of what it was folded into
    present = {layer.name for layer in result.net.layer}
    return replace(
        conversion,
        net=result.net,
        weights={name: [_float32(array) for array in arrays] for name, arrays in result.weights.items()},
        modules={name: place for name, place in modules.items() if name in present},
        references=tuple(moved for reference in conversion.references if (moved := _moved(reference, result))),
        outputs={path: blob and result.blobs.get(blob, blob) for path, blob in conversion.outputs.items()},
        notes=(*conversion.notes, *result.notes),
    )


def written_for(conversion: Conversion, name: str) -> Conversion:
    """Write a converted net in the dialect of a target."""
    wanted = target(name)
    for rewrite in rewrites_for(wanted):
        conversion = rewritten(conversion, rewrite)
    findings = lint_for(wanted, conversion.net)
    if findings:
        raise ConversionError(f"{wanted.title} would not take the net: {'; '.join(findings)}")
    return conversion


def named(conversion: Conversion, names: str) -> Conversion:
    """Give layers the names that were asked for, one of `NAMES`; all begin with a letter."""
    if names == "caffe":
        new = caffe_names(conversion.net)
        if new is not None:
            return rewritten(conversion, partial(rename_layers, names=new))
        note = "the net has branches, so its layers are called after the modules"
        conversion = replace(conversion, notes=(*conversion.notes, note))
    return rewritten(conversion, partial(rename_layers, names=valid_names(conversion.net)))


def _moved(reference: Reference, result: Rewritten) -> Reference | None:
    """The reference at the layer that makes its value now, None where there is none."""
    top = (reference.layer, reference.top)
    place = result.moved.get(top, top)
    return replace(reference, layer=place[0], top=place[1]) if place else None


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32).reshape(array.shape)
