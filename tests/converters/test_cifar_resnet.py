"""A trained ResNet for CIFAR-10 as its author wrote it, converted as it is: shortcuts of strided slices and padding."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from converters import Conversion, convert
from converters.engines import ENGINES, Job
from converters.state_dict import fit, read_state_dict
from converters.verification import write_files
from tests.converters.parity import assert_parity

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 100


class Block(nn.Module):
    """Two convolutions, and a shortcut without weights (option A of He et al. 2016)."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.more = width - inside

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more // 2), "constant", 0)
        return F.relu(y + x)


class CifarResNet(nn.Module):
    """Three stages of ``blocks`` blocks, 16, 32 and 64 channels wide."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = (
            nn.Sequential(*(Block(inside if n == 0 else width, width, stride if n == 0 else 1) for n in range(blocks)))
            for inside, width, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2))
        )
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        x = F.avg_pool2d(x, x.size()[3])
        return self.linear(x.view(x.size(0), -1))


def test_a_small_one() -> None:
    model = CifarResNet(1).eval()
    assert_parity(model, convert(model, (1, 3, 32, 32)))


@pytest.fixture(scope="module")
def trained(data_folder: Path) -> CifarResNet:
    file = data_folder / "models/cifar_resnet56_torch/cifar10_resnet56-4bfd9763.th"
    model = CifarResNet(9)
    fit(model, read_state_dict(file), str(file))
    return model.eval()


@pytest.fixture(scope="module")
def pictures(data_folder: Path) -> np.ndarray:
    """The 1000 pictures at 32 pixels, normalised (1000, 3, 32, 32)."""
    found = []
    with tarfile.open(data_folder / "imagenet1000_256.tar") as tar:
        for member in tar:
            if member.name.endswith(".jpg"):
                coded = np.frombuffer(tar.extractfile(member).read(), np.uint8)  # type: ignore[union-attr]
                found.append(
                    cv2.resize(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB), (32, 32), None, 0, 0, cv2.INTER_AREA)
                )
    pixels = (np.stack(found) / 255 - MEAN) / STD
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)


def scores(engine: str, conversion: Conversion, pictures: np.ndarray, folder: Path) -> np.ndarray:
    files = write_files(conversion, folder)
    batches = tuple({"data": pictures[start : start + BATCH]} for start in range(0, len(pictures), BATCH))
    top = (conversion.net.layer[-2].name, 0)
    results = ENGINES[engine].run([Job(files.prototxt, files.caffemodel, batches, (top,))])
    return np.concatenate([result[top] for result in results])


@pytest.mark.data
@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("engine", ["torchcaffe", pytest.param("caffe", marks=pytest.mark.caffe)])
def test_the_trained_one_sees_the_same_in_a_thousand_pictures(
    engine: str, trained: CifarResNet, pictures: np.ndarray, tmp_path: Path
) -> None:
    assert len(pictures) == 1000
    conversion = convert(trained, (1, 3, 32, 32))
    with torch.no_grad():
        expected = torch.cat([trained(batch) for batch in torch.from_numpy(pictures).split(BATCH)]).numpy()
    found = scores(engine, conversion, pictures, tmp_path)
    assert np.array_equal(found.argmax(1), expected.argmax(1))
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert len(np.unique(expected.argmax(1))) == 10  # a net that sees something
