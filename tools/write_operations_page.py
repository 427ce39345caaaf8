"""Write docs/converter-operations.md: which PyTorch operations convert, to which layers, and how exactly.

The page is made of the registry: every converter says its layers in the first sentence of its docstring, and its
exactness where it is registered. Run ``python tools/write_operations_page.py`` after a change; a test compares.
"""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from pathlib import Path

import converters.ops  # noqa: F401 - registers the converters
from converters.registry import CONVERTERS, EXACTNESS, Converter

PAGE = Path(__file__).resolve().parents[1] / "docs/converter-operations.md"

HEAD = """# What converts

Made by `tools/write_operations_page.py`; do not edit.

PyTorch's operations as `torch.export` captures them, the layers of stock Caffe 1.0 that they become, and how exactly:
**exact**, a layer that is the operation; **trick**, several layers that differ from it by float32's rounding alone;
**approximation**, with its largest error (relative where the value is above 1). A form of an operation that cannot be
expressed (a sum over the batch, a constant of its own for every picture) is refused by name, with its place in the
model. Values of different shapes broadcast as in PyTorch; the batch stays free.
"""


def page() -> str:
    """The page's text."""
    rows: defaultdict[tuple[str, Converter], list[str]] = defaultdict(list)
    for op, converter in CONVERTERS.items():
        rows[converter.__module__, converter].append(op)
    sections = []
    for module in sorted({module for module, _ in rows}):
        table = [_row(ops, converter) for (where, converter), ops in rows.items() if where == module]
        sections.append("\n".join([_heading(module), "", "| PyTorch | Caffe | |", "|---|---|---|", *table]))
    return "\n\n".join([HEAD.rstrip(), *sections]) + "\n"


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
