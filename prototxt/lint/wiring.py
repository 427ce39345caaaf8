"""Rules about a whole net in one phase: who makes and reads which blob, who shares which parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prototxt.common.names import did_you_mean
from prototxt.formats.schema import LayerParameter, NetParameter, ParamSpec
from prototxt.lint.registry import Finding, net_rule, net_warning
from prototxt.net.layer_types import LAYER_TYPES


@net_rule
def bottoms_exist(net: NetParameter) -> Iterator[Finding]:
    """A bottom is made by a layer above."""
    made: dict[str, None] = {}
    for layer in net.layer:
        for bottom in layer.bottom:
            if bottom not in made:
                hint = did_you_mean(bottom, made, "no layer above makes it")
                yield Finding(layer.name, f"its bottom '{bottom}' does not exist in phase {_phase(net)}; {hint}")
        made |= dict.fromkeys(layer.top)


@net_rule
def tops_are_made_once(net: NetParameter) -> Iterator[Finding]:
    """A blob is written again only in place: same position among bottoms and tops."""
    makers: dict[str, str] = {}
    for layer in net.layer:
        for index, top in enumerate(layer.top):
            in_place = index < len(layer.bottom) and layer.bottom[index] == top
            if top in makers and not in_place:
                sentence = f"its top '{top}' is already made by layer '{makers[top]}' in phase {_phase(net)}; rename it"
                yield Finding(layer.name, sentence)
            makers.setdefault(top, layer.name)


@net_rule
def only_reader_writes_in_place(net: NetParameter) -> Iterator[Finding]:
    """What several layers read Caffe splits into copies, so that a layer that writes over it has lost its bottom."""
    readers: dict[str, list[str]] = {}  # of each blob since it was last written
    for layer in net.layer:
        for bottom in layer.bottom:
            readers.setdefault(bottom, []).append(layer.name)
        for index, top in enumerate(layer.top):
            in_place = index < len(layer.bottom) and layer.bottom[index] == top
            if in_place and len(readers[top]) > 1:
                yield Finding(layer.name, _also_read(top, readers[top][:-1]))
            readers[top] = [layer.name] if _is_loss(layer, index) else []


@net_rule
def shared_params_agree(net: NetParameter) -> Iterator[Finding]:
    """Layers that share a parameter give it the same multipliers, or leave them out."""
    owners: dict[tuple[str, str], tuple[str, ParamSpec]] = {}
    for layer in net.layer:
        for spec in layer.param:
            for field in ("lr_mult", "decay_mult"):
                if not spec.name or not spec.HasField(field):
                    continue
                owner, first = owners.setdefault((spec.name, field), (layer.name, spec))
                if getattr(first, field) != getattr(spec, field):
                    yield Finding(
                        layer.name,
                        f"shares parameter '{spec.name}' with layer '{owner}', but its {field} is "
                        f"{getattr(spec, field):g}, not {getattr(first, field):g}; make them equal",
                    )


@net_warning
def names_are_unique(net: NetParameter) -> Iterator[Finding]:
    """Weights go to the first layer of a name, from the last."""
    for name, count in Counter(layer.name for layer in net.layer).items():
        if count > 1:
            yield Finding(name, f"{count} layers have this name in phase {_phase(net)}; only the first gets weights")


@net_warning
def settings_are_read(net: NetParameter) -> Iterator[Finding]:
    """Settings of another layer type are ignored."""
    of_a_type = {known.param: name for name, known in LAYER_TYPES.items() if known.param}
    for layer in net.layer:
        own = LAYER_TYPES.get(layer.type)
        for field, _ in layer.ListFields():
            if own and field.name in of_a_type and field.name != own.param:
                yield Finding(layer.name, f"its {field.name} is ignored: {layer.type} does not read it")


@net_warning
def tops_are_read(net: NetParameter) -> Iterator[Finding]:
    """A label that nobody reads becomes an output of the net; Silence hides it."""
    read = {bottom for layer in net.layer for bottom in layer.bottom}
    for layer in net.layer:
        if len(layer.top) > 1:
            for top in layer.top:
                if top not in read:
                    sentence = f"nothing reads its top '{top}', so it becomes an output; put a Silence layer on it"
                    yield Finding(layer.name, sentence)


@net_warning
def recurrent_weights_are_shared_by_every_step(net: NetParameter) -> Iterator[Finding]:
    """In training only the first step of the second layer has them (recurrent_layer.cpp, ``ShareWeights``)."""
    owners: dict[str, str] = {}
    for layer in net.layer if _phase(net) == "TRAIN" else ():
        for index, spec in enumerate(layer.param):
            if spec.name in owners and index >= _first_recurrent_blob(layer):
                yield Finding(
                    layer.name,
                    f"shares parameter '{spec.name}' with layer '{owners[spec.name]}', but in training Caffe shares it "
                    "at the first step only, and goes on with weights that it never trains; give it weights of its own",
                )
            if spec.name:
                owners.setdefault(spec.name, layer.name)


def _first_recurrent_blob(layer: LayerParameter) -> int:
    """Place of the first parameter that every step uses; beyond all for a layer without steps."""
    states = {"RNN": 1, "LSTM": 2}.get(layer.type)
    if states is None:
        return len(layer.param)
    exposed = states if layer.recurrent_param.expose_hidden else 0
    return 2 + (len(layer.bottom) > 2 + exposed)


def _is_loss(layer: LayerParameter, top: int) -> bool:
    return top < len(layer.loss_weight) and layer.loss_weight[top] != 0


def _also_read(blob: str, others: list[str]) -> str:
    who = ", ".join(f"'{name}'" for name in dict.fromkeys(others))
    return f"writes over its bottom '{blob}', which {who} reads too; give the top its own name"


def _phase(net: NetParameter) -> str:
    return "TEST" if net.state.phase else "TRAIN"
