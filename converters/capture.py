"""Capture a PyTorch model by torch.export."""

from __future__ import annotations

import logging
import operator
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from itertools import product
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import InputKind, OutputKind

from converters.captured import Captured, NetInput, NetOutput
from converters.channels_last import keep_channels_first
from converters.errors import ConversionError
from converters.recognise import ASSERTIONS, drop_expansions, drop_what_has_no_value, keep_whole
from converters.signature import Shapes, arguments, input_names, leaves, named_shapes

Forward = Callable[
    [nn.Module, Mapping[str, tuple[int, ...]], torch.device, Collection[str]], tuple[dict[str, Tensor], Any]
]
"""Gives inputs of shapes, and what the model returns for them."""

FAKE_TENSORS = "torch._subclasses.fake_tensor"
"""Name of the logger that prints a traceback where a model does not take what it is given."""

UNKNOWN = object()
"""What a model returns that was not run."""

FREE_BATCH = 2
"""Pictures that a net of one picture is captured with: at one, PyTorch could not tell the batch from an axis of 1."""


def capture(model: nn.Module, shapes: Shapes, fixed_batch: str = "") -> Captured:
    """Capture ``model`` for inputs of ``shapes`` (batch first); the model is left as it was.

    Where one picture was asked for, the model is captured with `FREE_BATCH`, so that ``squeeze()`` and its like leave
    the batch alone; a model that does not take that many is captured as asked, and a note says so.

    Parameters
    ----------
    fixed_batch : why the batch must be the one that is asked for; "" where it need not.

    Raises
    ------
    ConversionError : if the model is not in float32, cannot process such inputs, or cannot be captured because its
        control flow depends on the values it computes.
    """
    asked = named_shapes(model, shapes)
    _check_float32(model)
    with evaluating(model):
        if fixed_batch:
            return _capture(model, asked, 1, (f"the batch is fixed to 1, since with more {fixed_batch}",))
        if any(shape[0] != 1 for shape in asked.values()):
            return _capture(model, asked)
        try:
            return _capture(model, asked, FREE_BATCH)
        except ConversionError as reason:
            note = f"the batch is fixed to 1, since with more {str(reason).split('; ')[0]}"
            return _capture(model, asked, 1, (note,))


def capture_again(model: nn.Module, captured: Captured, shapes: Mapping[str, tuple[int, ...]]) -> Captured | None:
    """Capture a model as it was captured before, for inputs of other shapes, without running it.

    Parameters
    ----------
    model : that was captured, or that it would be for these shapes.
    shapes : by name of the input, with the batch that was asked for.

    Returns
    -------
    None if the model does not take such inputs; what it returns is called by numbers.
    """
    asked = {each.parameter: shapes[each.name] for each in captured.inputs}
    whole = [each.parameter for each in captured.inputs if each.integers]
    with evaluating(model), _silent(logging.getLogger(FAKE_TENSORS)):
        try:
            return _capture(model, asked, captured.pictures, whole=whole, forward=_no_forward)
        except ConversionError:
            return None


def _capture(
    model: nn.Module,
    asked: dict[str, tuple[int, ...]],
    pictures: int = 1,
    notes: tuple[str, ...] = (),
    whole: Collection[str] = (),
    forward: Forward | None = None,
) -> Captured:
    """Capture with ``pictures`` times the batch that was asked for, inputs ``whole`` being whole numbers."""
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    shapes = {name: (shape[0] * pictures, *shape[1:]) for name, shape in asked.items()}
    values, result = (forward or _try_forward)(model, shapes, device, whole)
    positional, named = arguments(model, values)
    try:
        # torch prints the graph so far, beside its error, where it gives up
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            # of every recurrent module, which only keeps its weights a second time
            warnings.filterwarnings("ignore", "The tensor attributes? .*_flat_weights")
            program = torch.export.export(model, positional, named)
        keep_whole(program.graph)
        program = program.run_decompositions({})
    except Exception as error:  # whatever torch, or the model's own code, raises
        raise ConversionError(
            f"{type(model).__name__} cannot be captured by torch.export: {_first_line(error)}; its forward must "
            "neither decide by the values of tensors nor leave PyTorch"
        ) from error
    cast = _cast_to_integers(program)
    if set(cast) - set(whole):
        return _capture(model, asked, pictures, notes, [list(shapes)[number] for number in cast], forward)
    integers = [name for name, value in values.items() if not value.is_floating_point()]
    notes += tuple(f"input {name!r} is taken for whole numbers, as the model demands" for name in integers)
    return _captured(model, program, result, asked, shapes, set(integers), notes)


def _captured(
    model: nn.Module,
    program: torch.export.ExportedProgram,
    result: Any,
    asked: Mapping[str, tuple[int, ...]],
    shapes: Mapping[str, tuple[int, ...]],
    integers: set[str],
    notes: tuple[str, ...],
) -> Captured:
    signature = program.graph_signature
    users = [str(spec.arg.name) for spec in signature.input_specs if spec.kind == InputKind.USER_INPUT]
    stored = {**program.state_dict, **program.constants}
    kept = [spec for spec in signature.input_specs if spec.kind != InputKind.USER_INPUT and spec.target in stored]
    notes += tuple(
        f"the model writes to {spec.target} in its forward; the net does not"
        for spec in signature.output_specs
        if spec.kind == OutputKind.BUFFER_MUTATION
    )
    learned = {name for name, value in model.named_parameters(remove_duplicate=False) if value.requires_grad}
    drop_expansions(program.graph)
    keep_channels_first(program.graph)
    outputs = _outputs(model, program, result)
    drop_what_has_no_value(program.graph, {output.node for output in outputs})
    _check_finite(program.graph, stored, {str(spec.arg.name): str(spec.target) for spec in kept})
    values = integer_values(program.graph, stored, {str(spec.arg.name): str(spec.target) for spec in kept})
    return Captured(
        graph=program.graph_module,
        constants={str(spec.arg.name): stored[spec.target].detach() for spec in kept},
        targets={str(spec.arg.name): str(spec.target) for spec in kept},
        learned=frozenset(str(spec.arg.name) for spec in kept if spec.target in learned),
        inputs=tuple(
            NetInput(name, given, node, shapes[given], asked[given], values if given in integers else 0)
            for name, given, node in zip(input_names(list(shapes)), shapes, users, strict=True)
        ),
        outputs=outputs,
        notes=notes,
    )


def _outputs(model: nn.Module, program: torch.export.ExportedProgram, result: Any) -> tuple[NetOutput, ...]:
    """What the model returns, by its place in ``result``."""
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    pairs = zip(program.graph_signature.output_specs, output.args[0], strict=True)
    given = [value for spec, value in pairs if spec.kind == OutputKind.USER_OUTPUT]
    found = list(leaves([None] * len(given) if result is UNKNOWN else result))
    if len(found) != len(given):
        raise ConversionError(
            f"{type(model).__name__} returns a {type(result).__name__} that cannot be looked into; it must return "
            "tensors, in tuples, lists or dictionaries"
        )
    return tuple(
        NetOutput(path, node.name) if isinstance(node, fx.Node) else NetOutput(path, "", value)
        for (path, value), node in zip(found, given, strict=True)
    )


def _cast_to_integers(program: torch.export.ExportedProgram) -> list[int]:
    """Numbers of the inputs of which the graph reads nothing but whole numbers."""
    users = {str(spec.arg.name) for spec in program.graph_signature.input_specs if spec.kind == InputKind.USER_INPUT}
    inputs = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in users]
    casts = (torch.int64, torch.int32)
    return [
        number
        for number, node in enumerate(inputs)
        if (readers := [user for user in node.users if user.target not in ASSERTIONS])
        and all(reader.kwargs.get("dtype") in casts for reader in readers)
    ]


def integer_values(graph: fx.Graph, stored: Mapping[str, Any], targets: Mapping[str, str]) -> int:
    """How many whole numbers every table of embeddings in the graph has a row for; 2 where there is no table."""
    tables = [node.args[0] for node in graph.nodes if node.target is torch.ops.aten.embedding.default]
    rows = [len(stored[targets[table.name]]) for table in tables if table.name in targets]
    return min(rows, default=2)


def module_place(node: fx.Node) -> str:
    """Path of the innermost module whose forward made ``node``, "" for the model itself."""
    stack = node.meta.get("nn_module_stack") or {}
    return next(reversed(stack.values()))[0] if stack else ""


def is_getitem(node: fx.Node) -> bool:
    """Whether ``node`` only picks one of several results of another."""
    return node.target is operator.getitem


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Nothing is said by a logger for the length of the block."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Keep ``model`` in evaluation mode for the length of the block, then each module in the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _check_float32(model: nn.Module) -> None:
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor):  # an extra state, which no operation reads
            continue
        if value.is_quantized or value.is_complex():
            kind = "quantised" if value.is_quantized else "complex"
            raise ConversionError(f"{name} of the model is {kind} ({value.dtype}); Caffe knows real float32 only")
        if value.is_floating_point() and value.dtype != torch.float32:
            raise ConversionError(
                f"{name} of the model is {value.dtype}; Caffe computes in float32: call model.float()"
            )


def _check_finite(graph: fx.Graph, stored: Mapping[str, Any], targets: Mapping[str, str]) -> None:
    """Refuse weights that are infinite or no numbers, which would make every result so."""
    for node in graph.nodes:
        value = stored.get(targets.get(node.name, "")) if node.users else None
        if isinstance(value, Tensor) and value.is_floating_point() and not bool(value.isfinite().all()):
            wrong = (~value.isfinite()).nonzero()
            raise ConversionError(
                f"{targets[node.name]} of the model has {len(wrong)} values of {value.numel()} that are NaN or "
                f"infinite, the first at {wrong[0].tolist()}; give weights of a training that did not diverge"
            )


def _try_forward(
    model: nn.Module, shapes: Mapping[str, tuple[int, ...]], device: torch.device, whole: Collection[str]
) -> tuple[dict[str, Tensor], Any]:
    """Inputs that the model takes (real numbers, else whole ones), and what it returns for them."""
    first: Exception | None = None
    choices = [(torch.int64,) if name in whole else (torch.float32, torch.int64) for name in shapes]
    for types in product(*choices):
        pairs = zip(shapes.items(), types, strict=True)
        values = {name: torch.zeros(shape, dtype=dtype, device=device) for (name, shape), dtype in pairs}
        positional, named = arguments(model, {name: value.clone() for name, value in values.items()})
        try:
            with torch.no_grad():
                return values, model(*positional, **named)
        except Exception as error:  # the user's code may raise anything
            first = first or error
    assert first is not None
    given = [tuple(shape) for shape in shapes.values()]
    what = f"an input of shape {given[0]}" if len(given) == 1 else f"inputs of shapes {', '.join(map(str, given))}"
    raise ConversionError(
        f"{type(model).__name__} cannot process {what}: {_first_line(first)}; give the shape that it was made for"
    ) from first


def _no_forward(
    model: nn.Module, shapes: Mapping[str, tuple[int, ...]], device: torch.device, whole: Collection[str]
) -> tuple[dict[str, Tensor], Any]:
    """Inputs whose values nobody reads."""
    types = {name: torch.int64 if name in whole else torch.float32 for name in shapes}
    return {name: torch.empty(shape, dtype=types[name], device=device) for name, shape in shapes.items()}, UNKNOWN


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0].rstrip(".;:")[:300]
