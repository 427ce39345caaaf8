"""What the definition of an operator demands of a node, before anything relies on it."""

from __future__ import annotations

from pathlib import Path

from onnx import AttributeProto, NodeProto, defs

from converters.errors import ConversionError

OWN_DOMAINS = ("", "ai.onnx")
"""Names of the domain of ONNX's own operators."""


def check_schema(path: Path, node: NodeProto, label: str, opset: int) -> None:
    """Make sure that a node has as many inputs and outputs, and attributes of the types, that its operator has.

    A node of another domain, or of an operator that the opset does not have, is refused elsewhere.

    Raises
    ------
    ConversionError : if it does not.
    """
    if node.domain not in OWN_DOMAINS or not defs.has(node.op_type, opset, ""):
        return
    schema = defs.get_schema(node.op_type, opset, "")
    where = f"{path}: node {label!r} ({node.op_type})"
    for what, names, least, most in (
        ("input", node.input, schema.min_input, schema.max_input),
        ("output", node.output, schema.min_output, schema.max_output),
    ):
        if not least <= len(names) <= most:
            wanted = str(least) if least == most else f"at least {least}" if len(names) < least else f"at most {most}"
            raise ConversionError(
                f"{where} has {len(names)} {what}{'s' * (len(names) != 1)} instead of {wanted}; the file is damaged, "
                "export it again"
            )
    for attribute in node.attribute:
        known = schema.attributes.get(attribute.name)
        given = AttributeProto.AttributeType.Name(attribute.type)
        if known is not None and str(known.type).rpartition(".")[2] != given:
            raise ConversionError(
                f"{where} has an attribute {attribute.name!r} of another type than opset {opset} defines; the file is "
                "damaged, export it again"
            )
