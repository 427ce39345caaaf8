"""A vendor's compiler as a judge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from converters import ConversionError, check, convert, verify
from converters.rewriting import Form
from converters.subnets import up_to
from prototxt.net.graph import NetGraph

SHAPE = (1, 3, 64, 64)


def test_absent_it_says_how_to_get_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RKNN_ROOT", str(tmp_path))
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    with pytest.raises(ConversionError, match=f"is not there: no {re.escape(str(tmp_path))}.*run tools/install_rknn"):
        verify(convert(model, SHAPE), model, ["rknn"])


def test_the_net_ends_where_the_last_wanted_value_is_made() -> None:
    conversion = convert(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(15376, 5)), SHAPE)
    tops = [(reference.layer, reference.top) for reference in conversion.references]
    graph = NetGraph(up_to(conversion.net, tops))
    assert [value.blob for value in graph.outputs] == [conversion.net.layer[-2].top[0]]
    assert conversion.net.layer[-1].name == "prob"


@pytest.mark.rknn
def test_a_net_is_compiled_and_simulated() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(7200, 5)).eval()
    conversion = Form(target="rknn").of(convert(model, SHAPE))
    (verification,) = verify(conversion, model, ["rknn"])
    check([verification])
    assert verification.version.startswith("rknn-toolkit2 ")
    assert len(verification.layers) == 1
    conversion.weights[conversion.net.layer[-2].name][1][0] += 1
    assert verify(conversion, model, ["rknn"])[0].diverging


@pytest.mark.rknn
@pytest.mark.long
@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "googlenet"])
def test_networks_of_torchvision(name: str) -> None:
    torch.manual_seed(0)
    more = {"init_weights": True} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **more).eval()
    verifications = verify(Form(target="rknn").of(convert(model, SHAPE)), model, ["torchcaffe", "rknn"])
    check(verifications)
    assert verifications[1].layers


@pytest.mark.rknn
def test_layers_that_the_compiler_leaves_out_are_named() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ELU())
    with pytest.raises(ConversionError, match=r"leaves layers out that it does not know: 1 \(ELU\); see --target rknn"):
        verify(convert(model, SHAPE), model, ["rknn"])
