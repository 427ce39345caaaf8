"""What protobuf says about a faulty prototxt, said to a person: file:line, layer, what was found, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from prototxt.common.names import did_you_mean
from prototxt.formats.schema import POOL, NetParameter, SolverParameter
from prototxt.formats.text_places import layer_at, layer_blocks

# Fields that people bring from other Caffes, and what stock Caffe has instead.
FOREIGN_FIELDS = {
    "relu6_param": "relu6_param belongs to forks of Caffe; write ReLU6 as ReLU(x) - ReLU(x - 6)",
}

_ALLOWED: dict[int, str] = {
    FieldDescriptor.TYPE_INT32: "an integer from -2147483648 to 2147483647",
    FieldDescriptor.TYPE_UINT32: "an integer from 0 to 4294967295",
    FieldDescriptor.TYPE_INT64: "an integer",
    FieldDescriptor.TYPE_FLOAT: "a number",
    FieldDescriptor.TYPE_DOUBLE: "a number",
    FieldDescriptor.TYPE_BOOL: "true or false",
    FieldDescriptor.TYPE_STRING: 'text in quotes, as in "conv1"',
}


def explain_parse_error(error: text_format.ParseError, text: str, message_class: type[Message], source: str) -> str:
    """One sentence for a parse error: ``file:line: layer 'name': what is wrong; what is allowed``."""
    line = error.GetLine() or 1
    said = re.sub(r"^\d+:\d+ : ('.*': )?", "", str(error), flags=re.DOTALL)
    layer = layer_at(text, line)
    place = f"{source}:{line}: " + (f"layer '{layer.name}': " if layer else "")
    key = _key_before(text, line, error.GetColumn() or 1)
    for pattern, explain in _EXPLANATIONS:
        if match := re.match(pattern, said, re.DOTALL):
            return place + explain(match, key, message_class)
    return f"{place}{said.rstrip('.')}"


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


def _unknown_field(match: re.Match[str], key: str, message_class: type[Message]) -> str:
    type_name, name = match.groups()
    descriptor = POOL.FindMessageTypeByName(type_name)
    if name in FOREIGN_FIELDS:
        return f"{descriptor.name} has no field '{name}': {FOREIGN_FIELDS[name]}"
    for other, what in ((SolverParameter, "a solver's settings"), (NetParameter, "a net")):
        if (
            descriptor.name == message_class.__name__ != other.DESCRIPTOR.name
            and name in other.DESCRIPTOR.fields_by_name
        ):
            return (
                f"'{name}' is a field of {other.DESCRIPTOR.name}; this file is {what}, not a {message_class.__name__}"
            )
    names = list(descriptor.fields_by_name)
    hint = did_you_mean(name, names, f"its fields are {', '.join(names)}")
    return f"{descriptor.name} has no field '{name}'; {hint}"


def _unknown_enum_value(match: re.Match[str], key: str, message_class: type[Message]) -> str:
    type_name, found = match.groups()
    values = [value.name for value in POOL.FindEnumTypeByName(type_name).values]
    return f"{key or type_name.rpartition('.')[2]} must be {_one_of(values)}; got {found}"


def _given_twice(match: re.Match[str], key: str, message_class: type[Message]) -> str:
    type_name, name = match.groups()
    return f"'{name}' is given more than once; {type_name.rpartition('.')[2]} takes one"


def _wrong_value(match: re.Match[str], key: str, message_class: type[Message]) -> str:
    allowed = {_ALLOWED[kind] for kind in _types_of_fields_called(key) if kind in _ALLOWED}
    found = match["found"].strip("'\"") if "found" in match.re.groupindex else ""
    got = f"; got {found}" if found else ""
    return f"{key or 'the value'} must be {_one_of(sorted(allowed)) if allowed else 'of another kind'}{got}"


def _expected(match: re.Match[str], key: str, message_class: type[Message]) -> str:
    if match["what"] == "}" or match["what"] == ">":
        return f"the block that is open here is never closed; add '{match['what']}'"
    if match["what"] == "{":
        return f"'{key}' holds fields: expected '{{' after it" if key else "expected '{'"
    return f"expected '{match['what']}'" + (f" after '{key}'" if key else "")


def _stray(match: re.Match[str], key: str, message_class: type[Message]) -> str:
    found = match["found"]
    if found in ("}", ">"):
        return f"this '{found}' closes nothing: there is one too many, or an opening one is missing above"
    return f"expected the name of a field; got '{found}'"


def _unclosed_string(match: re.Match[str], key: str, message_class: type[Message]) -> str:
    return f"the text in quotes{f' of {key}' if key else ''} does not end on its line; add the closing quote"


_EXPLANATIONS: list[tuple[str, Callable[[re.Match[str], str, type[Message]], str]]] = [
    (r'Message type "([\w.]+)" has no field named "(\w+)"', _unknown_field),
    (r'Enum type "([\w.]+)" has no value (?:named|with number) (\S+?)\.?$', _unknown_enum_value),
    (r'Message type "([\w.]+)" should not have multiple "(\w+)" fields', _given_twice),
    (r"Couldn't parse (?:integer|float): (?P<found>\S+)", _wrong_value),
    (r"Value out of range: (?P<found>\S+)", _wrong_value),
    (r"Expected string but found: (?P<found>.+)", _wrong_value),
    (r'Expected "true" or "false"', _wrong_value),
    (r'Expected "(?P<what>.)"', _expected),
    (r"Expected identifier or number, got (?P<found>.+?)\.$", _stray),
    (r"String missing ending quote", _unclosed_string),
]


def _key_before(text: str, line: int, column: int) -> str:
    """Name of the field whose value begins at a place (both counted from 1)."""
    lines = text.split("\n")
    before = "\n".join([*lines[max(0, line - 3) : line - 1], lines[line - 1][: column - 1] if lines else ""])
    match = re.search(r"(\w+)\s*:?\s*\[?\s*$", before)
    return match.group(1) if match else ""


def _types_of_fields_called(name: str) -> set[int]:
    messages = NetParameter.DESCRIPTOR.file.message_types_by_name.values()
    return {message.fields_by_name[name].type for message in messages if name in message.fields_by_name}


def _one_of(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
