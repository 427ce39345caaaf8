"""Write docs/converter-operations.md: which operations of PyTorch and ONNX convert, to which layers, and how exactly.

The page is made of the registries: every converter says its layers in the first sentence of its docstring, and its
exactness where it is registered; every translator of ONNX says the operations of PyTorch that it gives. Run
``python tools/write_operations_page.py`` after a change; a test compares.
"""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from pathlib import Path

import converters.onnx.ops
import converters.ops  # noqa: F401 - registers the converters
from converters.onnx.read import OPSETS
from converters.onnx.refused import REFUSED
from converters.onnx.registry import TRANSLATORS, operations
from converters.registry import CONVERTERS, EXACTNESS, Converter, short_name

PAGE = Path(__file__).resolve().parents[1] / "docs/converter-operations.md"

HEAD = """# What converts

Made by `tools/write_operations_page.py`; do not edit.

PyTorch's operations as `torch.export` captures them, the layers of stock Caffe 1.0 that they become, and how exactly:
**exact**, a layer that is the operation; **trick**, several layers that differ from it by float32's rounding alone;
**approximation**, with its largest error (relative where the value is above 1). A form of an operation that cannot be
expressed (a sum over the batch, a constant of its own for every picture) is refused by name, with its place in the
model. Values of different shapes broadcast as in PyTorch; the batch stays free. [ONNX](#onnx)'s operators come last.
"""

ONNX = f"""## ONNX
Operators of opsets {OPSETS[0]} to {OPSETS[-1]}. Each is read as operations of PyTorch, whose layers are those above,
and is at worst as exact as the least exact of them. What depends on shapes and constants alone is computed
beforehand and leaves no layer; operators that can be nothing else are **constants only**.

| ONNX | | PyTorch | |
|---|---|---|---|
"""

REFUSALS = """### Refused

| ONNX | since it is, or needs |
|---|---|
"""

STATUSES = ("exact", "trick", "approximation")


def page() -> str:
    """The page's text."""
    rows: defaultdict[tuple[str, Converter], list[str]] = defaultdict(list)
    for op, converter in CONVERTERS.items():
        rows[converter.__module__, converter].append(op)
    sections = []
    for module in sorted({module for module, _ in rows}):
        table = [_row(ops, converter) for (where, converter), ops in rows.items() if where == module]
        sections.append("\n".join([_heading(module), "", "| PyTorch | Caffe | |", "|---|---|---|", *table]))
    return "\n\n".join([HEAD.rstrip(), *sections, _onnx().rstrip(), _refused().rstrip()]) + "\n"


def _onnx() -> str:
    """The section about the operators of ONNX that are read."""
    worst = {"to": 0, "_to_copy": 0}  # between floating-point types, which are all float32 here
    for op, known in EXACTNESS.items():
        worst[short_name(op)] = max(worst.get(short_name(op), 0), STATUSES.index(known.status))
    rows = []
    for op, gives in operations().items():
        newest = TRANSLATORS[op][max(TRANSLATORS[op])].translate
        names = ", ".join(f"`{name}`" for name in gives) or "-"
        known = [worst[name] for name in gives if name in worst]
        how = STATUSES[max(known)] if gives and gives[0] in worst else "constants only"
        how = "exact" if op == "Identity" else how
        rows.append(f"| `{op}` | {_first_paragraph(inspect.getdoc(newest) or '')} | {names} | {how} |\n")
    return ONNX + "".join(rows)


def _refused() -> str:
    """The section about the operators of ONNX that are not read, by reason."""
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for op, reason in REFUSED.items():
        by_reason[reason].append(f"`{op}`")
    return REFUSALS + "".join(f"| {', '.join(ops)} | {reason} |\n" for reason, ops in by_reason.items())


def _heading(module: str) -> str:
    """Heading of the section about a file of converters: the first sentence of its docstring."""
    doc = inspect.getdoc(importlib.import_module(module)) or ""
    name = module.rpartition(".")[2]
    return f"## {name.replace('_', ' ').capitalize()}\n{_first_paragraph(doc)}"


def _row(ops: list[str], converter: Converter) -> str:
    known = EXACTNESS[ops[0]]
    names = ", ".join(f"`{_short(op)}`" for op in ops)
    how = known.status + (f": {known.error}" if known.error else "")
    return f"| {names} | {_first_paragraph(inspect.getdoc(converter) or '')} | {how} |"


def _first_paragraph(doc: str) -> str:
    return " ".join(doc.split("\n\n")[0].split()).replace("|", "\\|").replace("``", "`")


def _short(op: str) -> str:
    return op.removeprefix("aten.").removeprefix("converters.").removesuffix(".default")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
