from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.demo.crop_task import CROP, CropCounts, random_square, refuse_small, regions, scene_crops, write_task
from finetune.demo.photographs import Photograph, indoor_photographs, photographs_in, task_photographs
from finetune.errors import ExperimentError
from prototxt.common.progress import with_bar


def gradient_photograph(name, height, width):
    """A picture whose red value tells the column and whose green value tells the row."""
    rows, columns = np.mgrid[:height, :width]
    return Photograph(name, np.stack([columns * 255 // width, rows * 255 // height, rows * 0], -1).astype(np.uint8))


@given(st.integers(150, 900), st.integers(150, 900), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_regions_are_disjoint_and_squares_stay_inside(height, width, seed):
    split = regions(height, width)
    mask = np.zeros((height, width), int)
    for region in split.values():
        mask[region.top : region.bottom, region.left : region.right] += 1
    assert mask.min() == mask.max() == 1
    for region in split.values():
        square = random_square(region, np.random.default_rng(seed), 0.3, 0.7)
        assert square.bottom - square.top == square.right - square.left >= 48
        assert region.top <= square.top
        assert square.bottom <= region.bottom
        assert region.left <= square.left
        assert square.right <= region.right


def test_train_and_test_crops_show_different_parts(tmp_path):
    photographs = [gradient_photograph("wide", 200, 300), gradient_photograph("tall one", 300, 200)]
    with_bar(write_task(photographs, tmp_path, CropCounts(5, 3)), quiet=True)
    for split, count in (("train", 5), ("test", 3)):
        lines = (tmp_path / f"{split}.txt").read_text().splitlines()
        assert sorted(int(line.split()[1]) for line in lines) == [0] * count + [1] * count
        for line in lines:
            name, label = line.split()
            crop = cv2.imread(str(tmp_path / name))[:, :, ::-1]
            assert crop.shape == (CROP, CROP, 3)
            place = crop[..., int(label)].mean() / 255  # along the longer side
            assert (place < 2 / 3) == (split == "train")
    assert (tmp_path / "classes.txt").read_text() == "wide\ntall one\n"


def test_same_seed_gives_the_same_files(tmp_path):
    photographs = [gradient_photograph("a", 200, 300), gradient_photograph("b", 200, 200)]
    for folder in ("one", "two"):
        with_bar(write_task(photographs, tmp_path / folder, CropCounts(2, 1)), quiet=True)
    one, two = (sorted((tmp_path / folder).rglob("*.*")) for folder in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


@pytest.mark.parametrize(
    ("height", "width", "refused"), [(48, 144, False), (144, 48, False), (47, 300, True), (142, 142, True)]
)
def test_too_small_photographs_are_refused_by_name(height, width, refused):
    small = Photograph("small", np.zeros((height, width, 3), np.uint8), Path("small.png"))
    with pytest.raises(ExperimentError, match=f"^small.png: {width}×{height} pixels") if refused else nullcontext():
        refuse_small([gradient_photograph("large", 300, 300), small])
    if not refused:
        for region in regions(height, width).values():
            assert random_square(region, np.random.default_rng(0), 0.3, 0.7).bottom <= region.bottom


def test_installed_photographs_are_enough_and_distinct():
    names = [photograph.name for photograph in task_photographs()]
    assert len(names) >= 8
    assert len(set(names)) == len(names)
    crops = scene_crops(indoor_photographs(), 6)
    assert crops.shape == (6, CROP, CROP, 3)
    assert crops.std() > 20


def test_a_folder_with_one_picture_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(ExperimentError, match="holds one picture"):
        photographs_in(tmp_path)
