"""The file of Python that a net becomes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from converters.back.describing import describe
from converters.back.pytorch.emitter import PyTorchEmitter
from converters.back.pytorch.expression import WIDTH, Code, bracketed, in_docstring, statement, string
from converters.back.pytorch.helpers import HELPERS
from converters.back.pytorch.identifiers import class_name
from converters.back.source_net import SourceNet

RECORD = "_blobs"


@dataclass(frozen=True)
class Module:
    """A module as text, and its arrays.

    Attributes
    ----------
    source : the net that it was made of.
    title : class name.
    parts : what it is made of.
    about : what its docstring says after the first line.
    """

    source: SourceNet
    title: str
    parts: PyTorchEmitter
    about: str = ""

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Arrays by their names in the state dictionary."""
        return self.parts.state

    def text(self, record: bool = False) -> str:
        """The file; with ``record`` its ``forward`` returns every value by the name of its blob and version."""
        return "\n".join([*self._head(), *self._helpers(), *self._class(record), *self._load()]) + "\n"

    def _head(self) -> list[str]:
        name = in_docstring(self.source.net.name) or self.title
        docstring = f'"""{name}, converted from Caffe.'
        about = ["", *map(_line, self.about.splitlines())] if self.about else []
        lines = [docstring, *about, '"""'] if about else [f'{docstring}"""']
        functional = ["import torch.nn.functional as F"] if self._uses("F") else []
        return [
            *lines,
            "",
            "from pathlib import Path",
            "",
            *(["import torch"] if self._uses("torch") else []),
            *functional,
            "from safetensors.torch import load_file",
            "from torch import nn",
            "",
        ]

    def _uses(self, prefix: str) -> bool:
        texts = [line.expression.text for line in self.parts.lines] + [
            each.text for each in self.parts.modules.values()
        ]
        texts += [HELPERS[name] for name in self.parts.helpers]
        return any(re.search(rf"(?<![\w.]){prefix}\.", text) for text in texts)

    def _helpers(self) -> list[str]:
        return [
            line for name in sorted(self.parts.helpers) for line in ("", *HELPERS[name].strip("\n").splitlines(), "")
        ]

    def _class(self, record: bool) -> list[str]:
        inputs = [self.parts.variable(value.blob).text for value in self.source.inputs]
        lines = ["", f"class {self.title}(nn.Module):", f'    """{self._sentence()}"""', "", "    def __init__(self):"]
        lines += ["        super().__init__()", *self._attributes(), ""]
        lines += _definition(["self", *inputs])
        return [*lines, *self._forward(record), ""]

    def _sentence(self) -> str:
        blobs = in_docstring(", ".join(value.blob for value in self.source.outputs))
        sentence = f"Gives {blobs}."
        return sentence if len(sentence) <= WIDTH - 10 else f"Gives {len(self.source.outputs)} blobs by their names."

    def _attributes(self) -> list[str]:
        lines: list[str] = []
        for attribute, made in self.parts.modules.items():
            if attribute in self.parts.buffers:
                item = bracketed("self.register_buffer(", [Code(f'"{attribute}"'), made], ")")
                lines += statement("", item, 8)
            elif made.text.startswith("nn."):
                lines += statement(f"self.{attribute} = ", made, 8)
            else:
                lines += statement(f"self.{attribute} = ", bracketed("nn.Parameter(", [made], ")"), 8)
        for path, owner in self.parts.ties:
            lines += statement(f"self.{path} = ", Code(f"self.{owner}"), 8)
        return lines

    def _forward(self, record: bool) -> list[str]:
        lines = [f"        {RECORD} = {{}}"] if record else []
        for line in self.parts.lines:
            if line.targets != line.expression.text:
                lines += statement(f"{line.targets} = ", line.expression, 8)
            if record and line.value is not None:
                lines.append(f"        {RECORD}[{string(str(line.value))}] = {line.targets}")
        return [*lines, *([f"        return {RECORD}"] if record else self._return())]

    def _return(self) -> list[str]:
        outputs = [(value.blob, self.parts.variable(value.blob)) for value in self.source.outputs]
        if len(outputs) == 1:
            return [f"        return {outputs[0][1]}"]
        items = [Code(f"{string(blob)}: {variable}") for blob, variable in outputs]
        return statement("return ", bracketed("{", items, "}"), 8)

    def _load(self) -> list[str]:
        return textwrap.dedent(f'''
            def load(weights=None):
                """Make the net with its weights: by default those beside this file."""
                net = {self.title}()
                weights = weights or Path(__file__).with_suffix(".safetensors")
                net.load_state_dict(load_file(weights))
                return net.eval()
            ''').splitlines()  # fmt: skip


def to_module(source: SourceNet, title: str = "", about: str = "") -> Module:
    """Write a net as a PyTorch module.

    Parameters
    ----------
    title : what the class is called after; by default the net's own name.
    about : text for the docstring.

    Raises
    ------
    ConversionError : for layers that cannot be converted; names them.
    """
    emit = PyTorchEmitter()
    values = {value: emit.variable(value.blob) for value in source.inputs}
    describe(source, emit, dict(values), emit.write)
    return Module(source, class_name(title or source.net.name or "net"), emit, about)


def _line(line: str) -> str:
    """A line of a docstring, which keeps its indentation."""
    indent = len(line) - len(line.lstrip())
    return " " * indent + in_docstring(line)


def _definition(arguments: Sequence[str]) -> list[str]:
    header = bracketed("forward(", [Code(argument) for argument in arguments], "):")
    return statement("def ", header, 4)
