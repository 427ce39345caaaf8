"""Write the tables of ``docs/methods.md`` from the registry of methods.

python tools/write_methods_page.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from finetune.methods import METHODS, Method
from prototxt.common.atomic import write_text

PAGE = Path(__file__).resolve().parents[1] / "docs/methods.md"
BEGIN, END = "<!-- written by tools/write_methods_page.py -->", "<!-- end of what is written -->"
COLUMNS = ("name", "what it does", "from", "stock Caffe", "options", "grid")


def tables() -> str:
    """A table for every file of methods, those that stock Caffe can train first; its docstring is the heading."""
    by_module: dict[str, list[Method]] = {}
    for method in METHODS.values():
        by_module.setdefault(method.prepare.__module__, []).append(method)
    order = sorted(by_module, key=lambda module: (not by_module[module][0].plain, module))
    return "\n\n".join(_section(module, by_module[module]) for module in order)


def page(text: str) -> str:
    """Give the page with its tables written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _section(module: str, methods: Iterable[Method]) -> str:
    heading = (sys.modules[module].__doc__ or module).splitlines()[0].rstrip(".")
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(method) for method in sorted(methods, key=lambda each: each.name))]
    return f"### {heading}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(method: Method) -> tuple[str, ...]:
    return (
        f"`{method.name}`",
        f"**{method.title}.** {method.what}",
        method.source,
        "yes" if method.plain else "no",
        _settings(method.options, _value),
        _settings(method.grid, lambda values: f"[{', '.join(map(_value, values))}]"),
    )


def _settings(settings: Mapping[str, Any], spell: Any) -> str:
    return "<br>".join(f"`{name} = {spell(value)}`" for name, value in settings.items()) or "–"


def _value(value: Any) -> str:
    """As TOML, in which study files are written."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else "none" if value is None else f"{value:g}"


if __name__ == "__main__":
    write_text(PAGE, page(PAGE.read_text()))
