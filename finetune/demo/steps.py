"""The commands of the demo, each one that the user could have typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepvis.scan.reader import Scan
from entropy.split_folder import folder as names
from prototxt.common.real_caffe import find_caffe

MODEL = Path("models/indoor39")
HEAD = "fc8_photographs"
SHOWN = ("conv2", 7)  # the unit in the picture of the window


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """What of the demo can be changed.

    Parameters
    ----------
    out
        folder for everything that the demo makes; what an earlier demo left there is replaced.
    images
        folder of your own photographs for the small task, at least two, of which the first 24 are taken; by default
        those that ship with scikit-image and scikit-learn.
    model
        folder of the bundled model that is converted and taught.
    method
        transfer function from H to rates, 1-6.
    iterations
        training iterations of each of the two runs.
    base_lr
        learning rate that every multiplier is applied to.
    trainer
        caffe or torchcaffe; by default real Caffe where `make caffe` has installed it.
    """

    out: Path = Path("build/demo")
    images: Path | None = None
    model: Path = MODEL
    method: int = 2
    iterations: int = 60
    base_lr: float = 0.002
    trainer: str | None = None

    @property
    def crops(self) -> Path:
        """Folder of the small task."""
        return self.out / "crops"

    @property
    def net(self) -> Path:
        """The converted net."""
        return self.out / "alexnet.prototxt"

    @property
    def weights(self) -> Path:
        """Its weights."""
        return self.out / "alexnet.caffemodel"


@dataclass(frozen=True)
class Step:
    """A command of the demo and the sentence that announces it."""

    title: str
    command: tuple[str, ...]


def command(program: str, *words: object, **options: object) -> tuple[str, ...]:
    """Write a command line as its words.

    Parameters
    ----------
    program : the program and its subcommand, with spaces between.
    words : what stands by its place.
    options : ``test_images=path`` becomes ``--test-images path``; a tuple gives several words, True the option alone.
    """
    line = [*program.split(), *map(str, words)]
    for name, value in options.items():
        line.append(f"--{name.replace('_', '-')}")
        line += [] if value is True else map(str, value if isinstance(value, tuple) else (value,))
    return tuple(line)


def before_training(settings: DemoSettings) -> Iterator[Step]:
    """From the PyTorch model to the split net and its plain twin, ready to be trained; the crops must have been cut."""
    out, task, stem = settings.out, settings.crops / "train.txt", settings.net.stem
    yield Step(
        "Converting the PyTorch network to Caffe and comparing every layer",
        command("convert_pytorch_to_caffe", model=settings.model, out=out, name=stem, verify=_judges(), force=True),
    )
    yield Step(
        "Scanning: the strongest pictures of every unit, and its mean activation on every picture",
        command("deepvis scan", settings.net, images=task, out=out / "scan.h5"),
    )
    bins = bins_for(len(task.read_text().splitlines()))
    yield Step(
        "Measuring H, the entropy of every filter's mean activation",
        command("python -m entropy measure", out / "scan.h5", out=out / "entropy.csv", bins=bins),
    )
    yield Step(
        f"Planning a learning rate for every filter (method {settings.method})",
        command("python -m entropy plan", out / "entropy.csv", method=settings.method, out=out / "plan.json"),
    )
    yield Step(
        "Writing the net in which every filter has its own rate, and its plain twin", _write_command(settings, task)
    )
    yield Step(
        "Checking that the split net starts from the very weights of the plain one",
        command("python -m entropy check", out),
    )


def _judges() -> str:
    """The engines that a conversion is verified with: all that are there."""
    return "torchcaffe,caffe,opencv" if find_caffe() else "torchcaffe,opencv"


def _write_command(settings: DemoSettings, task: Path) -> tuple[str, ...]:
    return command(
        "python -m entropy write",
        settings.out / "plan.json",
        net=settings.net,
        weights=settings.weights,
        images=task,
        test_images=settings.crops / "test.txt",
        head=HEAD,
        out=settings.out,
        copy_pictures=True,
        base_lr=settings.base_lr,
        max_iter=settings.iterations,
        display=2,
        test_interval=max(1, settings.iterations // 4),
    )


def after_training(settings: DemoSettings) -> Iterator[Step]:
    """From the last snapshot of the split net to an ordinary caffemodel, and to a picture of the window."""
    out = settings.out
    yield Step(
        "Merging the trained split net into an ordinary caffemodel",
        command(
            "python -m entropy merge",
            out / f"{names.SPLIT_PREFIX}_iter_{settings.iterations}.caffemodel",
            where=out,
            net=settings.net,
            weights=settings.weights,
            out=out / "merged.caffemodel",
        ),
    )
    layer, unit = SHOWN
    with Scan(out / "scan.h5") as scan:
        strongest = int(scan.top(layer, unit).images[0])
    yield Step(
        "Taking a picture of the window",
        command(
            "deepvis snapshot",
            settings.net,
            settings.crops / "train.txt",
            scan=out / "scan.h5",
            plan=out / "plan.json",
            layer=layer,
            unit=unit,
            picture=strongest,
            back="guided",
            size=(1600, 1000),
            out=out / "deepvis.png",
        ),
    )


def bins_for(images: int) -> int:
    """The largest power of two with ten images per bin, between 2 and the usual 256."""
    return 1 << max(1, min(8, (images // 10).bit_length() - 1))
