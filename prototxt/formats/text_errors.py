"""What is wrong with a prototxt, said to a person: what was found, what is allowed, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from prototxt.common.names import nearest
from prototxt.formats.forks import fork_of
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text_places import layer_at, layer_blocks
from prototxt.formats.text_tokens import BACKSLASHES, UNCLOSED, TextError, shown

_ALLOWED: dict[int, str] = {
    FieldDescriptor.TYPE_INT32: "an integer from -2147483648 to 2147483647",
    FieldDescriptor.TYPE_UINT32: "an integer from 0 to 4294967295",
    FieldDescriptor.TYPE_INT64: "an integer of 64 bits",
    FieldDescriptor.TYPE_FLOAT: "a number",
    FieldDescriptor.TYPE_DOUBLE: "a number",
    FieldDescriptor.TYPE_BOOL: "true or false",
    FieldDescriptor.TYPE_STRING: 'text in quotes, as in "conv1"',
    FieldDescriptor.TYPE_BYTES: "text in quotes",
    FieldDescriptor.TYPE_ENUM: "the name of a value",
}
_CLOSED = re.compile(r"""^(?:[^"'#]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*""")
"""What stands on a line before a string that does not end there."""
_OTHER_FILES = ((SolverParameter, "a solver's settings"), (NetParameter, "a net"))


def explain(error: TextError, text: str, source: str) -> str:
    """One sentence for a place that Caffe does not read: ``file:line: layer 'name': what is wrong``."""
    layer = layer_at(text, error.line)
    sentence = str(error)
    if sentence == UNCLOSED:
        sentence = unclosed_string(_open_string(text.split("\n")[error.line - 1]))
    return f"{source}:{error.line}: " + (f"layer '{layer.name}': " if layer else "") + sentence


def explain_missing_fields(message: Message, text: str, source: str) -> str:
    """One sentence for the required fields that a message lacks; '' if none."""
    missing = message.FindInitializationErrors()  # type: ignore[attr-defined]  # the stubs lack it
    if not missing:
        return ""
    fields = ", ".join(re.sub(r"^layers?\[\d+\]\.", "", path) for path in missing)
    place, first = f"{source}: ", re.match(r"layers?\[(\d+)\]\.", missing[0])
    if first:
        block = layer_blocks(text)[int(first.group(1))]
        place = f"{source}:{block.first_line}: layer '{block.name}': "
    return f"{place}lacks {fields}; add what is missing"


def unknown_field(message: Descriptor, name: str, root: Descriptor) -> str:
    """A field that Caffe's message lacks: of a fork, of another file, or misspelt."""
    if fork := fork_of(message.name, name):
        return f"{message.name} has no field '{name}' in stock Caffe: it belongs to {fork}"
    for other, what in _OTHER_FILES:
        if message.name == root.name != other.DESCRIPTOR.name and name in other.DESCRIPTOR.fields_by_name:
            return f"'{name}' is a field of {other.DESCRIPTOR.name}; this file is {what}, not a {root.name}"
    names = list(message.fields_by_name)
    close = nearest(name, names)
    hint = f"did you mean '{close}'?" if close and _misspelt(name, close) else _fields(name, names)
    return f"{message.name} has no field '{name}'; {hint}"


def unknown_enum_value(enum: EnumDescriptor, field: str, found: str) -> str:
    """A name, or a number, that an enum does not have."""
    return f"{field} must be {_one_of([value.name for value in enum.values])}; got {found}"


def given_twice(message: Descriptor, field: str) -> str:
    """A second value of a field that takes one."""
    return f"'{field}' is given more than once; {message.name} takes one"


def wrong_value(field: FieldDescriptor, found: str) -> str:
    """A value of another kind, or out of range."""
    allowed = _ALLOWED[field.type]
    if field.enum_type is not None:
        allowed = _one_of([value.name for value in field.enum_type.values])
    return f"{field.name} must be {allowed}" + (f"; got {shown(found)}" if found else "; got nothing")


def expected(symbol: str, field: str) -> str:
    """A colon, or a bracket, that is missing behind a field's name."""
    if symbol == "{":
        return f"'{field}' holds fields: expected '{{' after it"
    return f"expected '{symbol}' after '{field}'"


def never_closed(bracket: str) -> str:
    """A block that the text ends in."""
    return f"the block that is open here is never closed; add '{bracket}'"


def closes_nothing(bracket: str) -> str:
    """A closing bracket where none of its kind is open."""
    return f"this '{bracket}' closes nothing: there is one too many, or an opening one is missing above"


def stray(found: str) -> str:
    """Something else where a field should begin."""
    return f"expected the name of a field; got {shown(found)!r}"


def unclosed_string(string: str) -> str:
    """A string that runs over its line: a closing quote is missing, or a backslash stands before it."""
    if escaped := re.match(r""".*?(?<!\\)(?:\\\\)*\\["'](?=\s*(?:[#,;}]|$))""", string):
        return f"the backslash before the last quote of {shown(escaped.group())} escapes it; {BACKSLASHES}"
    return f"the text in quotes {shown(string)} does not end on its line; add the closing quote"


def path_with_control_characters(field: str, string: str) -> str:
    """A path in which a backslash and the letter behind it are a line break or the like."""
    return f"{field} {shown(string)} has a control character, as a backslash begins an escape; {BACKSLASHES}"


def _open_string(line: str) -> str:
    """The string of a line that does not end on it, with its quote."""
    rest = _CLOSED.sub("", line, count=1)
    return rest.rstrip()


def _misspelt(name: str, close: str) -> bool:
    """Whether two names may be the same word: those of which one has a word more mean different things."""
    return len(name.split("_")) == len(close.split("_")) or name.replace("_", "") == close.replace("_", "")


def _fields(name: str, names: Iterable[str]) -> str:
    """What a message has instead; of layers' settings only the general fields, as there are too many others."""
    general = [each for each in names if not each.endswith("_param")]
    if name.endswith("_param") and len(general) > 1:
        return "it belongs to a fork of Caffe, and this project does not know which"
    return f"its fields are {', '.join(names)}"


def _one_of(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
