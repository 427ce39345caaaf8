import sys

import pytest

from deepvis.controllers.layer_views.registry import LAYER_VIEWS
from deepvis.controllers.panes.registry import PANES
from deepvis.state.resolve import DisplayState, fields_of
from deepvis.state.viewer import OPTIONS
from deepvis.views.panes.registry import PANE_WIDGETS
from prototxt.common.errors import NetError
from prototxt.common.registry import Registry, import_all


def test_a_name_is_given_once():
    registry = Registry("pane")
    registry.add("one", 1)
    with pytest.raises(ValueError, match="pane 'one' is registered twice: 1 and 2"):
        registry.add("one", 2)
    assert registry == {"one": 1}


def test_a_decorated_function_enters_under_every_name_and_stays_what_it_is():
    registry = Registry("rule")

    @registry.register("one", "two", make=lambda function: ("made of", function()))
    def rule():
        return 12

    assert rule() == 12
    assert registry == {"one": ("made of", 12), "two": ("made of", 12)}
    with pytest.raises(ValueError, match="rule 'two' is registered twice"):
        registry.register("two")(rule)


def test_an_unknown_name_says_which_one_is_meant_and_which_there_are():
    registry = Registry("layer type", NetError)
    for name in ("ReLU", "PReLU", "Input", "eltwise"):
        registry.add(name, name)
    assert registry.find("ReLU") == "ReLU"
    with pytest.raises(NetError) as error:
        registry.find("relu", "layer 'a'")
    known = "eltwise, Input, PReLU, ReLU"
    assert str(error.value) == f"layer 'a': unknown layer type 'relu' (did you mean 'ReLU'?); use one of {known}"
    with pytest.raises(NetError) as error:
        registry.find("Warp")
    assert str(error.value) == f"unknown layer type 'Warp'; use one of {known}"


def test_looking_up_what_is_known_is_a_dictionarys_work():
    assert Registry.__getitem__ is dict.__getitem__
    assert not hasattr(Registry, "__missing__")


def test_every_module_of_a_folder_is_imported_but_those_left_out(tmp_path, monkeypatch):
    folder = tmp_path / "folder_of_members"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text("")
    (folder / "other.py").write_text("raise RuntimeError('it is for another Python')")
    monkeypatch.syspath_prepend(tmp_path)
    import_all(folder.name, [str(folder)], leave_out=("other",))
    assert sys.modules.pop(f"{folder.name}.one")
    with pytest.raises(RuntimeError, match="for another Python"):
        import_all(folder.name, [str(folder)])


def test_every_way_to_show_a_layer_is_there():
    assert set(LAYER_VIEWS) == set(OPTIONS["layer_mode"].choices)


def test_every_pane_has_a_widget():
    assert set(PANES) == set(PANE_WIDGETS)


def test_what_views_and_panes_follow_is_in_the_state():
    for pane in PANES.values():
        assert set(fields_of(pane.follows)) <= set(DisplayState.model_fields)
    for view in LAYER_VIEWS.values():
        assert set(fields_of(view.made_from)) <= set(DisplayState.model_fields)
