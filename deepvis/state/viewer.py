"""What the user wants to see: the one mutable state behind the window. Everything on screen follows from it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from psygnal import SignalGroupDescriptor
from pydantic import ConfigDict, Field, PrivateAttr

from deepvis.state.option import Option, options_of
from deepvis.state.options import Options, Preferences


class ViewerModel(Options):
    """The user's wishes; they need not fit the net, `deepvis.state.resolve` makes them fit.

    Every field has a signal of the same name in ``events``; a value outside of a field's choices raises a
    ``pydantic.ValidationError`` and changes nothing.
    """

    model_config = ConfigDict(validate_assignment=True, extra="forbid")
    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    layer: Annotated[str | None, Option(reset=False)] = Field(default=None, description="the layer in the middle")
    show_diffs: bool = Field(
        default=False, description="what back-propagation brought to the layer, in place of its activations"
    )
    before_activation: bool = Field(default=False, description="the layer before its activation")
    _start: dict[str, Any] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any) -> None:
        """Remember what the settings gave."""
        self._start = {name: getattr(self, name) for name in Preferences.model_fields}

    def reset(self) -> None:
        """Give every option its default, or what the settings say; layer, unit, picture and source stay."""
        for name, option in OPTIONS.items():
            if option.reset:
                setattr(self, name, self._start.get(name, ViewerModel.model_fields[name].default))


OPTIONS: dict[str, Option] = options_of(ViewerModel)
"""Of every field of the state, by name."""
