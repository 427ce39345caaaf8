"""Checks that a split net is the plain net cut in pieces: same weights, same loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from entropy.errors import CheckError
from entropy.planning.plan import Plan, read_plan
from entropy.split_folder import folder as names
from entropy.split_folder import real_caffe
from entropy.split_folder.gradients import Gradients, Side, comparing_gradients, refuse_cut_gradients
from entropy.split_folder.preservation import Preserved, proving_preserved
from prototxt.common.errors import NetError
from prototxt.common.real_caffe import find_caffe
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_net
from prototxt.formats.weights import Weights, read_weights
from prototxt.net.phases import filter_net
from prototxt.split import merge_weights

# Sums over fewer filters at a time round differently; Caffe prints six digits.
TOLERANCE = 2e-5
SEED = 1


@dataclass(frozen=True)
class Loss:
    """The loss of the same batch in both nets, in one engine."""

    engine: str
    plain: float
    split: float

    @property
    def difference(self) -> float:
        """Relative difference."""
        return abs(self.split - self.plain) / max(abs(self.plain), 1e-12)


Found = Loss | Preserved | Gradients


def check(folder: Path | str, weights: Path | str | None = None, *, use_caffe: bool = True) -> list[Found]:
    """Check a folder that `entropy.write` made; run it before training.

    Caffe copies weights by layer name and passes over what it does not know: with the wrong caffemodel it would train
    from random weights and exit with 0. So this makes sure that every layer's weights really come from the file, that
    they are the plain net's cut in pieces, and that one iteration at learning rate 0 gives both nets the same loss
    (without dropout, whose random numbers the two nets draw differently). On that batch the gradients of all free
    filters must be the plain net's too, and those of real Caffe torchcaffe's; a layer with free filters that no
    gradient reaches is refused. Where the old net keeps its head, it makes sure too that every top of every old layer
    of the deploy net is the old net's, bit for bit, on a random image.

    Parameters
    ----------
    folder : with the split and the plain net.
    weights : of the split net; by default the folder's own.
    use_caffe : also run real Caffe where it is installed.

    Returns
    -------
    What was found equal in each engine: losses, gradients, and tops of the old net where there is one.

    Raises
    ------
    CheckError : something differs; says what.
    FormatError, NetError, PlanError : a file cannot be read.
    """
    return list(checking(folder, weights, use_caffe=use_caffe))


def checking(folder: Path | str, weights: Path | str | None = None, *, use_caffe: bool = True) -> Iterator[Found]:
    """`check` as a generator: yields what was found in each engine as soon as it is known."""
    from entropy.split_folder import engine

    folder = Path(folder)
    path = Path(weights) if weights is not None else folder / names.SPLIT_WEIGHTS
    plan = read_plan(folder / names.PLAN)
    plain_weights, split_weights = read_weights(folder / names.PLAIN_WEIGHTS), read_weights(path)
    _check_weights(plan, split_weights, plain_weights, path)
    yield from proving_preserved(folder, use_caffe=use_caffe)
    plain_file = folder / names.PLAIN_WEIGHTS
    plain, split = (without_dropout(read_net(folder / name)) for name in (names.PLAIN_NET, names.SPLIT_NET))

    refuse_cut_gradients(filter_net(split, "TRAIN"), folder / names.SPLIT_NET)

    def in_torchcaffe(net: NetParameter, weights: Weights) -> float:
        loss, after = engine.first_loss(net, weights, folder, SEED)
        _check_loaded(after, weights, path)
        return loss

    yield _compare("torchcaffe", in_torchcaffe, (plain, plain_weights), (split, split_weights))
    caffe = find_caffe() if use_caffe else None
    if caffe is not None:

        def in_caffe(net: NetParameter, file: Path, learned: Weights) -> float:
            return real_caffe.first_loss(caffe, net, file, learned, folder, SEED)

        yield _compare("caffe", in_caffe, (plain, plain_file, plain_weights), (split, path, split_weights))
    sides = (Side(plain, plain_weights, plain_file), Side(split, split_weights, path))
    yield from comparing_gradients(folder, plan, *sides, caffe, SEED)


def _compare(engine: str, run: Callable[..., float], plain: tuple[object, ...], split: tuple[object, ...]) -> Loss:
    loss = Loss(engine, run(*plain), run(*split))
    if not loss.difference <= TOLERANCE:
        raise CheckError(
            f"{engine}: the split net's loss is {loss.split:.6g}, the plain net's {loss.plain:.6g}; they must be equal "
            "at learning rate 0: write the folder again"
        )
    return loss


def _check_weights(plan: Plan, split: Weights, plain: Weights, path: Path) -> None:
    for layer in plan.split:
        missing = [part.name for part in layer.parts if not split.get(part.name)]
        if missing:
            reason = " (it is an unsplit caffemodel)" if layer.layer in split else ""
            raise CheckError(
                f"{path}: holds no weights for layer {missing[0]!r}{reason}; Caffe would train this layer from random "
                f"weights: use {names.SPLIT_WEIGHTS} as entropy write made it"
            )
    try:
        merged = merge_weights(split, plan.split)
    except NetError as error:
        raise CheckError(f"{path}: {error}") from error
    for name in dict.fromkeys([*plain, *merged]):
        same = name in plain and name in merged and len(plain[name]) == len(merged[name])
        if not same or not all(map(_equal_bits, plain[name], merged[name])):
            raise CheckError(
                f"{path}: the weights of layer {name!r}, put together, are not those of {names.PLAIN_WEIGHTS}; "
                "the two were not written together: write the folder again"
            )


def _equal_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def _check_loaded(after: Weights, given: Weights, path: Path) -> None:
    for name, blobs in after.items():
        if name not in given or not all(map(_equal_bits, blobs, given[name])):
            raise CheckError(
                f"{path}: layer {name!r} did not get its weights from the file, or an iteration at learning rate 0 "
                "changed them; write the folder again"
            )


def without_dropout(net: NetParameter) -> NetParameter:
    """Copy a net without its Dropout layers; what reads their tops reads their bottoms."""
    result = NetParameter()
    result.CopyFrom(net)
    del result.layer[:]
    same: dict[str, str] = {}
    for layer in net.layer:
        if layer.type == "Dropout":
            same[layer.top[0]] = same.get(layer.bottom[0], layer.bottom[0])
            continue
        kept = result.layer.add()
        kept.CopyFrom(layer)
        kept.bottom[:] = [same.get(blob, blob) for blob in layer.bottom]
        kept.top[:] = [same.get(blob, blob) if blob in layer.bottom else blob for blob in layer.top]
    return result
