"""Weights from every kind of file that PyTorch's users have, and weights that do not fit."""

from __future__ import annotations

import os
import shutil
import warnings
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from converters import ConversionError
from converters.build import build
from converters.source import Description
from converters.state_dict import fit, read_checkpoint, read_state_dict, state_hash
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
        lambda state: {"net": state, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
        lambda state: {"model": {"state_dict": state}, "steps": torch.tensor(3)},
        lambda state: {"whatever": state, "seed": 1},
        lambda state: {
            "net": state,
            "args": Namespace(lr=0.1, out=Path("a")),
            "best": np.float64(0.5),
            "a": np.ones(3),
        },
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
        ({"9.weight": torch.ones(4)}, r"'9\.weight' \(shape \(4,\)\) is no weight of Sequential.*--ignore-surplus"),
        ({f"{n}.x": torch.ones(4) for n in range(9)}, r"'0\.x' \(shape .* and 1 more are no weights of Sequential"),
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
    "pickled.pth": "cannot be read without running the file's code",
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
    torch.save(model(), tmp_path / "pickled.pth", _use_new_zipfile_serialization=False)
    torch.save([1, 2], tmp_path / "list.pth")
    for name, message in NO_WEIGHTS.items():
        with pytest.raises(FormatError, match=rf"{name}: .*{message}.*; (give|copy|save) "):
            read_state_dict(tmp_path / name)


class Runs:
    """Pickled so that reading it would call a function."""

    def __init__(self, function, *arguments: str) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_no_code_of_a_file_is_run(tmp_path: Path) -> None:
    trap = Runs(shutil.copyfile, __file__, str(tmp_path / "trace"))
    torch.save({"net": model().state_dict(), "trap": trap}, tmp_path / "w.pth")
    assert read_state_dict(tmp_path / "w.pth").keys() == model().state_dict().keys()
    assert not (tmp_path / "trace").exists()
    torch.load(tmp_path / "w.pth", weights_only=False)
    assert (tmp_path / "trace").exists()
    torch.save({"net": model().state_dict(), "trap": Runs(os.mkdir, str(tmp_path / "made"))}, tmp_path / "w.pth")
    with pytest.raises(FormatError, match=r"cannot be read without running the file's code \(posix.mkdir\); save it"):
        read_state_dict(tmp_path / "w.pth")
    assert not (tmp_path / "made").exists()


def scripted(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        torch.jit.script(model()).save(path)


SAVED = {
    "whole.pth": lambda path: torch.save(model(), path),
    "parallel.pth": lambda path: torch.save({"model": nn.DataParallel(model()), "epoch": 3}, path),
    "script.pt": scripted,
    "program.pt2": lambda path: torch.export.save(torch.export.export(model().eval(), (torch.ones(2, 3),)), path),
}


@pytest.mark.parametrize("name", SAVED)
def test_whole_models_and_programs(name: str, tmp_path: Path) -> None:
    SAVED[name](tmp_path / name)
    assert state_hash(read_state_dict(tmp_path / name)) == state_hash(model().state_dict())


def test_averaged_weights_are_chosen_by_key(tmp_path: Path) -> None:
    average = {key: value + 1 for key, value in model().state_dict().items()}
    torch.save({"model_ema": average, "model": model().state_dict(), "loss": 1.0}, tmp_path / "w.pth")
    checkpoint = read_checkpoint(tmp_path / "w.pth")
    assert state_hash(checkpoint.state) == state_hash(model().state_dict())
    assert checkpoint.notes == (
        "w.pth: the weights are those under 'model'; there are others under model_ema, to be had with --weights-key",
    )
    assert state_hash(read_checkpoint(tmp_path / "w.pth", "model_ema").state) == state_hash(average)
    with pytest.raises(
        FormatError, match="holds no weights under 'ema'; choose with --weights-key one of model_ema, m"
    ):
        read_checkpoint(tmp_path / "w.pth", "ema")


def test_prefix_and_surplus_of_a_lightning_checkpoint(tmp_path: Path) -> None:
    state = {f"model.net.{key}": value for key, value in model().state_dict().items()} | {"loss.weight": torch.ones(2)}
    torch.save({"state_dict": state, "pytorch-lightning_version": "2"}, tmp_path / "w.ckpt")
    other, state = model(), read_state_dict(tmp_path / "w.ckpt")
    with pytest.raises(ConversionError, match=r"'loss\.weight' \(shape \(2,\)\) is no weight"):
        fit(other, state, "w")
    assert fit(other, state, "w", ignore_surplus=True) == (
        "w: the weights are those whose names begin with 'model.net.'",
        "w: left out 'loss.weight' (shape (2,))",
    )


def test_classes_are_counted_behind_a_prefix(tmp_path: Path) -> None:
    source = build(Description("alexnet64", "", None, {"": (1, 3, 63, 63)}, (), ()), random_seed=0)
    small = {
        key: value[:4] if key.startswith("classifier.6.") else value for key, value in source.model.state_dict().items()
    }
    save_file({f"net.{key}": value.contiguous() for key, value in small.items()}, tmp_path / "w.safetensors")
    built = build(Description("alexnet64", "", tmp_path / "w.safetensors", {"": (1, 3, 63, 63)}, (), ()))
    assert built.model.classifier[6].out_features == 4
    assert "'net.'" in built.notes[0]


@pytest.mark.data
def test_a_checkpoint_of_a_training_script_as_it_is(data_folder: Path) -> None:
    state = read_state_dict(data_folder / "models/cifar_resnet56_torch/cifar10_resnet56-4bfd9763.th")
    assert state["conv1.weight"].shape == (16, 3, 3, 3)
    assert state["linear.weight"].shape == (10, 64)
