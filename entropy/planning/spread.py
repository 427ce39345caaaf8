"""Where in a net the free filters of a plan are, and what is odd about it."""

from __future__ import annotations

from collections.abc import Mapping

from entropy.planning.plan import Plan
from prototxt.formats.schema import NetParameter


def odd_spread(plan: Plan, net: NetParameter | None = None) -> list[str]:
    """Say where one threshold for the whole net puts all freedom into few layers.

    H of one layer is not H of another: a threshold of the whole net chooses layers more than filters.

    Parameters
    ----------
    plan : of a function with one threshold; of others there is nothing to say.
    net : that it is for, if known: only its layers say which units are fully connected.

    Returns
    -------
    Sentences for a user, none where all is well.
    """
    if plan.threshold is None:
        return []
    free = {name: int((rates > 0).sum()) for name, rates in plan.multipliers.items()}
    without = [name for name, count in free.items() if not count]
    if not any(free.values()) or (len(free) == 1 and not without):
        return []
    advice = "give each layer a share (--layers-share, --quantile-of layer)"
    sentences = []
    if without:
        sentences.append(f"the threshold leaves no free filter in {', '.join(without)}: {advice}, unless you mean it")
    types = _types(net)
    planned, learning = ({types.get(name) for name in names} for names in (free, set(free) - set(without)))
    if learning == {"InnerProduct"} != planned:
        sentences.append(
            "the threshold frees units of fully connected layers only, whose H is mostly lower than that of filters: "
            f"{advice}, or measure convolutions only"
        )
    return sentences


def _types(net: NetParameter | None) -> Mapping[str, str]:
    return {} if net is None else {layer.name: layer.type for layer in net.layer}
