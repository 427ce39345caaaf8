"""What a person would write differently: no Flatten before InnerProduct, ReLU in place, Silence for unused tops.

All functions take layers in single-assignment form (every blob is written once) and return new ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from converters.layer_spec import LayerSpec
from prototxt.net.layer_types import shares_gradient

# Layers that may overwrite their bottom: their backward pass needs no more than what they leave there.
IN_PLACE = frozenset({"ReLU", "Dropout", "Scale"})

# Layers whose top may be overwritten: their backward pass does not read it (LRN's, Softmax's or a product's would), and
# it shares no memory with another blob (as those of Flatten and Reshape do).
OVERWRITABLE = frozenset(
    {"Convolution", "InnerProduct", "BatchNorm", "Scale", "Bias", "Concat", "Pooling", "Slice", "ReLU", "Dropout"}
)


def simplified(layers: Sequence[LayerSpec], outputs: Collection[str]) -> list[LayerSpec]:
    """All that this file does; ``outputs`` are the blobs that the net gives."""
    layers = drop_flattens(merge_reshapes(layers, outputs), outputs)
    return work_in_place(silence_unused(keep_gradients(layers), outputs), outputs)


def merge_reshapes(layers: Sequence[LayerSpec], outputs: Collection[str]) -> list[LayerSpec]:
    """Let a Reshape or Flatten of a Reshape or Flatten read what that one read; one that nobody reads any more goes."""
    makers = {top: layer for layer in layers for top in layer.tops}
    merged = []
    for layer in layers:
        while (maker := makers.get(layer.bottoms[0]) if layer.bottoms else None) and _can_merge(maker, layer):
            layer = replace(layer, bottoms=maker.bottoms)
        merged.append(layer)
    used = {bottom for layer in merged for bottom in layer.bottoms} | set(outputs)
    return [layer for layer in merged if not _copied_axes(layer) or layer.tops[0] in used]


def keep_gradients(layers: Sequence[LayerSpec]) -> list[LayerSpec]:
    """Write as a Reshape every Flatten of a blob that shares its memory with another.

    In stock Caffe 1.0 the backward pass of Flatten replaces the memory of the gradient, so that a layer below that
    shares it (`prototxt.net.layer_types.shares_gradient`) hands zeros down (BVLC/caffe issue 6769).
    """
    makers = {top: layer for layer in layers for top in layer.tops}
    return [
        replace(layer, type="Reshape", fields={"reshape_param": {"shape": {"dim": [0, -1]}}})
        if layer.type == "Flatten" and not layer.fields and _shares_gradient(makers.get(layer.bottoms[0]))
        else layer
        for layer in layers
    ]


def drop_flattens(layers: Sequence[LayerSpec], outputs: Collection[str]) -> list[LayerSpec]:
    """Leave out every Flatten whose result only InnerProducts over axis 1 read, which flatten by themselves.

    ReLU and Dropout may come between: they do not care for the shape.
    """
    readers = _readers(layers)

    def only_feeds_inner_products(blob: str) -> bool:
        return (
            blob not in outputs
            and bool(readers.get(blob))
            and all(
                _flattens_itself(reader) or (reader.type in ("ReLU", "Dropout") and only_feeds_inner_products(top))
                for reader in readers[blob]
                for top in reader.tops
            )
        )

    aliases: dict[str, str] = {}
    kept = []
    for layer in layers:
        layer = _renamed(layer, aliases)
        if layer.type == "Flatten" and only_feeds_inner_products(layer.tops[0]):
            aliases[layer.tops[0]] = layer.bottoms[0]
        else:
            kept.append(layer)
    return kept


def work_in_place(layers: Sequence[LayerSpec], outputs: Collection[str]) -> list[LayerSpec]:
    """Let a layer write into its bottom where nothing else reads that, so that conv1 and relu1 share the blob conv1."""
    uses = Counter(bottom for layer in layers for bottom in layer.bottoms)
    overwritable = {top for layer in layers if _may_be_overwritten(layer) for top in layer.tops} - set(outputs)
    aliases: dict[str, str] = {}
    result = []
    for layer in layers:
        fits = layer.type in IN_PLACE and len(layer.bottoms) == 1 and _keeps_sign(layer)
        if fits and uses[layer.bottoms[0]] == 1 and layer.bottoms[0] in overwritable:
            aliases[layer.tops[0]] = aliases.get(layer.bottoms[0], layer.bottoms[0])
        renamed = _renamed(layer, aliases)
        result.append(replace(renamed, tops=tuple(aliases.get(top, top) for top in renamed.tops)))
    return result


def silence_unused(layers: Sequence[LayerSpec], outputs: Collection[str]) -> list[LayerSpec]:
    """Append one Silence layer that reads every top nobody reads, which Caffe would take for the net's outputs."""
    used = {bottom for layer in layers for bottom in layer.bottoms} | set(outputs)
    unused = [top for layer in layers for top in layer.tops if top not in used]
    names = {layer.name for layer in layers}
    name = next(name for name in ("silence", *(f"silence_{n}" for n in range(2, len(names) + 3))) if name not in names)
    return [*layers, LayerSpec(name, "Silence", tuple(unused), ())] if unused else list(layers)


def _can_merge(maker: LayerSpec, reader: LayerSpec) -> bool:
    """Whether a Reshape or Flatten can read what the one before it reads: that one copies every axis that it copies."""
    copied = _copied_axes(reader)
    return bool(copied) and copied <= _copied_axes(maker)


def _copied_axes(layer: LayerSpec) -> set[int]:
    """Axes that a Reshape or Flatten of all axes leaves as they are; none for other layers."""
    if layer.type == "Flatten" and not layer.fields:
        return {0}
    param = layer.fields.get("reshape_param", {})
    if layer.type != "Reshape" or set(param) != {"shape"}:
        return set()
    return {axis for axis, extent in enumerate(param["shape"]["dim"]) if extent == 0}


def _shares_gradient(layer: LayerSpec | None) -> bool:
    return layer is not None and shares_gradient(layer.type, len(layer.bottoms), len(layer.tops))


def _readers(layers: Sequence[LayerSpec]) -> dict[str, list[LayerSpec]]:
    readers: dict[str, list[LayerSpec]] = {}
    for layer in layers:
        for bottom in layer.bottoms:
            readers.setdefault(bottom, []).append(layer)
    return readers


def _flattens_itself(layer: LayerSpec) -> bool:
    return layer.type == "InnerProduct" and layer.fields["inner_product_param"].get("axis", 1) == 1


def _may_be_overwritten(layer: LayerSpec) -> bool:
    sums = layer.type == "Eltwise" and layer.fields.get("eltwise_param", {}).get("operation", "SUM") == "SUM"
    return sums or layer.type in OVERWRITABLE


def _keeps_sign(layer: LayerSpec) -> bool:
    """ReLU's backward pass reads the sign of its bottom, which a slope below zero would turn round."""
    return layer.fields.get("relu_param", {}).get("negative_slope", 0.0) >= 0


def _renamed(layer: LayerSpec, aliases: dict[str, str]) -> LayerSpec:
    return replace(layer, bottoms=tuple(aliases.get(bottom, bottom) for bottom in layer.bottoms))
