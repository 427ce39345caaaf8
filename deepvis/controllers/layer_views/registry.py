"""Ways to show a layer in the middle: what is registered here is in the menu, the options, the key and the links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deepvis.controllers.contents import GridContent
from deepvis.controllers.sources import Sources
from deepvis.state.resolve import DisplayState
from prototxt.common.registry import Registry

Make = Callable[[DisplayState, Sources], Iterator[GridContent]]


@dataclass(frozen=True)
class LayerView:
    """One way to show a layer.

    Parameters
    ----------
    make : runs beside the window; yields what is to be drawn, more complete every time. What is missing is a
        `GridContent` that says so.
    follows : fields of the state, or groups of them (`deepvis.state.option.Group`), that it depends on besides the
        layer, its grid and the view; when one changes it is made anew, and what was begun before is not shown.
    looks : those that only change its colours: what was begun before is shown until the new one is there.
    live : whether it depends on the picture, and is made anew for every frame.
    """

    make: Make
    follows: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    live: bool = False

    @property
    def fits_while(self) -> tuple[str, ...]:
        """Fields and groups that must stay as they are while it is made."""
        return ("layer", "layer_mode", "grid", *self.follows)

    @property
    def made_from(self) -> tuple[str, ...]:
        """Fields and groups that it depends on."""
        return (*self.fits_while, *self.looks)


LAYER_VIEWS: Registry[LayerView] = Registry("layer view")


def layer_view(
    name: str, *, follows: tuple[str, ...] = (), looks: tuple[str, ...] = (), live: bool = False
) -> Callable[[Make], Make]:
    """Register the decorated function as ``name``, one of `deepvis.state.options.LayerMode`; see `LayerView`."""
    return LAYER_VIEWS.register(name, make=lambda make: LayerView(make, follows, looks, live))
