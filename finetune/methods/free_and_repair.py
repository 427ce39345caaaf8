"""Filters are taken from the old task, which is mended without them, and given to the new one."""

from __future__ import annotations

from collections.abc import Mapping

from entropy.measuring.measures import MeasureName
from entropy.surgery.choosing import choose_filters, filter_counts
from entropy.surgery.extended import OldNet
from entropy.surgery.freeing import free_filters
from entropy.surgery.repairing import prepare_repair
from finetune.errors import ExperimentError
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.retraining import training_on_old_task
from finetune.methods.parts.start import old_net, prepare, task_head, trunk_of
from finetune.methods.registry import Preparing, method
from finetune.training.prepared import Setting


@method(
    "free-and-repair",
    "filters freed, old task repaired",
    "ours; pruning by filter as in Li et al. (ICLR 2017)",
    BASE_LR,
    filters=None,
    share=0.4,
    layers=1,
    by="entropy",
    fresh=False,
    iterations=200,
    old_lr=0.002,
)
def prepare_freed(
    setting: Setting,
    filters: Mapping[str, int | float] | None,
    share: float,
    layers: int,
    by: MeasureName,
    fresh: bool,
    iterations: int,
    old_lr: float,
) -> Preparing:
    """Cut the filters with the lowest H off from the old task, mend it without them, and let the new task teach them.

    What the old task loses it loses by the cut; while the new one is learnt its scores stay the same to the bit. The
    net does not grow. The new head reads the last maps and what the old classifier reads.

    Parameters
    ----------
    filters : layer to a number of filters or a share of those it has. None: ``share`` of each of the last ``layers``
        convolutions.
    share : in (0, 1).
    layers : from the last convolution backwards.
    by : what takes the place of H: a measure such as ``taylor`` or ``random``.
    fresh : freed filters start anew; otherwise as they are.
    iterations, old_lr : of mending on old images, at a fixed rate.

    Raises
    ------
    ExperimentError : the net has fewer convolutions.
    SurgeryError : freed filters would change others, as with LRN behind them.
    """
    old, model = old_net(setting), setting.model
    counts = filter_counts(old.graph, filters if filters is not None else _last(old, share, layers))
    source = (model.net, model.weights)
    chosen = choose_filters(setting.measure("default"), counts, by, seed=setting.seed, weights=source)
    repair = prepare_repair(model.net, model.weights, chosen)
    output = old.outputs[0]
    silent, rates = repair.weights, repair.rates
    mended = yield from training_on_old_task(setting, repair.net, silent, output, rates, iterations, old_lr)
    head = task_head(setting)
    made = free_filters(model.net, repair.finish(mended), chosen, head, fresh=fresh, seed=setting.seed)
    return prepare(made, notes=[f"old task mended for {iterations} iterations"])


def _last(old: OldNet, share: float, layers: int) -> dict[str, float]:
    convolutions = trunk_of(old).convolutions
    if not 1 <= layers <= len(convolutions):
        raise ExperimentError(f"free-and-repair: the net has {len(convolutions)} convolutions; got layers {layers}")
    if not 0 < share < 1:
        raise ExperimentError(f"free-and-repair: the share of freed filters must lie between 0 and 1; got {share:g}")
    return dict.fromkeys(convolutions[len(convolutions) - layers :], float(share))
