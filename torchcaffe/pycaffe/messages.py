"""Caffe's messages from any ``caffe_pb2``: that of a real Caffe, of a vendor, or ours."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from prototxt.common.errors import NetError

M = TypeVar("M", bound=Message)


def as_ours(message: Message, kind: type[M]) -> M:
    """A copy of a message as one of our classes, which live in a descriptor pool of their own.

    Raises
    ------
    NetError : it is another message.
    """
    wanted, given = kind.DESCRIPTOR.full_name, message.DESCRIPTOR.full_name
    if given != wanted:
        raise NetError(f"a message {wanted} is needed; got {given}")
    return kind.FromString(message.SerializePartialToString())
