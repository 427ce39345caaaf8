"""Two handles that set the contrast levels of the state."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication

from deepvis.state.viewer import ViewerModel
from deepvis.views import theme
from deepvis.views.levels_slider import LevelsSlider

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def slider(qtbot):
    """With a state that it follows, as the window lets it."""
    theme.apply_theme(QApplication.instance(), 10)
    model = ViewerModel()
    slider = LevelsSlider(model)
    model.events.level_low.connect(lambda low: slider.show_levels(low, model.level_high))
    model.events.level_high.connect(lambda high: slider.show_levels(model.level_low, high))
    qtbot.addWidget(slider)
    slider.show()
    slider.model = model
    return slider


def place(slider, share):
    """The middle of a handle at a share of the scale."""
    return QPoint(round(4 + share * (slider.width() - 9)), slider.height() // 2)


def drag(qtbot, slider, start, *ends):
    qtbot.mousePress(slider, LEFT, pos=place(slider, start))
    for end in ends:
        qtbot.mouseMove(slider, place(slider, end))
    qtbot.mouseRelease(slider, LEFT, pos=place(slider, ends[-1]))


def levels(slider):
    return slider.model.level_low, slider.model.level_high


def test_each_handle_is_dragged_alone(qtbot, slider):
    drag(qtbot, slider, 1, 0.5)
    assert levels(slider) == (0, pytest.approx(0.5, abs=0.02))
    high = slider.model.level_high
    drag(qtbot, slider, 0, 0.1, 0.25)
    assert levels(slider) == (pytest.approx(0.25, abs=0.02), high)


def test_a_click_takes_the_nearer_handle(qtbot, slider):
    for share, low, high in ((0.2, 0.2, 1), (0.9, 0.2, 0.9), (0.45, 0.45, 0.9), (0.75, 0.45, 0.75)):
        qtbot.mouseClick(slider, LEFT, pos=place(slider, share))
        assert levels(slider) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_the_handles_stay_apart_and_on_the_scale(qtbot, slider):
    drag(qtbot, slider, 0, 2)
    assert levels(slider) == (0.99, 1)
    drag(qtbot, slider, 0.99, -1)
    assert levels(slider) == (0, 1)
    drag(qtbot, slider, 1, -1)
    assert levels(slider) == (0, 0.01)
    drag(qtbot, slider, 0.3, 0.6)
    assert levels(slider) == (0, pytest.approx(0.6, abs=0.02))


def test_a_double_click_gives_the_whole_scale_back(qtbot, slider):
    drag(qtbot, slider, 1, 0.5)
    qtbot.mouseDClick(slider, LEFT, pos=place(slider, 0.3))
    assert levels(slider) == (0, 1)
    assert slider.value() == (0, 100)


def test_what_lies_between_two_steps_stays_so_until_it_is_dragged(qtbot, slider):
    slider.model.level_low = 0.123
    drag(qtbot, slider, 1, 0.5)
    assert slider.model.level_low == 0.123
    drag(qtbot, slider, 0.12, 0.3)
    assert slider.model.level_low == pytest.approx(0.3, abs=0.02)


def test_wheel_and_keys_are_the_windows(slider):
    position = QPointF(place(slider, 0.5))
    none = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    wheel = QWheelEvent(position, position, QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, *none, False)
    QApplication.sendEvent(slider, wheel)
    assert not wheel.isAccepted()
    assert levels(slider) == (0, 1)
    assert slider.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_the_part_between_the_round_handles_has_the_accent(slider):
    slider.show_levels(0.3, 0.7)
    picture = slider.grab().toImage()
    row = slider.height() // 2
    colours = {0.1: theme.LINE, 0.3: theme.TEXT, 0.5: theme.ACCENT, 0.7: theme.TEXT, 0.9: theme.LINE}
    for share, colour in colours.items():
        assert picture.pixelColor(place(slider, share).x(), row) == QColor(colour), share
    corner = place(slider, 0.3) - QPoint(4, 4)
    assert picture.pixelColor(corner) != QColor(theme.TEXT)
