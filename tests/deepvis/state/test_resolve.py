import pytest
from pydantic import ValidationError

from deepvis.state.net_info import Grid, LayerInfo, NetInfo, UnitOrder
from deepvis.state.options import Options, Origin
from deepvis.state.resolve import DisplayState, fields_of, resolve
from deepvis.state.viewer import ViewerModel
from prototxt.net.graph import Value

DATA = LayerInfo("data", "Input", 3, Value("data"), Value("data"), 9, 11)
CONV = LayerInfo("conv1", "Convolution", 5, Value("conv1", 1), Value("conv1"), 9, 11, has_filters=True)
POOL = LayerInfo("pool1", "Pooling", 5, Value("pool1"), Value("pool1"), 5, 6)
FC = LayerInfo("fc", "InnerProduct", 20, Value("fc", 1), Value("fc"), has_filters=True)
NET = NetInfo("small", (DATA, CONV, POOL, FC), ("cat", "dog"), "fc")


def test_without_wishes_the_first_layer_with_filters_is_shown():
    state = resolve(ViewerModel(), NET)
    assert (state.layer, state.layer_index, state.unit, state.picture) == (CONV, 1, 0, -1)
    assert state.back_mode == "off"
    assert state.origin is None


def test_an_unknown_layer_gives_the_same():
    assert resolve(ViewerModel(layer="gone"), NET).layer == CONV


@pytest.mark.parametrize(("wish", "unit"), [(-3, 0), (4, 4), (5, 4), (999, 4)])
def test_units_are_clamped_to_the_layer(wish, unit):
    assert resolve(ViewerModel(layer="conv1", unit=wish), NET).unit == unit


def test_the_wish_survives_a_small_layer():
    model = ViewerModel(layer="fc", unit=17)
    assert resolve(model, NET).unit == 17
    model.layer = "conv1"
    assert resolve(model, NET).unit == 4
    model.layer = "fc"
    assert resolve(model, NET).unit == 17


@pytest.mark.parametrize(("wish", "picture"), [(0, 0), (2, 2), (3, 0), (-1, 2), (7, 1)])
def test_pictures_go_round(wish, picture):
    assert resolve(ViewerModel(picture=wish), NET, pictures=3).picture == picture


def test_before_the_activation_only_where_there_is_one():
    before = resolve(ViewerModel(layer="conv1", before_activation=True), NET)
    assert (before.value, before.value_is_own) == (Value("conv1"), True)
    pooled = resolve(ViewerModel(layer="pool1", before_activation=True), NET)
    assert (pooled.value, pooled.value_is_own) == (Value("pool1"), False)


def test_back_propagation_starts_from_the_selection_unless_frozen():
    state = resolve(ViewerModel(layer="fc", unit=3, back_mode="guided"), NET)
    assert state.origin == Origin(layer="fc", unit=3)
    assert not state.origin_is_frozen
    frozen = ViewerModel(layer="conv1", unit=2, back_mode="guided", origin=Origin(layer="fc", unit=3))
    assert resolve(frozen, NET).origin == Origin(layer="fc", unit=3)
    assert resolve(frozen, NET).origin_is_frozen


@pytest.mark.parametrize("origin", [Origin(layer="gone", unit=0), Origin(layer="fc", unit=20)])
def test_an_origin_that_the_net_has_not_falls_back_to_the_selection(origin):
    state = resolve(ViewerModel(layer="conv1", unit=1, back_mode="gradient", origin=origin), NET)
    assert state.origin == Origin(layer="conv1", unit=1)
    assert not state.origin_is_frozen


def test_nothing_starts_from_the_input():
    state = resolve(ViewerModel(layer="data", back_mode="gradient", show_diffs=True, zoom="back"), NET)
    assert (state.origin, state.back_mode, state.grid_shows_diffs, state.zoom) == (None, "off", False, "grid")


def test_the_grid_has_the_shape_of_its_pane():
    assert resolve(ViewerModel(layer="fc"), NET, aspect=5.0).grid == Grid(20, 2, 10)
    tall = resolve(ViewerModel(layer="fc"), NET, aspect=0.05).grid
    assert tall == Grid(20, 20, 1)


def test_the_state_is_a_value():
    model = ViewerModel(layer="fc", unit=3)
    assert resolve(model, NET) == resolve(model, NET)
    assert resolve(model, NET).unit_text == "fc:3"


def test_every_field_of_the_state_is_made():
    state = resolve(ViewerModel(), NET)
    assert set(vars(state)) == set(DisplayState.model_fields)
    with pytest.raises(ValidationError, match="frozen"):
        state.gamma = 0.5


def test_options_are_shown_as_they_are_wished():
    wishes = {"gamma": 0.3, "sort": "H", "blob_at": (1, 2), "threshold": 2.5, "show_help": True, "source": "camera"}
    state = resolve(ViewerModel(**wishes), NET)
    made_to_fit = {"unit", "picture", "back_mode", "origin", "zoom"}
    for name in set(Options.model_fields) - made_to_fit:
        assert getattr(state, name) == wishes.get(name, Options.model_fields[name].default), name


def test_a_group_stands_for_its_fields():
    assert fields_of(("layer", "colours", "frames")) == ("layer", "colormap", "gamma", "frame_kind", "threshold")
    with pytest.raises(KeyError, match="colors"):
        fields_of(("colors",))
    first, second = (resolve(ViewerModel(gamma=gamma), NET) for gamma in (1, 0.5))
    assert first.differs(second, ["layer", "colours"])
    assert not first.differs(second, ["layer", "contrast", "order"])


@pytest.mark.parametrize(("field", "value"), [("back_mode", "sideways"), ("gamma", 0.0), ("zoom", "moon"), ("unti", 1)])
def test_values_that_are_not_allowed_change_nothing(field, value):
    model = ViewerModel()
    before = model.model_copy()
    with pytest.raises((ValidationError, ValueError)):
        setattr(model, field, value)
    assert model == before


def test_changes_are_signalled_by_field():
    model, heard = ViewerModel(), []
    model.events.unit.connect(heard.append)
    model.unit = 4
    model.unit = 4
    assert heard == [4]


def test_the_grid_follows_an_order_of_its_layer():
    order = UnitOrder("fc", (7, 3, 5))
    state = resolve(ViewerModel(layer="fc", unit=1), NET, aspect=3.0, order=order)
    assert state.grid == Grid(3, 1, 3, (7, 3, 5))
    assert state.unit == 1
    assert resolve(ViewerModel(layer="conv1"), NET, order=order).grid.order == ()
    assert resolve(ViewerModel(layer="fc"), NET, order=UnitOrder("fc", (20, 1))).grid.order == ()
    assert resolve(ViewerModel(layer="fc"), NET, order=UnitOrder("fc")).grid.units == 20
