import tarfile
from dataclasses import replace

import cv2
import lmdb
import numpy as np
import pytest
from scipy.io import savemat

from finetune.errors import ExperimentError
from finetune.tasks import cache as cache_module
from finetune.tasks.images import PartImages
from finetune.tasks.opening import TaskSettings, decoding_tasks, open_task
from finetune.tasks.task import Part
from prototxt.formats.schema import Datum
from prototxt.pixels.preprocess import Preprocessing
from tests.finetune.conftest import SIDE, colours, write_class_folders

CLASSES = ("red", "green", "blue")
PLAIN = Preprocessing("RGB", crop=(12, 12))


@pytest.fixture
def folder(tmp_path):
    return write_class_folders(tmp_path / "data/colours", colours, CLASSES, 12, 6)


def opened(tmp_path, outputs=(), **settings):
    return open_task("colours", TaskSettings(**settings), PLAIN, outputs, tmp_path / "cache")


def check(task, train=12, test=6):
    """Every image is of the class that its colour says."""
    assert (len(task.train), len(task.test)) == (train, test)
    for part in (task.train, task.test):
        assert part.images.shape == (len(part), SIDE, SIDE, 3)
        assert part.images.dtype == np.uint8
        means = part.images.mean((1, 2))
        assert [CLASSES[channel] for channel in means.argmax(1)] == [task.classes[label] for label in part.labels]


def test_class_folders_are_numbered_by_name_or_as_a_net_has_them(folder, tmp_path):
    task = opened(tmp_path, images=str(folder))
    assert task.classes == ("blue", "green", "red")
    check(task)
    task = opened(tmp_path, CLASSES, images=str(folder))
    assert task.classes == CLASSES
    check(task)


def test_an_archive_is_unpacked_once_and_found_by_name(folder, tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "data/colours.tar", "w") as file:
        file.add(folder, "colours")
    monkeypatch.setenv("DEEPVIS_DATA", str(tmp_path / "data"))
    check(opened(tmp_path, images="colours.tar"))
    monkeypatch.setattr(cache_module.tarfile, "open", None)
    check(opened(tmp_path, images="colours.tar"))


def test_a_folder_inside(folder, tmp_path):
    check(opened(tmp_path, images=str(tmp_path / "data"), folder="colours"))
    with pytest.raises(ExperimentError, match=r"does not exist; .*/data holds colours"):
        opened(tmp_path, images=str(tmp_path / "data"), folder="colors")


def test_lists_and_a_single_set_that_is_divided(folder, tmp_path):
    for part in ("train", "test"):
        lines = [f"{p} {label}" for label, c in enumerate(CLASSES) for p in sorted((folder / part / c).glob("*.png"))]
        (tmp_path / f"{part}.txt").write_text("\n".join(lines))
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    check(opened(tmp_path, train=str(tmp_path / "train.txt"), test=str(tmp_path / "test.txt")))
    check(opened(tmp_path, images=str(tmp_path / "train.txt"), test_share=0.25), 9, 3)
    check(opened(tmp_path, images=str(folder / "train"), test_share=0.5), 6, 6)


def test_an_lmdb(tmp_path):
    for part, (images, labels) in {"train": colours(12), "test": colours(6, 1)}.items():
        with lmdb.open(str(tmp_path / part), map_size=1 << 20) as database, database.begin(write=True) as write:
            for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                planes = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))
                datum = Datum(channels=3, height=SIDE, width=SIDE, data=planes.tobytes(), label=int(label))
                write.put(f"{number:08d}".encode(), datum.SerializeToString())
    task = opened(tmp_path, CLASSES, train=str(tmp_path / "train"), test=str(tmp_path / "test"))
    check(task)
    assert np.array_equal(task.train.images, colours(12)[0])


def test_mit_indoor(tmp_path):
    root = tmp_path / "indoor"
    for part, name in (("train", "TrainImages.txt"), ("test", "TestImages.txt")):
        images, labels = colours(12 if part == "train" else 6)
        lines = []
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = root / "Images" / CLASSES[label] / f"{part}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image[:, :, ::-1])
            lines.append(f"{CLASSES[label]}/{part}{number}.png")
        (root / name).write_text("\n".join(lines))
    check(opened(tmp_path, images=str(root)))


def test_oxford_flowers_train_on_two_of_the_three_sets(tmp_path):
    folder = tmp_path / "flowers-102"
    (folder / "jpg").mkdir(parents=True)
    images, labels = colours(12)
    for number, image in enumerate(images, 1):
        cv2.imwrite(str(folder / f"jpg/image_{number:05d}.jpg"), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
    savemat(folder / "imagelabels.mat", {"labels": labels + 1})
    savemat(folder / "setid.mat", {"trnid": [1, 2, 3], "valid": [4, 5, 6], "tstid": [7, 8, 9, 10, 11, 12]})
    check(opened(tmp_path, CLASSES, images=str(tmp_path)), 6, 6)


def test_images_per_class_and_classes(folder, tmp_path):
    task = opened(tmp_path, images=str(folder), per_class=2)
    check(task, 6, 6)
    task = opened(tmp_path, images=str(folder), classes=("red", "blue"))
    assert task.classes == ("red", "blue")
    check(task, 8, 4)
    halves = [opened(tmp_path, images=str(folder), random_classes=1, other_classes=other) for other in (False, True)]
    assert sorted(halves[0].classes + halves[1].classes) == sorted(CLASSES)
    with pytest.raises(ExperimentError, match="task 'colours': has no class 'pink'"):
        opened(tmp_path, images=str(folder), classes=("pink",))


def test_validation_images_are_taken_from_the_training_images(folder, tmp_path):
    task = opened(tmp_path, images=str(folder))
    held = task.held_out(0.25, seed=1)
    assert (len(held.train), len(held.validation), len(held.test)) == (9, 3, 6)
    assert set(held.train.names).isdisjoint(held.validation.names)
    assert held.identity != task.identity
    assert len(np.unique(held.validation.labels)) == 3
    with pytest.raises(ExperimentError, match="leaves 0 images to validate on"):
        task.held_out(0.01)


def test_images_are_decoded_once_and_again_when_a_file_changes(folder, tmp_path, monkeypatch):
    task = opened(tmp_path, images=str(folder))
    steps = list(decoding_tasks([task]))
    assert (steps[-1].done, steps[-1].total) == (6, 6)
    identity = task.identity
    decoded = []
    decode = cache_module._decode
    monkeypatch.setattr(cache_module, "_decode", lambda *words: decoded.append(words) or decode(*words))
    assert opened(tmp_path, images=str(folder)).identity == identity
    assert not decoded
    name = folder / "train" / task.train.names[0]
    cv2.imwrite(str(name), np.full((SIDE, SIDE, 3), 200, np.uint8))
    assert opened(tmp_path, images=str(folder)).identity != identity
    assert len(decoded) == 1


def test_images_of_two_sizes_are_refused_by_name(folder, tmp_path):
    cv2.imwrite(str(folder / "train/red/999.png"), np.zeros((20, SIDE, 3), np.uint8))
    with pytest.raises(ExperimentError, match=r"red/999\.png: has 14x20 pixels and the first image 14x14"):
        assert opened(tmp_path, images=str(folder)).train.images is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "task 'colours': give either images, or both train and test"),
        ({"train": "x"}, "give either images, or both train and test"),
        ({"images": "nowhere"}, "nowhere: does not exist, neither here"),
    ],
)
def test_settings_that_name_no_images(settings, words, tmp_path):
    with pytest.raises(ExperimentError, match=words):
        opened(tmp_path, **settings)


def test_a_part_is_an_image_source():
    images, labels = colours(5)
    source = PartImages(Part.of_arrays(images, labels), CLASSES)
    assert (len(source), source.paths[4], source.classes) == (5, "4", CLASSES)
    assert np.array_equal(source.read(3), images[3])
    assert source.labels.dtype == np.int32


def test_both_parts_together_are_divided_into_three(folder, tmp_path):
    task = opened(tmp_path, images=str(folder), split=(0.5, 1 / 3, 1 / 6))
    check(task, 9, 3)
    check(replace(task, train=task.validation), 6, 3)
    names = [name for part in (task.train, task.validation, task.test) for name in part.names]
    assert sorted(names) == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert all((task.train.root / name).is_file() for name in names)
    assert task.held_out(0.5, 3) is task
    assert task.for_run(3) is task


def test_in_cross_validation_every_run_is_tested_on_its_own_fold(folder, tmp_path):
    task = opened(tmp_path, images=str(folder), split=(0.5, 1 / 3, 1 / 6), cross_validation=True)
    runs = [task.for_run(seed) for seed in range(7)]
    for run in runs:
        check(run, 9, 3)
        assert not set(run.test.names) & {*run.train.names, *run.validation.names}
    assert len({name for run in runs[:6] for name in run.test.names}) == 18
    assert runs[0].identity == task.identity == runs[6].identity != runs[1].identity
    assert list(decoding_tasks([task])) == [], "both parts were decoded when the first fold was looked at"
    with pytest.raises(ExperimentError, match="'colours': cross_validation needs split"):
        opened(tmp_path, images=str(folder), cross_validation=True)


def test_fewer_training_and_test_images_of_every_class(folder, tmp_path):
    check(opened(tmp_path, images=str(folder), per_class=2, test_per_class=1), 6, 3)
    check(opened(tmp_path, images=str(folder), split=(0.5, 1 / 3, 1 / 6), per_class=2), 6, 3)
