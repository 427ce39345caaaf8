from prototxt.formats.text_places import layer_at, layer_blocks

TEXT = """name: "net { layer"
# layer { name: "commented" }
layer { name: "one" type: 'Input' }
layer <
  name: "two"
  param { name: "shared" }
  type: "Convolution"
>
layers { layer { name: "old" type: "conv" } }
layer { top: "x" }
layer {
  name: "open"
"""


def test_layers_with_their_lines():
    found = [(block.name, block.type, block.first_line, block.last_line) for block in layer_blocks(TEXT)]
    assert found == [
        ("one", "Input", 3, 3),
        ("two", "Convolution", 4, 8),
        ("old", "conv", 9, 9),
        ("", "", 10, 10),
        ("open", "", 11, 13),
    ]


def test_layer_at_a_line():
    assert [getattr(layer_at(TEXT, line), "name", None) for line in (1, 3, 6, 9, 10, 12)] == [
        None,
        "one",
        "two",
        "old",
        None,
        "open",
    ]


def test_layers_inside_a_solver():
    assert [b.first_line for b in layer_blocks('net_param {\n layer {\n name: "a" } }\n')] == [2]
