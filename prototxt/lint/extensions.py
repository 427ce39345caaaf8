"""Rules about layers of forks of Caffe: off where a net is meant for torchcaffe or the converters."""

from __future__ import annotations

from collections.abc import Iterator

from prototxt.formats.schema import EXTENSION_FIELDS, LayerParameter
from prototxt.lint.registry import layer_rule
from prototxt.net.extension_types import EXTENSION_TYPES, STOCK_FORM


@layer_rule()
def stock_layers_only(layer: LayerParameter) -> Iterator[str]:
    """Types that stock Caffe does not know; ``lint_net(net, extensions=True)`` leaves this rule out."""
    if layer.type in EXTENSION_TYPES:
        yield f"stock Caffe has no layer type '{layer.type}', which forks have; {STOCK_FORM[layer.type]}"


@layer_rule()
def settings_of_extensions(layer: LayerParameter) -> Iterator[str]:
    """Settings of such a type at another layer."""
    own = EXTENSION_TYPES[layer.type].param if layer.type in EXTENSION_TYPES else ""
    for name in sorted(EXTENSION_FIELDS - {own}):
        if layer.HasField(name):
            yield f"has {name}, which stock Caffe does not know; delete it"
