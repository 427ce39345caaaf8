"""Which CUDA card each process of a study computes on: they are spread over all cards that this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

VISIBLE = "CUDA_VISIBLE_DEVICES"


def known_cards() -> list[str]:
    """Names of the cards as ``CUDA_VISIBLE_DEVICES`` has them; none without CUDA."""
    if not torch.cuda.is_available():
        return []
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return named or [str(number) for number in range(torch.cuda.device_count())]


def spread(device: str, processes: int, cards: Sequence[str]) -> list[str | None]:
    """Give every process a card in turn; None where it computes on what the study says.

    Parameters
    ----------
    device : of the study. ``cuda`` means all cards; ``cuda:1``, ``cpu`` and ``mps`` mean what they say.
    processes : their number.
    cards : from `known_cards`.
    """
    if device != "cuda" or len(cards) < 2:
        return [None] * processes
    return [cards[number % len(cards)] for number in range(processes)]


@contextmanager
def only_card(card: str | None) -> Iterator[None]:
    """Processes that are started meanwhile see one card alone, as ``cuda:0``; None changes nothing."""
    before = os.environ.get(VISIBLE)
    if card is not None:
        os.environ[VISIBLE] = card
    try:
        yield
    finally:
        if card is not None:
            os.environ.pop(VISIBLE)
            if before is not None:
                os.environ[VISIBLE] = before
