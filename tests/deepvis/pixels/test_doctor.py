"""The normalisation doctor on nets whose normalisation is known."""

from __future__ import annotations

import gzip
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from deepvis.errors import ImageError, ModelError
from deepvis.model.model import Model, open_model
from deepvis.pixels.dataset_mean import PixelSums
from deepvis.pixels.doctor import LEAST, TEMPERATURES, Diagnosis, diagnose
from deepvis.pixels.doctor_variants import CONVENTIONS, IMAGENET, variants
from deepvis.sources import Images, open_images
from deepvis.sources.opening import images_in_list
from prototxt.common.progress import with_bar
from prototxt.formats.blob import read_blob
from prototxt.formats.text import parse_net
from prototxt.pixels.preprocess import Preprocessing

REPOSITORY = Path(__file__).resolve().parents[3]
SIDE, CLASSES = 6, 4
NET = """
name: "linear"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: CHANNELS dim: 6 dim: 6 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }
"""
TRUTHS = (
    ("BGR", IMAGENET, "0-255"),
    ("RGB", "ImageNet (PyTorch)", "ImageNet std"),
    ("RGB", "127.5", "/127.5"),
    ("RGB", "none", "0-1"),
    ("GRAY", "none", "1/256"),
)


def find(model: Model, images: Images, **options) -> Diagnosis:
    return with_bar(diagnose(model, images, device="cpu", workers=0, **options), quiet=True)


def flat_sums(grey: bool) -> PixelSums:
    """Sums of a data set of two pixels, for the variants that do not depend on it."""
    return PixelSums(1, 2, [100, 120, 160, 130], [9000, 9000, 15000, 9500])


def labelled_pictures(folder: Path, count: int) -> Images:
    """Noisy pictures of four colours that overlap, written as PNG."""
    random = np.random.default_rng(0)
    colours = np.array([(180, 90, 60), (60, 120, 170), (120, 170, 90), (150, 140, 160)])
    labels = random.integers(0, CLASSES, count)
    folder.mkdir()
    for number, label in enumerate(labels):
        colour = colours[label] + random.normal(0, 30, 3)
        pixels = np.clip(colour + random.normal(0, 40, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), pixels[:, :, ::-1])
    return Images(folder, tuple(f"{number}.png" for number in range(count)), tuple(labels.tolist()))


def trained(images: Images, preprocessing: Preprocessing) -> Model:
    """A linear net that was trained on pictures as the preprocessing gives them."""
    blobs = np.stack([preprocessing.apply(images.read(number)).ravel() for number in range(len(images))])
    # Pixels in units of their spread, so that every convention is fitted equally well; then back in its own units.
    centre, width = blobs.mean(0), blobs.std()
    fit = LogisticRegression(C=0.02, max_iter=500).fit((blobs - centre) / width, images.labels)
    weight = fit.coef_ / width
    bias = fit.intercept_ - weight @ centre
    net = parse_net(NET.replace("CHANNELS", str(preprocessing.channels)), "linear.prototxt")
    weights = {"fc": [weight.astype(np.float32), bias.astype(np.float32)]}
    return Model("linear", Path("linear.prototxt"), net, weights, preprocessing, assumed=True)


@pytest.mark.parametrize("truth", TRUTHS, ids=" ".join)
def test_it_names_what_a_small_net_was_trained_with(tmp_path: Path, truth: tuple[str, str, str]) -> None:
    images = labelled_pictures(tmp_path / "pictures", 240)
    shape = Model("", Path(), parse_net(NET.replace("CHANNELS", "1" if truth[0] == "GRAY" else "3"), ""), {},
                  Preprocessing(truth[0]), assumed=True)  # fmt: skip
    candidates = {(one.order, one.mean, one.spread): one for one in variants(shape, flat_sums(truth[0] == "GRAY"))}
    found = find(trained(images, candidates[truth].preprocessing), images)
    chosen = found.chosen.variant
    assert (chosen.order, chosen.mean, chosen.spread) == truth
    assert not found.guessing
    assert found.chosen.images == 240
    assert found.chosen.accuracy > 0.45 if truth[0] == "GRAY" else found.chosen.accuracy > 0.7
    assert len(found.rows) >= len(candidates)
    assert sum(row.images for row in found.rows) < 0.8 * 240 * len(found.rows)  # most were dropped early


def test_numbers_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    images = labelled_pictures(tmp_path / "pictures", 40)
    model = trained(images, Preprocessing("RGB", 1 / 255))
    found = find(model, images)
    for row in found.rows[:3]:
        assert row.images == 40
        weight, bias = (array.astype(float) for array in model.weights["fc"])
        logits = np.stack([
            weight @ row.variant.preprocessing.apply(images.read(n)).ravel().astype(float) + bias for n in range(40)
        ])  # fmt: skip
        assert row.accuracy == pytest.approx((logits.argmax(1) == images.labels).mean())
        means = []
        for temperature in TEMPERATURES:
            logs = log_softmax(logits / temperature, axis=1)[range(40), images.labels]
            means.append(np.maximum(logs, LEAST).mean())
        assert row.log_probability == pytest.approx(max(means), abs=1e-4)


def test_what_the_model_says_comes_first_and_once(tmp_path: Path) -> None:
    images = labelled_pictures(tmp_path / "pictures", 60)
    preprocessing = Preprocessing("RGB", 1 / 127.5, mean=(1.0, 1.0, 1.0))
    model = trained(images, preprocessing)
    known = Model(model.name, model.path, model.net, model.weights, preprocessing)
    found = find(known, images)
    assert found.chosen.variant.preprocessing == preprocessing
    assert found.chosen.variant.mean == "as the model says"
    hashes = [row.variant.preprocessing.hash for row in found.rows]
    assert len(set(hashes)) == len(hashes)


def test_wrong_labels_are_guessing(tmp_path: Path) -> None:
    images = labelled_pictures(tmp_path / "pictures", 100)
    model = trained(images, Preprocessing("RGB", 1 / 255))
    shuffled = np.random.default_rng(1).permutation(images.labels)
    assert find(model, Images(images.root, images.paths, tuple(shuffled.tolist()))).guessing


def test_what_cannot_be_examined_is_told(tmp_path: Path) -> None:
    images = labelled_pictures(tmp_path / "pictures", 8)
    model = trained(images, Preprocessing("RGB", 1 / 255))
    with pytest.raises(ImageError, match="needs images with classes"):
        find(model, Images(images.root, images.paths))
    with pytest.raises(ModelError, match=r"gives 4 scores \('fc'\), but the labels go up to 7"):
        find(model, Images(images.root, images.paths, (7,) * 8))
    with pytest.raises(ImageError, match="the net takes 6 x 6; give --resize and --crop"):
        find(model, images, geometry=Preprocessing("RGB", crop=(5, 5)))
    (images.root / "3.png").write_text("no picture")
    assert len(find(model, images).errors) == 1


def test_conventions_are_among_the_variants() -> None:
    mean_image = np.ones((3, 6, 6), np.float32)
    for order, image in (("RGB", mean_image), ("GRAY", mean_image[:1])):
        net = parse_net(NET.replace("CHANNELS", str(len(image))), "")
        model = Model("", Path(), net, {}, Preprocessing(order), assumed=True)
        names = {(one.order, one.mean, one.spread) for one in variants(model, flat_sums(order == "GRAY"), image)}
        grey = order == "GRAY"
        assert {one for one in CONVENTIONS if (one[0] == "GRAY") == grey} <= names


@pytest.mark.data
def test_lenet_took_grey_pixels_from_0_to_1(data_folder: Path, tmp_path: Path) -> None:
    with gzip.open(data_folder / "mnist/t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)[:120]
    with gzip.open(data_folder / "mnist/t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)[:120]
    for number, picture in enumerate(pixels):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    images = Images(tmp_path, tuple(f"{n}.png" for n in range(120)), tuple(labels.tolist()))
    folder = data_folder / "models/lenet"
    found = find(open_model(folder / "lenet_deploy.prototxt", folder / "lenet_iter_10000.caffemodel"), images)
    assert found.rows[0].variant.mean == found.chosen.variant.mean == "none"
    assert found.chosen.variant.spread == "1/256"
    assert found.chosen.accuracy > 0.97


# Classes of CIFAR-10 by the ImageNet classes that show such things.
CIFAR = {
    0: [404, 895], 1: [407, 436, 468, 511, 627, 656, 661, 705, 751, 779, 817],
    2: [*range(7, 25), *range(80, 101), *range(127, 147)], 3: [*range(281, 286)], 4: [351, 352, 353],
    5: [*range(151, 269, 4)], 6: [30, 31, 32], 7: [339], 9: [555, 569, 675, 717, 864, 867],
    8: [472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 914],
}  # fmt: skip


def imagenet_pictures(data_folder: Path, folder: Path) -> list[Path]:
    """The thousand photographs in the order of their classes."""
    with tarfile.open(data_folder / "imagenet1000_256.tar") as tar:
        tar.extractall(folder, filter="data")
    return sorted(folder.rglob("*.[Jj][Pp]*[Gg]"), key=lambda path: path.name)


@pytest.mark.data
@pytest.mark.long
def test_cifar10_quick_took_rgb_minus_its_mean_image(data_folder: Path, tmp_path: Path) -> None:
    pictures = imagenet_pictures(data_folder, tmp_path / "photographs")
    lines = []
    for label, numbers in CIFAR.items():
        for number in numbers:
            small = cv2.resize(cv2.imread(str(pictures[number])), (32, 32), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(tmp_path / f"{number}.png"), small)
            lines.append(f"{number}.png {label}\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    folder = data_folder / "models/cifar10_quick"
    model = open_model(folder / "cifar10_quick_deploy.prototxt", folder / "cifar10_quick_iter_5000.caffemodel")
    mean = read_blob(folder / "mean.binaryproto").reshape(3, 32, 32)
    geometry = Preprocessing(crop=(32, 32))
    found = find(model, images_in_list(tmp_path / "list.txt"), geometry=geometry, mean_image=mean)
    chosen = found.chosen.variant
    assert (chosen.order, chosen.mean, chosen.spread) == ("RGB", "mean file", "0-255")
    assert found.chosen.accuracy > 0.35


@pytest.mark.data
@pytest.mark.long
@pytest.mark.timeout(900)
def test_squeezenet_took_bgr_minus_the_mean_of_imagenet(data_folder: Path, tmp_path: Path) -> None:
    pictures = imagenet_pictures(data_folder, tmp_path / "photographs")
    paths = tuple(path.relative_to(tmp_path).as_posix() for path in pictures)
    images = Images(tmp_path, paths, tuple(range(1000)))
    found = find(open_model(data_folder / "models/squeezenet_v1.1/deploy.prototxt"), images, limit=150)
    chosen = found.chosen.variant
    assert (chosen.order, chosen.mean, chosen.spread) == ("BGR", IMAGENET, "0-255")
    assert chosen.preprocessing.mean == pytest.approx((104, 117, 123), abs=0.5)
    assert found.chosen.accuracy > 0.55


@pytest.mark.data
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "pictures", "limit"), [("indoor39", "scenes_indoor39_64", 1000), ("flowers96", "flowers96_64", 200)]
)
def test_the_bundled_models_took_the_statistics_of_their_own_pictures(
    name: str, pictures: str, limit: int, data_folder: Path, tmp_path: Path
) -> None:
    with tarfile.open(data_folder / f"{pictures}.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    model = open_model(REPOSITORY / "models" / name)
    images = open_images(next(tmp_path.rglob("test")), True, model.classes)
    truth = model.preprocessing
    found = find(replace(model, assumed=True), images, limit=limit)
    chosen = found.chosen.variant
    assert (chosen.order, chosen.mean, chosen.spread) == ("RGB", "data set", "data set std")
    np.testing.assert_allclose(chosen.preprocessing.mean, truth.mean, atol=0.02)
    np.testing.assert_allclose(chosen.preprocessing.std, truth.std, atol=0.02)
    assert not found.guessing
    said = find(model, images, limit=60).chosen.variant
    assert said.preprocessing == truth
