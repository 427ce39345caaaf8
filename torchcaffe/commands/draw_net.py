"""``torchcaffe draw_net``: a picture of a net (python/draw_net.py)."""

from __future__ import annotations

import logging

from prototxt.common.errors import InputError
from prototxt.formats.schema import NetParameter, Phase
from prototxt.formats.text import read_message
from torchcaffe.commands.flags import Call
from torchcaffe.pycaffe.draw import draw_net_to_file

log = logging.getLogger(__name__)


def draw_net(call: Call) -> None:
    """Draw the layers and blobs of a prototxt.

    Raises
    ------
    InputError : it is no net, or Graphviz is missing for a picture.
    """
    source, target = call.arguments
    net = read_message(source, NetParameter)
    phase = None if call.text("phase") == "ALL" else Phase.Value(call.text("phase"))
    log.info("Drawing net to %s", target)
    try:
        draw_net_to_file(net, target, call.text("rankdir"), phase, call.switch("display_lrm"))
    except ValueError as error:  # pycaffe's, of rules and multipliers that it cannot draw
        raise InputError(f"{source}: cannot be drawn: {error}") from None
