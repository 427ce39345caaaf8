"""The multipliers of a written plan stand in it twice; a file whose two lists disagree is refused by name."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entropy import PlanError, measure, plan, read_plan
from prototxt.formats.text import read_net
from prototxt.split import split_net

CONV1, CONV2, BN2, SCALE2 = range(4)  # in split


@pytest.fixture(scope="module")
def content(small) -> dict:
    """A written plan of the small net: conv1, and branch/conv2 of two groups with its BatchNorm and Scale."""
    made = plan(measure(small.scan, bins=16), 6, levels=3)
    split = split_net(read_net(small.net), made.multipliers, {"branch/conv2": 8})
    found = json.loads(made.model_copy(update={"split": split.layers}).to_json())
    assert [layer["layer"] for layer in found["split"]] == ["conv1", "branch/conv2", "bn2", "scale2"]
    return found


def write(content: dict, path: Path) -> Path:
    path.write_text(json.dumps(content))
    return path


def copied(content: dict) -> dict:
    return json.loads(json.dumps(content))


def test_a_written_plan_is_read(small, content, tmp_path):
    read = read_plan(write(content, tmp_path / "plan.json"))
    for method in range(1, 7):
        made = plan(measure(small.scan, bins=16), method)
        split = split_net(read_net(small.net), made.multipliers, {"branch/conv2": 8})
        made.model_copy(update={"split": split.layers}).write(tmp_path / "plan.json")
        assert read_plan(tmp_path / "plan.json").split == split.layers
    assert read.multipliers.keys() == {"conv1", "branch/conv2"}


def changed_part(split: list[dict]) -> str:
    split[CONV1]["parts"][0]["lr_mult"] = 0.123
    return r"layer 'conv1': filter \d has the multiplier \d\.\d+ in layers, but 0\.123 in split \(part 'conv1__g0_lr"


def changed_companion(split: list[dict]) -> str:
    split[SCALE2]["parts"][0]["lr_mult"] = 0.123
    return (
        r"layer 'scale2': filter \d has the multiplier \d\.\d+ in layers \('branch/conv2', whose filters it follows\), "
        r"but 0\.123 in split \(part 'scale2__g0_lr"
    )


def missing_part(split: list[dict]) -> str:
    gone = split[CONV2]["parts"].pop(1)
    filter, rate = gone["filters"][0], gone["lr_mult"]
    return f"layer 'branch/conv2': filter {filter} has the multiplier {rate} in layers, but is in no part in split"


def filter_in_two_parts(split: list[dict]) -> str:
    one, other = split[CONV1]["parts"][:2]
    other["filters"] = sorted([*other["filters"], one["filters"][0]])
    return f"layer 'conv1': filter {one['filters'][0]} is twice in split, in '{one['name']}' and in '{other['name']}'"


def filter_twice_in_a_part(split: list[dict]) -> str:
    filters = split[CONV1]["parts"][0]["filters"]
    filters.append(filters[-1])
    return f"layer 'conv1': filter {filters[-1]} is twice in split"


def index_out_of_range(split: list[dict]) -> str:
    split[BN2]["parts"][-1]["filters"][-1] = 8
    return r"layer 'bn2': part 'bn2__g\d_lr.*' in split holds filter 8, but layers \('branch/conv2', .*\) has 0 to 7"


def negative_index(split: list[dict]) -> str:
    split[CONV1]["parts"][-1]["filters"][0] = -1
    return "in split holds filter -1, but layers has 0 to 7"


def filters_in_another_order(split: list[dict]) -> str:
    largest = max(split[CONV1]["parts"], key=lambda part: len(part["filters"]))
    largest["filters"].reverse()
    return r"layer 'conv1': part 'conv1__g.*' in split has filter \d behind \d; they must ascend"


def missing_layer(split: list[dict]) -> str:
    del split[CONV1]
    return "layer 'conv1' has 3 different multipliers in layers, but no parts in split"


def name_of_two_parts(split: list[dict]) -> str:
    split[CONV1]["parts"][1]["name"] = split[CONV1]["parts"][0]["name"]
    return r"the part 'conv1__g0_lr.*' is in split 2 times"


@pytest.mark.parametrize(
    "change",
    [
        changed_part, changed_companion, missing_part, filter_in_two_parts, filter_twice_in_a_part, index_out_of_range,
        negative_index, filters_in_another_order, missing_layer, name_of_two_parts,
    ],
)  # fmt: skip
def test_two_lists_that_disagree(change, content, tmp_path):
    edited = copied(content)
    message = change(edited["split"])
    with pytest.raises(PlanError, match=message) as error:
        read_plan(write(edited, tmp_path / "plan.json"))
    assert str(error.value).startswith(f"{tmp_path / 'plan.json'}: ")
    assert str(error.value).endswith("; undo the change, or make the folder again with: python -m entropy write")


def test_a_changed_multiplier_of_a_filter(content, tmp_path):
    edited = copied(content)
    edited["layers"]["branch/conv2"]["realised"][5] = 0.123
    with pytest.raises(
        PlanError, match=r"'branch/conv2': filter 5 has the multiplier 0\.123 in layers, but \d\.\d+ in"
    ):
        read_plan(write(edited, tmp_path / "plan.json"))


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_number_of_a_part_or_a_filter_is_taken(data, content, tmp_path):
    edited = copied(content)
    if data.draw(st.booleans(), "in layers"):
        numbers = edited["layers"][data.draw(st.sampled_from(list(edited["layers"])))]["realised"]
        place, other = data.draw(st.integers(0, len(numbers) - 1)), st.floats(0, 1)
    else:
        part = data.draw(st.sampled_from([part for layer in edited["split"] for part in layer["parts"]]))
        numbers, place = part["filters"], data.draw(st.integers(0, len(part["filters"]) - 1))
        other = st.integers(-2, 20)
        if data.draw(st.booleans(), "the rate"):
            numbers, place, other = part, "lr_mult", st.floats(0, 1)
    numbers[place] = data.draw(other.filter(lambda value: value != numbers[place]))
    with pytest.raises(PlanError, match="in split"):
        read_plan(write(edited, tmp_path / "plan.json"))
