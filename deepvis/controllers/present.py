"""Make the contents of the panes from state, activations and gradients: pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.back_views import BACK_MAPS, raw_colours
from deepvis.compute.bars import BINS, draw_bars, equal_bins, zero_bin
from deepvis.compute.colour import ColourScale, boost_units, colourise, scale_for, with_levels
from deepvis.compute.overlay import overlay
from deepvis.compute.tiles import TileLayout, compose_grid
from deepvis.controllers.contents import ClassesContent, GridContent, ImageContent
from deepvis.controllers.sources import Array, LayerValues, Range
from deepvis.engines.engine import Activations, BackResult
from deepvis.state.net_info import LayerInfo, NetInfo
from deepvis.state.resolve import DisplayState

TOP_CLASSES = 5


def effective_boost(state: DisplayState) -> float:
    """How far weak units are lifted: 1 when every unit has a scale of its own."""
    return 1.0 if state.scale == "unit" else state.boost


def layer_range(state: DisplayState, values: LayerValues) -> Range:
    """The range that the layer's colours span: the fixed one, or the frame's where that is wanted or none is fixed."""
    return values.fixed if values.fixed is not None and state.scale == "layer" else values.frame


def scale_note(state: DisplayState, values: LayerValues) -> str:
    """What the colours are relative to, in words."""
    words = (
        "the layer's greatest value so far"
        if values.fixed is not None and state.scale == "layer"
        else "this picture alone"
    )
    if effective_boost(state) == 1.0:
        words = "each unit its own"
    elif effective_boost(state) > 0:
        words = f"weak units lifted by {state.boost:g}"
    return f"scale: {words}" + (f", gamma {state.gamma:g}" if state.gamma != 1 else "")


def grid_content(state: DisplayState, values: LayerValues, names: tuple[str, ...] = ()) -> GridContent:
    """Compose and colour all units of a layer; ``names`` are those of the units, where they have any."""
    boost = effective_boost(state)
    drawn = boost_units(values.maps, boost) if boost else values.maps
    low, high = (float(drawn.min()), float(drawn.max())) if boost else layer_range(state, values)
    scale = with_levels(scale_for(low, high, state.colormap, state.gamma), state.level_low, state.level_high)
    layout = TileLayout.of(state.grid, state.layer.height, state.layer.width)
    pixels = colourise(compose_grid(drawn, layout), scale)
    return GridContent(pixels, layout, values.maps, scale, scale_note(state, values), captions=names)


def unit_scale(state: DisplayState, values: LayerValues, unit: Array) -> ColourScale:
    """The colours of the selected unit's own pane: those of the grid, in the unit's true values where it is lifted."""
    boost = effective_boost(state)
    low, high = layer_range(state, values)
    if boost:
        reach, own = max(abs(low), abs(high)), float(np.abs(unit).max())
        share = (own / reach) ** boost if reach > 0 and own > 0 else 1.0
        low, high = low * share, high * share
    return with_levels(scale_for(low, high, state.colormap, state.gamma), state.level_low, state.level_high)


def unit_content(
    state: DisplayState, values: LayerValues | None, seen: NDArray[np.uint8] | None, names: tuple[str, ...] = ()
) -> ImageContent:
    """Draw the selected unit enlarged.

    Parameters
    ----------
    seen : the picture for the overlay.
    names : of the layer's units, where they have any.
    """
    title = f"{state.unit_text}" + (" diffs" if state.grid_shows_diffs else "")
    if names:
        title += f" {names[state.unit]}"
    if values is None or seen is None:
        return ImageContent(title, missing="Waiting for the net")
    unit = np.atleast_2d(values.maps[state.unit])
    scale = unit_scale(state, values, unit)
    pixels = colourise(unit, scale)
    is_overlaid = state.overlay != "off" and not state.layer.is_vector
    if is_overlaid:
        pixels = overlay(seen, unit, pixels, state.overlay)
    row, column = np.unravel_index(int(np.abs(unit).argmax()), unit.shape)
    word = "grad" if state.grid_shows_diffs else "act"
    detail = (
        f"{word} {unit[row, column]:.4g}" if state.layer.is_vector else f"max {unit.max():.4g}, mean {unit.mean():.4g}"
    )
    return ImageContent(title, detail if state.show_values else "", pixels, is_overlaid, scale=scale)


def back_content(
    state: DisplayState, back: BackResult | None, seen: NDArray[np.uint8] | None, red_channel: int
) -> ImageContent:
    """Draw what back-propagation brought to the input."""
    if state.origin is None:
        why = "Select a layer after the input" if state.back_mode != "off" else "Press b for gradient, deconv, guided"
        return ImageContent("Back-propagation", "off", missing=why)
    if back is None or seen is None:
        return ImageContent("Back-propagation", state.back_mode, missing="Waiting for the net")
    title = f"{back.mode.capitalize()} of {back.origin.layer}:{back.origin.unit}"
    gradient = back.gradient_of(state.pair_view)
    if not back.gradient.any():
        return ImageContent(title, missing="The gradient is zero: the unit is silent on this picture")
    if state.back_view == "raw":
        return ImageContent(title, "raw", raw_colours(gradient, red_channel))
    if state.back_view == "histogram":
        return _gradient_histogram(title, gradient)
    values = BACK_MAPS[state.back_view](gradient)
    scale = scale_for(float(values.min()), float(values.max()), state.colormap, state.gamma)
    pixels = overlay(seen, values, colourise(values, scale), state.overlay)
    return ImageContent(title, state.back_view, pixels, scale=scale)


def _gradient_histogram(title: str, gradient: Array) -> ImageContent:
    """The values of the gradient at the input in `BINS` bins; the one that 0 lies in is red."""
    counts, low, high = equal_bins(gradient.reshape(1, -1))
    pixels = draw_bars(np.log1p(counts), 120, 4, zero_bin(low, high, BINS))[0]
    return ImageContent(title, f"histogram, {low:.3g} to {high:.3g}, log height", pixels)


def input_content(
    state: DisplayState, activations: Activations, values: LayerValues | None, net: NetInfo
) -> ImageContent:
    """Draw the part of the picture that the net saw, with the receptive field of the unit's maximum."""
    frame = activations.frame
    height, width = (1, 1, *activations.blob.shape[2:])[-2:]
    box = None
    if values is not None and not state.grid_shows_diffs:
        box = field_box(state.layer, values.maps[state.unit], height, width)
    words = [frame.place] if frame.place else []
    frozen = state.frozen and state.is_live
    words.append("frozen" if frozen else frame.size_text)
    if frame.label >= 0:
        words.append(f"is {frame.class_name or net.class_name(frame.label)}")
    if activations.split and state.pair_view != "both":
        words.append(f"{state.pair_view} of the pair")
    return ImageContent(frame.name, " · ".join(words), activations.seen_of(state.pair_view), smooth=True, box=box)


def field_box(layer: LayerInfo, unit: Array, height: int, width: int) -> tuple[float, float, float, float] | None:
    """Where the unit's greatest value comes from: left, top, width, height in shares of the input; None if unknown."""
    if layer.receptive_field is None or layer.is_vector or not np.any(unit > 0):
        return None
    row, column = np.unravel_index(int(unit.argmax()), unit.shape)
    y0, x0, y1, x1 = layer.receptive_field.box((int(row), int(column)))
    y0, y1 = max(y0, 0), min(y1, height)
    x0, x1 = max(x0, 0), min(x1, width)
    if y0 >= y1 or x0 >= x1:
        return None
    return x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height


def class_probabilities(layer: LayerInfo, scores: Array) -> Array:
    """(C,) probabilities: the scores themselves after a Softmax layer, else their softmax."""
    scores = scores.reshape(-1).astype(np.float64)
    if layer.type == "Softmax":
        return scores
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


def classes_content(net: NetInfo, activations: Activations | None) -> ClassesContent:
    """The five most probable classes."""
    if net.class_layer is None:
        return ClassesContent(missing="This net ends in no class scores")
    if activations is None:
        return ClassesContent(missing="Waiting for the net")
    layer = net.layer(net.class_layer)
    shares = class_probabilities(layer, activations.maps[layer.value])
    order = np.argsort(-shares, kind="stable")[:TOP_CLASSES]
    note = layer.name if layer.type == "Softmax" else f"softmax of {layer.name}"
    return ClassesContent(tuple((net.class_name(int(index)), float(shares[index])) for index in order), note)
