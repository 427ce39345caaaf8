"""``torchcaffe extract_features``: blobs of a net, item by item, into databases (tools/extract_features.cpp)."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from tqdm import trange

from prototxt.common.errors import InputError
from prototxt.formats.schema import Datum
from prototxt.formats.text import read_net
from torchcaffe.commands.device import choose_device
from torchcaffe.commands.flags import Call
from torchcaffe.data.records import COMMIT_EVERY, Put, new_database
from torchcaffe.network import Network
from torchcaffe.snapshot import load_weights, warn_of_fillers
from torchcaffe.stored import Stored, say_zeros

log = logging.getLogger(__name__)


def extract_features(call: Call) -> None:
    """Run a net in the phase TEST over batches of its data layer, and store blobs under ``0000000012``.

    Raises
    ------
    InputError : an argument, the net, its weights or its data are wrong.
    """
    weights, model, names, targets, batches, backend, *mode = call.arguments
    blobs, places = names.split(","), targets.split(",")
    if len(blobs) != len(places):
        raise InputError(f"there are {len(blobs)} blobs and {len(places)} databases; give a database for each blob")
    if not batches.isdigit():
        raise InputError(f"the number of batches must be a whole number; got '{batches}'")
    device = _device(mode)
    network = Network(read_net(model), "TEST", device)
    warn_of_fillers(load_weights(Stored(network), [weights]), weights)
    say_zeros(network)
    for blob in blobs:
        network.graph.value(blob)  # an unknown one is refused before databases are made
    with ExitStack() as stack:
        puts = [stack.enter_context(new_database(Path(place), backend)) for place in places]
        log.info("Extracting Features")
        _extract(network, dict(zip(blobs, puts, strict=True)), int(batches))
    log.info("Successfully extracted the features!")


def _extract(network: Network, puts: dict[str, Put], batches: int) -> None:
    counts = dict.fromkeys(puts, 0)
    for _ in trange(batches, unit="batch", disable=None):
        with torch.inference_mode():
            values = network.run(network.zeros(), keep=list(puts))
        for (blob, put), value in zip(puts.items(), values.values(), strict=True):
            for item in value.reshape(len(value) if value.ndim else 1, -1).cpu().numpy():
                put(f"{counts[blob]:010d}".encode(), _datum(item, tuple(value.shape)))
                counts[blob] += 1
                if counts[blob] % COMMIT_EVERY == 0:
                    log.info("Extracted features of %d query images for feature blob %s", counts[blob], blob)
    for blob, count in counts.items():
        log.info("Extracted features of %d query images for feature blob %s", count, blob)


def _datum(item: np.ndarray, shape: tuple[int, ...]) -> bytes:
    if len(shape) > 4:
        raise InputError(f"a blob of shape {shape} has more than the 4 axes of a Datum; give another one")
    channels, height, width = (*shape[1:], 1, 1, 1)[:3]
    datum = Datum(channels=channels, height=height, width=width)
    datum.float_data.extend(item.tolist())
    return datum.SerializeToString()


def _device(mode: list[str]) -> torch.device:
    if mode and mode[0] not in ("CPU", "GPU"):
        raise InputError(f"the device must be CPU or GPU; got '{mode[0]}'")
    return choose_device(("".join(mode[1:]) or "0") if mode and mode[0] == "GPU" else "")
