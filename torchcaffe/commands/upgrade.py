"""``torchcaffe upgrade_net_proto_text|_binary`` and ``upgrade_solver_proto_text`` (tools/upgrade_….cpp)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from prototxt.common import atomic
from prototxt.common.errors import FormatError
from prototxt.formats.file_kinds import FILE_LIMIT, read_bytes, refuse_large
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import read_message
from prototxt.formats.text_printer import debug_text
from prototxt.formats.upgrade import upgrade_net, upgrade_solver
from torchcaffe.commands.flags import Call

M = TypeVar("M", bound=Message)

log = logging.getLogger(__name__)


def upgrade_net_proto_text(call: Call) -> None:
    """Write a net's prototxt in the newest form, as Caffe prints it.

    Raises
    ------
    FormatError : it is none, or the place cannot be written to.
    """
    source, target = call.arguments
    old = read_message(source, NetParameter)
    _write_text(source, old, upgrade_net(old, source), target)


def upgrade_solver_proto_text(call: Call) -> None:
    """Write a solver's prototxt in the newest form, as Caffe prints it.

    Raises
    ------
    FormatError : it is none, or the place cannot be written to.
    """
    source, target = call.arguments
    old = read_message(source, SolverParameter)
    _write_text(source, old, upgrade_solver(old, source), target)


def upgrade_net_proto_binary(call: Call) -> None:
    """Write a caffemodel in the newest form, with its weights.

    Raises
    ------
    FormatError : it is none, or the place cannot be written to.
    """
    source, target = call.arguments
    data = read_bytes(source, "a .caffemodel", FILE_LIMIT + 1)
    refuse_large(source, len(data))
    try:
        old = NetParameter.FromString(data)
    except DecodeError:
        raise FormatError(f"{source}: is no binary net; give a .caffemodel, or use upgrade_net_proto_text") from None
    if not old.layer and not old.layers:
        raise FormatError(f"{source}: holds no layer, so it is no caffemodel; give the file that training wrote")
    new = upgrade_net(old, source)
    _say_if_new(source, old, new)
    atomic.write_bytes(target, new.SerializeToString())
    log.info("Wrote upgraded NetParameter binary proto to %s", target)


def _write_text(source: str, old: M, new: M, target: str) -> None:
    _say_if_new(source, old, new)
    atomic.write_text(Path(target), debug_text(new))
    log.info("Wrote upgraded %s text proto to %s", type(new).__name__, target)


def _say_if_new(source: str, old: M, new: M) -> None:
    if old == new:
        log.error("File already in latest proto format: %s", source)
