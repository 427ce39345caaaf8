"""Weights from every kind of file that PyTorch's users have, and weights that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from converters import ConversionError
from converters.state_dict import fit, read_state_dict, state_hash
from prototxt.common.errors import FormatError


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"model_state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {f"module._orig_mod.{key}": value for key, value in state.items()},
    ],
)
def test_wrappers_and_prefixes(wrap, tmp_path: Path) -> None:
    torch.save(wrap(dict(model().state_dict())), tmp_path / "w.pth")
    state = read_state_dict(tmp_path / "w.pth")
    assert state_hash(state) == state_hash(model().state_dict())


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    half = {key: value.half() if value.is_floating_point() else value for key, value in model().state_dict().items()}
    save_file(half, tmp_path / "w.safetensors")
    state = read_state_dict(tmp_path / "w.safetensors")
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}
    other = model()
    fit(other, state, "w")
    assert torch.equal(other[0].weight, half["0.weight"].float())


def test_the_hash_sees_names_shapes_and_values() -> None:
    a = torch.arange(6.0)
    states = [{"a": a}, {"b": a}, {"a": a.view(2, 3)}, {"a": a + 1}, {"a": a, "b": a}]
    assert len({state_hash(state) for state in states}) == len(states)
    assert state_hash({"a": a, "b": a + 1}) == state_hash({"b": a + 1, "a": a})


def test_a_meta_model_is_filled_and_old_files_lack_counters() -> None:
    state = {key: value for key, value in model().state_dict().items() if "tracked" not in key}
    with torch.device("meta"):
        other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    fit(other, state, "w")
    assert torch.equal(other(torch.ones(2, 3)), model()(torch.ones(2, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": None}, r"w\.pth: has no '0\.weight' \(shape \(2, 3\)\), which Sequential needs"),
        ({"9.weight": torch.ones(4)}, r"'9\.weight' \(shape \(4,\)\) is no weight of Sequential"),
        ({"0.weight": torch.ones(2, 5)}, r"'0\.weight' has shape \(2, 5\), but Sequential needs \(2, 3\)"),
    ],
)
def test_weights_that_do_not_fit(change: dict, message: str) -> None:
    state = {key: value for key, value in {**model().state_dict(), **change}.items() if value is not None}
    with pytest.raises(ConversionError, match=message):
        fit(model(), state, "w.pth")


NO_WEIGHTS = {
    "missing.pth": "there is no such file",
    "folder.pth": "is a folder",
    "cut.pth": "is truncated or damaged",
    "cut_old.pth": "truncated",
    "cut.safetensors": "is no whole safetensors file",
    "text.pth": r"is text \(a prototxt\?\), not PyTorch weights",
    "empty.pth": "is empty, not PyTorch weights",
    "pickled.pth": "is no file of weights alone",
    "list.pth": "holds no weights by name",
}


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    (tmp_path / "folder.pth").mkdir()
    for name, zipped in (("cut.pth", True), ("cut_old.pth", False)):
        torch.save(model().state_dict(), tmp_path / name, _use_new_zipfile_serialization=zipped)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:300])
    (tmp_path / "cut.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{")
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save(model(), tmp_path / "pickled.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for name, message in NO_WEIGHTS.items():
        with pytest.raises(FormatError, match=rf"{name}: .*{message}.*; (give|copy|save) "):
            read_state_dict(tmp_path / name)
