"""Opening ONNX models in a running window."""

from tests.deepvis.model.test_onnx import write_onnx
from tests.deepvis.views.dropping import drop, opened


def test_a_model_is_dropped_and_asked_for_the_size_that_it_leaves_open(qtbot, window, tmp_path):
    drop(qtbot, window, write_onnx(tmp_path / "any.onnx", "size"))
    qtbot.waitUntil(lambda: window.question_bar.isVisible(), timeout=60_000)
    assert "(n,3,size,size)" in window.question_bar.sentence.text()
    window.question_bar.inputs["input_shape"].setText("1,3,9,9")
    window.question_bar.accept_button.click()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    assert window.error_bar.isHidden(), window.error_bar.sentence.text()
    assert opened(window).name == "any"
    assert opened(window).input_shape == (3, 9, 9)
    assert window.model.panes == ("parity",)
    assert window.docks.widget("parity").summary.text().startswith("an ONNX model with any.onnx\nonnxruntime")
