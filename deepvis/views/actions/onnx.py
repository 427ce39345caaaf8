"""Opening ONNX models: what they leave open of their input, the user is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from deepvis.controllers.tasks import Task
from deepvis.model.pytorch import open_axes
from deepvis.views.actions.opening import open_given, settings_beside
from deepvis.views.actions.pytorch import SHAPE, numbers
from deepvis.views.actions.registry import opens, sentences
from deepvis.views.question_bar import Question
from deepvis.views.window_protocol import WindowProtocol


@opens("onnx")
def open_onnx_file(window: WindowProtocol, given: Mapping[str, Sequence[Path]]) -> None:
    """Convert an ONNX model, and show it with the parity report."""
    file, beside = given["onnx"][0], settings_beside(given)

    def convert(answers: Mapping[str, str]) -> None:
        with sentences(window):
            shape = numbers(answers.get("input_shape", ""))
            open_given(window, {"model": file, "input_shape": shape, **beside}, panes=("parity",))

    def ask(shape: str) -> None:
        if not shape:
            convert({})
            return
        sentence = f"{file.name} takes inputs of any size ({shape}); of which size shall the Caffe net be?"
        window.question_bar.ask(Question(sentence, (SHAPE,), "Convert", convert))

    window.controller.tasks.start(Task(f"Open {file.name}", open_axes(file), ask))
