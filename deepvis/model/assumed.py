"""What is assumed of the preprocessing of a Caffe net that says nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deepvis.model.feed import Feed
from prototxt.pixels.field_types import PairRule
from prototxt.pixels.preprocess import Preprocessing

PICTURES = (1, 3)  # channels of what is taken for a picture
# By how pairs enter one input: its channels, and those of one picture of the pair.
SINGLE: dict[PairRule, dict[int, int]] = {"channels": {2: 1, 6: 3}, "width": {1: 1, 3: 3}}


def assumed_preprocessing(feed: Feed, pair: PairRule | None = None) -> Preprocessing:
    """Guess the preprocessing from the net's input: what BVLC's nets of its kind take.

    Three channels: BGR, 0-255, ImageNet's mean taken off, resized so that the crop is 227/256 of a side. One channel:
    grey, 0-1, resized to the input, as LeNet takes it. Any other input takes arrays as they are. Two inputs take pairs.

    Parameters
    ----------
    feed : of the net.
    pair : how pairs enter it, if that is known.
    """
    if pair in SINGLE and len(feed.shape) == 3 and feed.shape[0] in SINGLE[pair]:
        return of_pairs(feed.shape, pair)
    pair = "inputs" if len(feed.values) > 1 else "none"
    if feed.steps and not feed.frames_first:
        return Preprocessing("STORED", pair=pair)
    channels, *lengths = feed.shape[1:] if feed.steps else feed.shape
    if channels not in PICTURES or len(lengths) not in (2, 3):
        return Preprocessing("STORED", pair=pair)
    return replace(_of_pictures(channels, lengths[-2], lengths[-1]), pair=pair)


def of_pairs(shape: Sequence[int], pair: PairRule) -> Preprocessing:
    """Guess the preprocessing of a net whose input (channels, height, width) takes a ``pair`` of `SINGLE`."""
    _, height, width = shape
    single = _of_pictures(SINGLE[pair][shape[0]], height, width // 2 if pair == "width" else width)
    return replace(single, pair=pair)


def _of_pictures(channels: int, height: int, width: int) -> Preprocessing:
    if channels == 1:
        return Preprocessing("GRAY", 1 / 256, resize="stretch", resize_to=(height, width), crop=(height, width))
    resized = tuple(round(length * 256 / 227) for length in (height, width))
    return replace(Preprocessing.caffe_imagenet((1, 3, height, width)), resize_to=resized)
