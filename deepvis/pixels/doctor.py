"""The normalisation doctor: which channel order, scale, mean and standard deviation a net was trained with."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from deepvis.errors import ImageError, ModelError
from deepvis.model.model import Model, pick_device
from deepvis.pixels.dataset_mean import dataset_mean
from deepvis.pixels.doctor_variants import OWN, Variant, commonness, variants
from deepvis.pixels.summing import only_geometry
from deepvis.sources import ImageSource, SomeImages
from deepvis.sources.loader import Loaded, batches
from prototxt.common.progress import Progress
from prototxt.pixels.preprocess import Preprocessing

NO_BETTER = "no variant is better than guessing: check that the labels are the net's classes, and resize and crop"
TRIAL = 16  # images before a variant can be dropped
DROPPED_AT, TIED_AT = 4.0, 2.0  # standard errors of the paired difference to the best
LEAST = -69.0  # log-probability that anything below counts as
# What the scores are divided by, each variant by what suits it best: a wrong scale mostly makes a net unsure, and where
# the images are not quite those of the training, being unsure would win over being right.
TEMPERATURES = tuple(2.0**power for power in np.arange(-3, 6.5, 0.5))


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

    @property
    def cells(self) -> tuple[str, ...]:
        """Order, scale and std, mean, top-1, log-probability and images, as tables show them."""
        variant = self.variant
        spread, mean = ("", OWN) if variant.mean == OWN else (variant.spread, variant.mean)
        numbers = (f"{100 * self.accuracy:.1f}%", f"{self.log_probability:.3f}", str(self.images))
        return variant.order, spread, mean, *numbers


@dataclass(frozen=True)
class Diagnosis:
    """All variants, best first; ``chosen`` is the commonest among those that cannot be told from the best.

    ``guessing`` says that even the best is no better than equal probabilities: the labels or the geometry are wrong.
    """

    rows: tuple[Row, ...]
    chosen: Row
    guessing: bool
    errors: tuple[ImageError, ...] = ()

    @property
    def tied(self) -> int:
        """How many variants these images cannot tell apart, the best among them."""
        return sum(row.tied for row in self.rows)

    def mark(self, row: Row) -> str:
        """``>`` for the chosen row, ``=`` for others that are tied with the best, else nothing."""
        return ">" if row is self.chosen else "=" if row.tied else ""


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
    cut = only_geometry(geometry or model.preprocessing, "RGB")
    sums = yield from dataset_mean(chosen, cut, workers=workers)
    trials = [_Trial(variant) for variant in variants(model, sums, mean_image)]
    judge = _Judge(model, device, int(chosen.labels.max()))
    errors = yield from _race(trials, judge, chosen, batches(chosen, partial(_pixels, cut, model), batch, workers))
    return _conclude(trials, cut, judge.classes, errors)


def _race(
    trials: Sequence[_Trial], judge: _Judge, images: SomeImages, loading: Iterator[list[Loaded]]
) -> Generator[Progress, None, list[ImageError]]:
    """Let variants see batch after batch, as long as they are not clearly behind.

    Returns
    -------
    Errors of the images that could not be used; an `ImageError` if that are all.
    """
    errors: list[ImageError] = []
    yield Progress(0, len(images), f"doctor: {len(trials)} variants")
    for loaded in loading:
        usable = [item for item in loaded if item.blob is not None]
        errors += [item.error for item in loaded if item.error is not None]
        labels = [int(images.labels[item.index]) for item in usable]
        for trial in _in_the_race(trials) if usable else ():
            judge.add(trial, [np.asarray(item.blob) for item in usable], labels)
            yield Progress(loaded[0].index, len(images), f"doctor: {trial.variant.order} {trial.variant.spread}")
        yield Progress(loaded[-1].index + 1, len(images), f"doctor: {len(_in_the_race(trials))} variants")
    if len(errors) == len(images):
        raise ImageError(f"none of the {len(images)} images could be used; the first: {errors[0]}")
    return errors


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
    chosen = min(tied, key=lambda row: commonness(row.variant))
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


def _choose(images: ImageSource, limit: int) -> SomeImages:
    """At most ``limit`` labelled images, drawn with a fixed seed."""
    labelled = np.flatnonzero(images.labels >= 0)
    if not len(labelled):
        raise ImageError(
            "the doctor needs images with classes; give a list with 'path label' lines, or --class-folders"
        )
    return SomeImages(images, tuple(np.random.default_rng(0).permutation(labelled)[:limit].tolist()))
