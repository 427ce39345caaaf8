"""The source net as it is, or all of it but its last layers: what a new head alone can do."""

from __future__ import annotations

from finetune.errors import ExperimentError
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.hidden import with_hidden
from finetune.methods.parts.start import HeadName, last_maps, old_net, prepare, start
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting


@method("wide-head", "frozen, wide head", "ours", BASE_LR, head="wide")
@method("head-only", "frozen, new head", "feature extraction (Li & Hoiem, TPAMI 2018)", BASE_LR, head="fc7")
def prepare_frozen(setting: Setting, head: HeadName) -> Prepared:
    """Freeze the source net and train a new head on its features.

    Nothing can be forgotten. The head reads what the old classifier reads, or (``wide``) the last maps beside it.
    """
    return start(setting, head).prepared()


@method("hidden-head", "frozen, hidden layer and head", "Kästingschäfer (2018)", BASE_LR, units=256)
def prepare_hidden_head(setting: Setting, units: int) -> Prepared:
    """Freeze the source net, and train a hidden layer on its last maps and a head on that.

    Nothing can be forgotten. The fully connected layers of the source net are not read.

    Parameters
    ----------
    units : of the hidden layer.

    Raises
    ------
    ExperimentError : ``units`` is below 1.
    """
    if units < 1:
        raise ExperimentError(f"hidden-head: the hidden layer needs at least one unit; got {units}")
    old = old_net(setting)
    return prepare(with_hidden(setting, old, [last_maps(old)], units, ()))


@method(
    "last-layers",
    "last layers",
    "fine-tuning of FC layers (Li & Hoiem, TPAMI 2018)",
    BASE_LR,
    layers=2,
    head="fc7",
)
def prepare_last_layers(setting: Setting, layers: int, head: HeadName) -> Prepared:
    """Train the last layers with units before the classifier, and freeze those below.

    Parameters
    ----------
    layers : how many learn; 2 are AlexNet's fc6 and fc7.

    Raises
    ------
    ExperimentError : the net has fewer layers.
    """
    begun = start(setting, head)
    units = [*begun.trunk.convolutions, *begun.trunk.hidden]
    if not 0 <= layers <= len(units):
        raise ExperimentError(f"last-layers: the net has {len(units)} layers before its classifier; got {layers}")
    free = units[len(units) - layers :]
    return begun.prepared(dict.fromkeys(free, 1.0), [f"{', '.join(free) or 'no layer'} of the source net learn"])
