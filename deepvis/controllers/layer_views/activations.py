"""The maps of all units on the picture at hand, or what back-propagation brought to them."""

from __future__ import annotations

from collections.abc import Iterator

from deepvis.controllers.contents import GridContent
from deepvis.controllers.layer_views.registry import layer_view
from deepvis.controllers.present import grid_content
from deepvis.controllers.sources import Sources
from deepvis.state.resolve import DisplayState


@layer_view(
    "activations",
    follows=("value", "grid_shows_diffs"),
    looks=("colours", "contrast", "brightness"),
    live=True,
)
def show_activations(state: DisplayState, sources: Sources) -> Iterator[GridContent]:
    """Compose and colour all units of the layer."""
    if sources.values is None:
        yield GridContent(missing="Waiting for the net")
    else:
        yield grid_content(state, sources.values, sources.session.engine.net.unit_names(state.layer.name))
