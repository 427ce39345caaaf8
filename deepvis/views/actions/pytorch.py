"""Opening PyTorch models: networks of torchvision by name, and weights; the user says what network those are of."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from deepvis.controllers.tasks import Task
from deepvis.errors import SettingsError
from deepvis.model.pytorch import fitting_architecture
from deepvis.views.actions.opening import open_given, settings_beside
from deepvis.views.actions.registry import opens, sentences, window_action
from deepvis.views.question_bar import Field, Question
from deepvis.views.window_protocol import WindowProtocol
from prototxt.common.progress import Progress

SHAPE = Field("input_shape", "Input", hint="1,3,224,224; empty: as the network", letters=34)


@window_action("open_pytorch")
def open_pytorch(window: WindowProtocol) -> None:
    """Ask for a network of torchvision, or one's own."""
    window.controller.tasks.start(Task("Networks of torchvision", _list_networks(), partial(_ask_for_network, window)))


def _list_networks() -> Generator[Progress, None, tuple[str, ...]]:
    yield Progress(0, 0, "which networks are there?")
    from converters.architectures import architecture_names  # imports torchvision

    yield Progress(0, 0, "which networks are there?")
    return architecture_names()


def _ask_for_network(window: WindowProtocol, names: tuple[str, ...]) -> None:
    fields = (
        Field("arch", "Network", "alexnet", names),
        Field("weights", "Weights", hint="file; empty: what torchvision publishes", letters=36),
        SHAPE,
    )
    sentence = "A network of torchvision by its name, or your own as package.module:factory with a file of weights."
    window.question_bar.ask(Question(sentence, fields, "Convert", partial(convert, window)))


@opens("pytorch")
def open_pytorch_file(window: WindowProtocol, given: Mapping[str, Sequence[Path]]) -> None:
    """Ask for the architecture of weights, with the one that fits filled in, and convert them."""
    file = given["pytorch"][0]
    ask = partial(_ask_of_which_network, window, file, settings_beside(given))
    window.controller.tasks.start(Task(f"Open {file.name}", _find_fitting(file), ask))


def _find_fitting(file: Path) -> Generator[Progress, None, tuple[str, tuple[str, ...]]]:
    """The network that weights fit by names and shapes, "" if there is none, and the names of all networks."""
    fitting = yield from fitting_architecture(file)
    from converters.architectures import architecture_names

    return fitting, architecture_names()


def _ask_of_which_network(
    window: WindowProtocol, file: Path, beside: Mapping[str, Path], found: tuple[str, tuple[str, ...]]
) -> None:
    fitting, names = found
    known = f"{fitting} fits by names and shapes." if fitting else "None was found by names and shapes."
    sentence = f"{file.name} holds weights alone; of which network? {known} Your own: package.module:factory."
    fields = (Field("arch", "Network", fitting, names, hint="package.module:factory"), SHAPE)
    window.question_bar.ask(
        Question(
            sentence, fields, "Convert", lambda answers: convert(window, {**answers, "weights": str(file)}, beside)
        )
    )


def convert(window: WindowProtocol, answers: Mapping[str, str], beside: Mapping[str, Any] | None = None) -> None:
    """Convert a PyTorch model by what the user answered, and show it with the parity report.

    Parameters
    ----------
    beside : settings for what was given with it.
    """
    with sentences(window):
        arch, weights, shape = answers["arch"], answers.get("weights", ""), answers.get("input_shape", "")
        if not arch:
            raise SettingsError("no network was named; give its name, or your own as package.module:factory")
        named = {"model": Path(weights).expanduser(), "arch": arch} if weights else {"model": Path(arch)}
        open_given(window, {**named, "input_shape": numbers(shape), **(beside or {})}, panes=("parity",))


def numbers(text: str) -> tuple[int, ...] | None:
    """The numbers of a shape that was typed in, None for none."""
    try:
        return tuple(int(number) for number in text.split(",")) if text.strip() else None
    except ValueError:
        raise SettingsError(f"input {text!r}: must be whole numbers with commas between, as in 1,3,224,224") from None
