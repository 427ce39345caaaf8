"""The normalisation doctor: which channel order, scale, mean and standard deviation a net was trained with."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from deepvis.errors import ImageError, ModelError
from deepvis.model.model import Model, pick_device
from deepvis.pixels.dataset_mean import PixelSums, dataset_mean
from deepvis.sources import ImageSource, SomeImages
from deepvis.sources.loader import batches
from prototxt.common.progress import Progress
from prototxt.pixels.change import OfPixels, change_preprocessing
from prototxt.pixels.field_types import ChannelOrder
from prototxt.pixels.preprocess import CAFFE_IMAGENET_MEAN, Preprocessing

TRIAL = 16  # images before a variant can be dropped
DROPPED_AT, TIED_AT = 4.0, 2.0  # standard errors of the paired difference to the best
LEAST = -69.0  # log-probability that anything below counts as
# What the scores are divided by, each variant by what suits it best: a wrong scale mostly makes a net unsure, and where
# the images are not quite those of the training, being unsure would win over being right.
TEMPERATURES = tuple(2.0**power for power in np.arange(-3, 6.5, 0.5))

MIDDLE = 127.5
IMAGENET = "ImageNet"
DATA = "data set"
FILE = "mean file"
OWN = "as the model says"
# Means of red, green and blue for pixels 0-255. BVLC's nets and PyTorch's differ by less than one grey level.
MEANS: dict[str, tuple[float, ...]] = {
    "none": (0.0, 0.0, 0.0),
    IMAGENET: tuple(reversed(CAFFE_IMAGENET_MEAN)),
    "ImageNet (PyTorch)": (123.675, 116.28, 103.53),
    "127.5": (MIDDLE,) * 3,
}
# Raw scale, and standard deviations of red, green and blue for pixels 0-255 or None.
SPREADS: dict[str, tuple[float, tuple[float, ...] | None]] = {
    "0-255": (1.0, None),
    "0-1": (1 / 255, None),
    "/127.5": (1 / MIDDLE, None),
    "ImageNet std": (1 / 255, (58.395, 57.12, 57.375)),
}
GREY_MEANS: dict[str, tuple[float, ...]] = {"none": (0.0,), "127.5": (MIDDLE,)}
GREY_SPREADS: dict[str, tuple[float, tuple[float, ...] | None]] = {
    "1/256": (1 / 256, None),
    "0-1": (1 / 255, None),
    "0-255": (1.0, None),
    "/127.5": (1 / MIDDLE, None),
}
# What people do, the commonest first: of variants that cannot be told apart, the first of these is named.
CONVENTIONS = (
    ("BGR", IMAGENET, "0-255"),
    ("RGB", "ImageNet (PyTorch)", "ImageNet std"),
    ("RGB", FILE, "0-255"),
    ("BGR", FILE, "0-255"),
    ("RGB", "127.5", "/127.5"),
    ("RGB", "none", "0-1"),
    ("BGR", DATA, "0-255"),
    ("RGB", DATA, "0-255"),
    ("GRAY", "none", "1/256"),
    ("GRAY", "none", "0-1"),
    ("GRAY", FILE, "0-255"),
)


@dataclass(frozen=True)
class Variant:
    """A way to normalise pixels; the three names are what tables show, ``preprocessing`` is what it means."""

    order: str
    mean: str
    spread: str
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Row:
    """What a variant came to.

    Parameters
    ----------
    variant : the variant.
    accuracy : share of images whose class got the greatest score.
    log_probability : mean natural logarithm of the probability of the right class, at the variant's best temperature
        (Guo et al. (2017), "On calibration of modern neural networks", section 4.2).
    images : how many it was tried on; fewer than all if it was clearly worse than another.
    behind : standard errors that its mean log-probability lies behind the best one's, image by image.
    """

    variant: Variant
    accuracy: float
    log_probability: float
    images: int
    behind: float

    @property
    def tied(self) -> bool:
        """Whether these images cannot tell it from the best."""
        return self.behind <= TIED_AT


@dataclass(frozen=True)
class Diagnosis:
    """All variants, best first; ``chosen`` is the commonest among those that cannot be told from the best.

    ``guessing`` says that even the best is no better than equal probabilities: the labels or the geometry are wrong.
    """

    rows: tuple[Row, ...]
    chosen: Row
    guessing: bool
    errors: tuple[ImageError, ...] = ()


@dataclass(eq=False)
class _Trial:
    """Answers so far of one variant, image by image: log-probabilities at each of `TEMPERATURES`, and hits."""

    variant: Variant
    by_temperature: list[list[float]] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)

    @property
    def log_probabilities(self) -> NDArray[np.float64]:
        """At the temperature that suits this variant best."""
        table = np.array(self.by_temperature)
        return table[:, int(table.mean(0).argmax())]


def diagnose(
    model: Model,
    images: ImageSource,
    *,
    geometry: Preprocessing | None = None,
    mean_image: NDArray[np.float32] | None = None,
    limit: int = 1000,
    batch: int = 16,
    device: str = "auto",
    workers: int | None = None,
) -> Generator[Progress, None, Diagnosis]:
    """Try channel orders × scales × means × standard deviations on labelled images.

    Variants race: after `TRIAL` images, one that lies more than `DROPPED_AT` standard errors behind the best is
    dropped, so that most of them cost a few batches only. Images are taken in a random order with a fixed seed.

    Parameters
    ----------
    model : a classifier; its last output must have a score, or with Softmax a probability, for every class.
    images : pictures with labels; those without are left out.
    geometry : resize rule and crop; the model's own if None.
    mean_image : (C, H, W) or (C,) in the order of the input's channels, for pixels 0-255: one more mean to try.
    limit : images to use at most.
    batch : images per forward pass.
    device : as in `pick_device`.
    workers : decoding threads, see `deepvis.sources.loader.batches`.

    Yields
    ------
    Progress in images: first those of the data set's own mean, then those of the race.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ImageError : if no image has a label or can be used.
    ModelError : if the net gives no scores for the labels.
    """
    chosen = _choose(images, limit)
    cut = _only_geometry(geometry or model.preprocessing)
    sums = yield from dataset_mean(chosen, cut, workers=workers)
    trials = [_Trial(variant) for variant in variants(model, sums, mean_image)]
    judge = _Judge(model, device, int(chosen.labels.max()))
    errors: list[ImageError] = []
    yield Progress(0, len(chosen), f"doctor: {len(trials)} variants")
    for loaded in batches(chosen, partial(_pixels, cut, model), batch, workers):
        usable = [item for item in loaded if item.blob is not None]
        errors += [item.error for item in loaded if item.error is not None]
        labels = [int(chosen.labels[item.index]) for item in usable]
        for trial in _in_the_race(trials) if usable else ():
            pixels = [np.asarray(item.blob) for item in usable]
            judge.add(trial, pixels, labels)
            yield Progress(loaded[0].index, len(chosen), f"doctor: {trial.variant.order} {trial.variant.spread}")
        yield Progress(loaded[-1].index + 1, len(chosen), f"doctor: {len(_in_the_race(trials))} variants")
    if len(errors) == len(chosen):
        raise ImageError(f"none of the {len(chosen)} images could be used; the first: {errors[0]}")
    return _conclude(trials, cut, judge.classes, errors)


def variants(model: Model, sums: PixelSums, mean_image: NDArray[np.float32] | None = None) -> list[Variant]:
    """All variants for a model's input, without resize and crop; no two of them say the same.

    Parameters
    ----------
    model : one or three input channels; a `ModelError` for others.
    sums : of the data set that is tried, for its own mean and standard deviation.
    mean_image : as in `diagnose`.
    """
    channels = model.input_shape[0]
    if channels not in (1, 3):
        raise ModelError(f"{model.path}: takes {channels} channels; the doctor knows nets of one and of three")
    grey = channels == 1
    means = dict(GREY_MEANS if grey else MEANS) | {DATA: tuple(sums.mean("GRAY" if grey else "RGB"))}
    spreads = dict(GREY_SPREADS if grey else SPREADS)
    deviations = tuple(sums.std("GRAY" if grey else "RGB"))
    if min(deviations) > 0:
        spreads["data set std"] = (1 / 255, deviations)
    found = [] if model.assumed else [_own(model)]
    orders: tuple[ChannelOrder, ...] = ("GRAY",) if grey else ("RGB", "BGR")
    for order in orders:
        found += [
            Variant(order, mean, spread, _plain(order, values, *scale))
            for (mean, values), (spread, scale) in product(means.items(), spreads.items())
        ]
        if mean_image is not None:
            for spread, scale in spreads.items():
                base = _plain(order, (0.0,) * channels, *scale)
                found.append(Variant(order, FILE, spread, change_preprocessing(base, mean=OfPixels(mean_image))))
    return list({variant.preprocessing: variant for variant in reversed(found)}.values())[::-1]


def _plain(order: ChannelOrder, mean: Sequence[float], scale: float, std: Sequence[float] | None) -> Preprocessing:
    """Preprocessing of pixels that are cut already; mean and std for R, G, B (or grey) in 0-255."""
    step = -1 if order == "BGR" else 1
    return change_preprocessing(
        Preprocessing(order, scale),
        mean=OfPixels(mean[::step]) if any(mean) else (),
        std=() if std is None else OfPixels(std[::step]),
    )


def _own(model: Model) -> Variant:
    own = replace(model.preprocessing, resize="none", resize_to=(), crop=())
    return Variant(own.channel_order, OWN, OWN, own)


def _only_geometry(preprocessing: Preprocessing) -> Preprocessing:
    return Preprocessing(
        "RGB",
        resize=preprocessing.resize,
        resize_to=preprocessing.resize_to,
        interpolation=preprocessing.interpolation,
        crop=preprocessing.crop,
    )


def _pixels(cut: Preprocessing, model: Model, rgb: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 pixels that the net would see."""
    pixels = cut.apply(rgb)
    if pixels.shape[1:] != model.input_shape[1:]:
        got, wanted = (" x ".join(map(str, shape[1:])) for shape in (pixels.shape, model.input_shape))
        raise ModelError(f"becomes an input of {got}, but the net takes {wanted}; give --resize and --crop")
    return np.ascontiguousarray(pixels.transpose(1, 2, 0).astype(np.uint8))


class _Judge:
    """Runs the net and reads probabilities off its last output."""

    def __init__(self, model: Model, device: str, highest: int) -> None:
        self.device = pick_device(device)
        self.network = model.network(self.device)
        self.input, self.output = model.input, model.output
        self.has_softmax = model.graph.producer(self.output).type == "Softmax"
        shape = model.shapes.values[self.output]
        self.classes = int(np.prod(shape[1:]))
        if highest >= self.classes or self.classes < 2:
            raise ModelError(
                f"{model.path}: gives {self.classes} scores ({self.output.blob!r}), but the labels go up to {highest};"
                " give images with the classes of this net"
            )

    @torch.inference_mode()
    def add(self, trial: _Trial, pixels: Sequence[np.ndarray], labels: Sequence[int]) -> None:
        """Run a batch of pictures, (h, w, 3) uint8 each, through the net as a variant wants them."""
        blobs = np.stack([trial.variant.preprocessing.apply(picture) for picture in pixels])
        values = self.network.run({self.input.blob: torch.from_numpy(blobs).to(self.device)}, keep=[self.output])
        scores = values[self.output].flatten(1).double()
        logs = scores.clamp(min=0).log().clamp(min=LEAST) if self.has_softmax else scores
        rows = torch.arange(len(labels), device=self.device)
        right = torch.tensor(labels, device=self.device)
        divided = logs[:, None] / torch.tensor(TEMPERATURES, device=self.device)[:, None]
        found = divided.log_softmax(2)[rows, :, right]
        trial.by_temperature += found.nan_to_num(LEAST).clamp(min=LEAST).tolist()
        trial.hits += (scores.argmax(1).cpu().numpy() == np.array(labels)).tolist()


def _in_the_race(trials: Sequence[_Trial]) -> list[_Trial]:
    """Variants that have seen every image so far and are not clearly behind."""
    longest = max(len(trial.hits) for trial in trials)
    running = [trial for trial in trials if len(trial.hits) == longest]
    if longest < TRIAL:
        return running
    best = _best(running)
    return [trial for trial in running if _behind(trial, best) <= DROPPED_AT]


def _best(trials: Sequence[_Trial]) -> _Trial:
    return max(trials, key=lambda trial: trial.log_probabilities.mean())


def _behind(trial: _Trial, best: _Trial) -> float:
    """Mean difference to the best over the images of both, in standard errors of it; 0 where they are equal."""
    count = len(trial.hits)
    differences = best.log_probabilities[:count] - trial.log_probabilities
    mean = float(differences.mean())
    if mean == 0 or count < 2:
        return 0.0
    error = float(differences.std(ddof=1)) / np.sqrt(count)
    return mean / error if error > 0 else float(np.copysign(np.inf, mean))


def _conclude(trials: Sequence[_Trial], cut: Preprocessing, classes: int, errors: Sequence[ImageError]) -> Diagnosis:
    longest = max(len(trial.hits) for trial in trials)
    best = _best([trial for trial in trials if len(trial.hits) == longest])
    rows = [_row(trial, best, cut) for trial in trials]
    rows.sort(key=lambda row: (-row.images, -row.log_probability))
    tied = [row for row in rows if row.tied and row.images == longest]
    chosen = min(tied, key=lambda row: _commonness(row.variant))
    own = best.log_probabilities
    spread = float(own.std(ddof=1)) / np.sqrt(longest) if longest > 1 else np.inf
    return Diagnosis(tuple(rows), chosen, bool(own.mean() - TIED_AT * spread <= -np.log(classes)), tuple(errors))


def _row(trial: _Trial, best: _Trial, cut: Preprocessing) -> Row:
    whole = replace(
        trial.variant.preprocessing,
        resize=cut.resize,
        resize_to=cut.resize_to,
        interpolation=cut.interpolation,
        crop=cut.crop,
    )
    return Row(
        replace(trial.variant, preprocessing=whole),
        float(np.mean(trial.hits)),
        float(trial.log_probabilities.mean()),
        len(trial.hits),
        _behind(trial, best),
    )


def _commonness(variant: Variant) -> int:
    """Place among `CONVENTIONS`; what the model says comes first, what is unusual last."""
    if variant.mean == OWN:
        return -1
    names = (variant.order, variant.mean, variant.spread)
    return CONVENTIONS.index(names) if names in CONVENTIONS else len(CONVENTIONS)


def _choose(images: ImageSource, limit: int) -> SomeImages:
    """At most ``limit`` labelled images, drawn with a fixed seed."""
    labelled = np.flatnonzero(images.labels >= 0)
    if not len(labelled):
        raise ImageError(
            "the doctor needs images with classes; give a list with 'path label' lines, or --class-folders"
        )
    return SomeImages(images, tuple(np.random.default_rng(0).permutation(labelled)[:limit].tolist()))
