"""The models that a snapshot is put together into: which there are, and where they go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from entropy.errors import CheckError, PlanError
from entropy.planning.plan import Plan
from entropy.split_folder import folder as names
from entropy.split_folder.extension_file import ExtensionFile
from entropy.split_folder.preservation import check_old_weights
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_net, write_message
from prototxt.formats.weights import Weights, read_weights, weights_hash, write_weights

_OF_A_FOLDER = (*names.WEIGHTS_AND_NETS, *names.OF_EXTENSION, names.SOLVER, names.PLAIN_SOLVER, names.PLAN)


@dataclass(frozen=True)
class MergedModel:
    """A model that is to be written.

    Parameters
    ----------
    path : of the caffemodel.
    net, weights : the net, and weights that hold its own.
    what : what it is, in words.
    prototxt : where its net goes too; None where a prototxt of it is there.
    """

    path: Path
    net: NetParameter
    weights: Weights
    what: str
    prototxt: Path | None = None

    @property
    def files(self) -> dict[Path, str]:
        """What each of its files holds."""
        return {self.path: self.what} | ({self.prototxt: f"its net, for {self.path.name}"} if self.prototxt else {})

    def write(self) -> None:
        """Write its files."""
        layers = {layer.name for layer in self.net.layer}
        write_weights(self.path, self.net, {name: blobs for name, blobs in self.weights.items() if name in layers})
        if self.prototxt is not None:
            write_message(self.prototxt, self.net)


def training_model(out: Path, plain: NetParameter, whole: Weights) -> MergedModel:
    """The training net, unsplit."""
    return MergedModel(out, plain, whole, "the training net with the new head")


def source_and_head(
    out: Path, folder: Path, plan: Plan, source: tuple[Path, Path], plain: NetParameter, whole: Weights
) -> list[MergedModel]:
    """The source model with the trained weights of the layers that it shares with the training net; and that net.

    Parameters
    ----------
    source : the source deploy net and its caffemodel.

    Raises
    ------
    PlanError : the caffemodel is not the one that the plan was made for.
    """
    net, path = source
    weights = read_weights(path)
    if plan.weights_hash and weights_hash(weights) != plan.weights_hash:
        raise PlanError(f"{path}: is not the caffemodel that the plan was made for; give the one that was scanned")
    trunk = {name: whole.get(name, blobs) for name, blobs in weights.items()}
    head = out.with_name(f"{out.stem}_head{out.suffix}")
    return [
        MergedModel(out, read_net(net), trunk, "the source net: its own head on the trained trunk"),
        MergedModel(head, plain, whole, f"the new head on the trained trunk, for {names.DEPLOY} in {folder}"),
    ]


def both_heads(out: Path, folder: Path, extension: ExtensionFile, whole: Weights) -> MergedModel:
    """The deploy net with the old head and the new one: what was trained, and what was not as `write` found it.

    Raises
    ------
    CheckError : a layer of the old net has changed although it is to be preserved, or a layer that shares its
        parameters has others.
    """
    path = folder / names.DEPLOY_WEIGHTS
    start = read_weights(path)
    check_old_weights(extension, start, path)
    merged = {name: whole.get(name, blobs) for name, blobs in start.items()}
    frozen = [name for name in start if name not in extension.new_layers] if extension.preserve == "exact" else []
    for name, before in [
        *((name, start[name]) for name in frozen),
        *((name, merged[extension.copied_from[name]]) for name in extension.shared),
    ]:
        if [blob.tobytes() for blob in merged[name]] != [blob.tobytes() for blob in before]:
            raise CheckError(
                f"layer {name!r} of the snapshot is not bit-identical to the old net's, which was to be preserved; the "
                "snapshot is of another run, or training did not obey the rates"
            )
    old = ", ".join(map(repr, extension.old_outputs))
    what = f"both tasks in one forward pass: the old scores in {old}, the new ones in {extension.new_output!r}"
    return MergedModel(out, read_net(folder / names.DEPLOY), merged, what, out.with_suffix(".prototxt"))


def refuse_others_files(targets: Iterable[Path], folder: Path, snapshot: Path) -> None:
    """Refuse to write over what a run was made of, or into the folder of another run.

    Raises
    ------
    PlanError : names the file.
    """
    taken = {(folder / name).resolve() for name in _OF_A_FOLDER} | {snapshot.resolve()}
    for target in targets:
        place = target.resolve().parent
        if target.resolve() in taken:
            raise PlanError(f"{target}: is a file of the run itself; choose another name (--out)")
        if place != folder.resolve() and (place / names.SPLIT_NET).exists():
            raise PlanError(f"{target}: {place} is the folder of another run; choose another place (--out)")
