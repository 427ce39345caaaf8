"""Texts at the edges of protobuf's text format: what Caffe's own programs take, and what they refuse."""

from __future__ import annotations


def net(field: str) -> str:
    """A net with a layer that has these fields."""
    return f'name: "n"\nlayer {{ name: "c" type: "T" {field} }}\n'


FLOATS = "param {{ lr_mult: {} }}"
UNSIGNED = "convolution_param {{ num_output: {} }}"
SIGNED = "concat_param {{ axis: {} }}"
WIDE = "reshape_param {{ shape {{ dim: {} }} }}"
BOOLS = "convolution_param {{ bias_term: {} }}"
ENUMS = "pooling_param {{ pool: {} }}"
STRINGS = "bottom: {}"

VALUES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # how a field is written: values taken, values refused
    FLOATS: (
        (
            *("1", "1.", ".5", "1.5", "1e3", "1E3", "1e+3", "1e-3", "1f", "1F", "1.5f", "1e3f", ".5f", "0f", "0"),
            *("0.0", "-1", "- 1", "-\n1", "- # why\n 1", "-0", "-.5", "- .5f", "inf", "-inf", "- inf", "INF"),
            *("Infinity", "-infinity", "nan", "NaN", "-nan", "1e39", "1e400", "1e-50"),
            *("123456789012345678901234567890", "18446744073709551616", "0e0", "1;", "1,"),
        ),
        (
            *("+1", "1_000", "0x1", "010", "00", "inff", "infinit", "1e", "1e+", "1.2.3", "1..2", "--1", "true", '"1"'),
            *("1d", "1l", "0x1.8p1", "- -1", "", "'1'", "{ }", "1 2", "½", "1\u00a0", "-"),
        ),
    ),
    UNSIGNED: (
        (*("3", "0", "0x10", "0X1f", "010", "00", "4294967295", "0xffffffff", "3;", "3,", "000000000003"),),
        (
            *("-1", "-0", "- 0", "+1", "1_000", "4294967296", "1.0", "1e2", "09", "0x", "0xg", "0b1", "0o7", "1f"),
            *("true", '"3"', "-", "3u", "3L", "99999999999999999999"),
        ),
    ),
    SIGNED: (
        (*("1", "-1", "- 1", "-0", "0x10", "-0x10", "-010", "2147483647", "-2147483648"),),
        (*("+1", "2147483648", "-2147483649", "1.", "--1", "- - 1", "one"),),
    ),
    WIDE: (
        (*("-1", "9223372036854775807", "-9223372036854775808", "0x7fffffffffffffff", "[1, 2]", "[]", "[ 1 ]"),),
        (*("9223372036854775808", "[1, 2", "[1 2]", "[1,]", "[,1]"),),
    ),
    BOOLS: (
        (*("true", "false", "True", "False", "t", "f", "0", "1", "00", "01", "0x1", "0x0", "001", "0X01"),),
        (*("TRUE", "FALSE", "T", "F", "yes", "on", "2", "-1", "-0", "10", "0x2", '"true"', "1.0", "tRUE"),),
    ),
    ENUMS: (
        (*("MAX", "AVE", "0", "1", "0x1", "01", "-0"),),
        (*("max", "3", "-1", '"MAX"', "1.0", "+1", "STOCHASTIK"),),
    ),
    STRINGS: (
        (
            *('"a"', "'a'", '"a" "b"', "'a' \"b\"", '"a"\n  "b"', '""', '"a\'b"', "'a\"b'", r'"a\"b"', r"'a\'b'"),
            *(r'"\n\t\r\a\b\f\v\\\?"', r'"\101"', r'"\1"', r'"\1012"', r'"\400"', r'"\777"', r'"\0"', r'"\x41"'),
            *(r'"\U00110000"', r'"\x4"', r'"\x414"', r'"\u00e9"', r'"\U0001F600"', r'"\ud83d\ude00"', r'"\303\251"'),
            *('"ö"', '"日本"', '"a\tb"', '"a\x01b"', '"\x7f"', '"#no comment"', '"\u00a0"', '["a", "b"]'),
            *("[\"a\" 'b']", '"a"  # a comment\n', '"a\\\\b"', '"C:\\new"'),
        ),
        (
            *(r'"\d"', r'"\q"', r'"\8"', r'"\x"', r'"\xg"', r'"\u12"', r'"\U123"', r'"\U00200000"', r'"\ "', '"a'),
            *("'a", "\"a'", "a", "1", "true", '"a" b', "“a”", r'"C:\data"', r'"D:\"', '"a\\\nb"', '"a" + "b"'),
        ),
    ),
}  # fmt: skip

TAKEN = [
    "",
    " \t\r\n\v\f",
    "# only a comment",
    'name: "n" # a comment { with a brace',
    'name:"n"layer{name:"a"}',
    "layer: { name: 'a' }",
    "layer < name: 'a' >",
    "layer: < name: 'a' >",
    "layer { name: 'a'; type: 'T', top: 'b'; }",
    "layer { name: 'a' }; layer { name: 'b' },",
    "layer [ { name: 'a' }, { name: 'b' } ]",
    "layer: [ < name: 'a' > ]",
    "layer: []",
    "layer { }",
    "name: 'n'\r\nlayer { name: 'a' }\r\n",
    "name: 'n'\rlayer { name: 'a' }",
    "name\n:\n'n'",
    "name: 'n'#x\n#y\n",
    "input: 'data' input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8",
    "input: 'data' input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8 input_dim: 9 input_dim: 9",
    "input: 'data' input_shape { dim: 1 } input_shape { dim: 2 }",
    "input: 'data' input_shape { dim: 1 } input_dim: 7",
    "input: 'data'",
    "input_dim: 1",
    "force_backward: 01",
]

REFUSED = [
    "name 'n'",
    "name: 'n' name: 'm'",
    "name: 'n' {",
    "layer { name: 'a'",
    "layer { name: 'a' >",
    "layer < name: 'a' }",
    "layer { name: 'a' } }",
    "layer: 'a'",
    "layer { name: 'a' };;",
    "layer { name: 'a',; }",
    "Layer { name: 'a' }",
    "1: 'n'",
    "'name': 'n'",
    "[name]: 'n'",
    "nme: 'n'",
    "// name: 'n'",
    "/* name */",
    "name: 'n' \x01",
    "name: 'n' \u00a0",
    "\u00a0name: 'n'",
    "name: 'n' \u3000",
    "name: ['n']",
    "layer { convolution_param { } convolution_param { } }",
    "layer { relu6_param { } }",
    "@",
    "-",
    "name = 'n'",
    "name.5",
    "name:: 'n'",
    "na-me: 'n'",
    net("param { lr_mult: 1.5decay_mult: 2 }"),
    net("convolution_param { num_output: 3bias_term: true }"),
    net("convolution_param { num_output: 3stride: 2 }"),
]

TAKEN += [net(written.format(value)) for written, (taken, _) in VALUES.items() for value in taken]
REFUSED += [net(written.format(value)) for written, (_, refused) in VALUES.items() for value in refused]
