"""Options of ``write`` that put the new task into the old net or beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entropy.commands.per_layer import layer_names, numbers_by_layer
from entropy.errors import PlanError
from entropy.measuring.measures import MeasureName
from entropy.split_folder.extension import Extension
from entropy.split_folder.freed_file import read_freed


@dataclass(frozen=True, kw_only=True)
class ExtensionOptions:
    """With one of the first five, or --preserve, the old net keeps its head; what is not named below is frozen.

    Parameters
    ----------
    head_on
        blobs that the new head reads, such as pool5,fc7.
    own_layers
        layers of which the new task gets copies to learn, such as fc6,fc7.
    widen
        new filters beside those of layers, numbers or shares: conv5=165,conv4=0.25.
    free
        filters that are taken from the old task, those with the lowest score: conv5=0.4. What reads them is cut. Or
        the freed.json of a repair.
    adapt
        layers behind whose frozen filters the new task learns a factor and an offset, such as conv1,conv2.
    preserve
        exact: refuse whatever would change the old net.
    head_dropout
        share of the head's inputs that is dropped in training.
    table
        entropy.csv (or .h5) by which filters are chosen (--free, --copies).
    choose_by
        the score that they are chosen by; random needs no table.
    choose_highest
        choose the highest scores, not the lowest.
    copies
        new filters start as copies of chosen old ones.
    extra
        weights of copies on filters that the old ones do not read: from the filler, or zero.
    fresh
        freed filters start from a filler, not as they are.
    suffix
        what names of new layers end with.
    """

    head_on: str | None = None
    own_layers: str | None = None
    widen: str | None = None
    free: str | None = None
    adapt: str | None = None
    preserve: Literal["exact"] | None = None
    head_dropout: float = 0.0
    table: Path | None = None
    choose_by: MeasureName = "entropy"
    choose_highest: bool = False
    copies: bool = False
    extra: Literal["filler", "zero"] = "filler"
    fresh: bool = False
    suffix: str = "_new"

    def extension(self) -> Extension | None:
        """What is asked for; None where the new head takes the old one's place.

        Raises
        ------
        PlanError : an option makes no sense without others, or cannot be read.
        """
        asked = any((self.head_on, self.own_layers, self.widen, self.free, self.adapt, self.preserve))
        if not asked:
            changed = [name for name, value in vars(self).items() if value != getattr(ExtensionOptions(), name)]
            if changed:
                raise PlanError(
                    f"--{changed[0].replace('_', '-')} says more about a new task beside the old one; give --head-on, "
                    "--own-layers, --widen, --free, --adapt or --preserve too"
                )
            return None
        return Extension(
            **vars(self)
            | {name: layer_names(getattr(self, name) or "") for name in ("head_on", "own_layers", "adapt")}
            | {"widen": _numbers("widen", self.widen)}
            | filters_to_free(self.free)
        )


def filters_to_free(text: str | None) -> dict[str, Any]:
    """What ``--free`` says, as fields of `Extension`: numbers by layer, or the file of a repair."""
    if text is not None and text.endswith(".json"):
        freed = read_freed(Path(text))
        return {"free": freed.filters, "free_hash": freed.weights_hash}
    return {"free": _numbers("free", text)}


def _numbers(option: str, text: str | None) -> dict[str, int | float]:
    return {} if text is None else numbers_by_layer(f"--{option}", [text])
