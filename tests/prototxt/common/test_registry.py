import pytest

from deepvis.controllers.layer_views.registry import LAYER_VIEWS
from deepvis.controllers.panes.registry import PANES
from deepvis.state.resolve import DisplayState
from deepvis.state.viewer import LAYER_MODES
from deepvis.views.panes.registry import PANE_WIDGETS
from prototxt.common.registry import Registry


def test_a_name_is_given_once():
    registry = Registry("pane")
    registry.add("one", 1)
    with pytest.raises(ValueError, match="there are two panes called 'one'"):
        registry.add("one", 2)


def test_every_way_to_show_a_layer_is_there():
    assert set(LAYER_VIEWS) == set(LAYER_MODES)


def test_every_pane_has_a_widget():
    assert set(PANES) == set(PANE_WIDGETS)


def test_what_views_and_panes_follow_is_in_the_state():
    fields = set(DisplayState.__dataclass_fields__)
    for member in (*LAYER_VIEWS.values(), *PANES.values()):
        assert set(member.follows) <= fields
