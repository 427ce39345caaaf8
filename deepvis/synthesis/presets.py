"""Ways to make a picture of a unit, by name."""

from __future__ import annotations

from deepvis.synthesis.canvas import Prior
from deepvis.synthesis.fourier import FourierPrior
from deepvis.synthesis.pixels import Constant, LengthRate, PixelPrior, ProgressRate

PRIORS: dict[str, type] = {"fourier": FourierPrior, "pixels": PixelPrior}
"""What can be known of natural pictures: the kinds of the presets' priors."""

DEFAULT = "fourier"

PRESETS: dict[str, Prior] = {
    "fourier": FourierPrior(),
    "yosinski": PixelPrior(300, LengthRate(1.5), decay=0.01, blur=1, blur_every=4),
    "yosinski1": PixelPrior(500, ProgressRate(100, 2), blur=0.5, blur_every=4, small_norm=50),
    "yosinski2": PixelPrior(750, Constant(100), decay=0.3, small_norm=20),
    "yosinski3": PixelPrior(1000, Constant(100), decay=1e-4, blur=1, blur_every=4),
    "yosinski4": PixelPrior(1000, ProgressRate(1e8, 2), blur=0.5, blur_every=4, small_contribution=90),
    "plain": PixelPrior(500, Constant(1)),
}
"""`DEFAULT` after Olah et al. (2017). The four rows of table 1 of Yosinski et al. (2015) with the rates of their
program, which are for CaffeNet (the third made most of their figures); ``yosinski``: the third's blur with steps that
fit any net. ``plain``: ascent without any prior, for comparison."""
