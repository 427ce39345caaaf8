"""What the frozen part of a net gives for every image, computed once and kept in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from prototxt.net.graph import Value

BYTES = 4  # of a float32
NEW = -1

Compute = Callable[[np.ndarray], Mapping[Value, Tensor]]


class FeatureCache:
    """Values of a net for rows (an image, mirrored or not), computed when they are first asked for.

    The last bits of a value depend on what is computed beside it. So rows that were new in one batch stay a group,
    which is computed together: a run that goes on from a checkpoint tells with `note` which batches went before, and
    finds the bits that it would have had without a stop.

    Parameters
    ----------
    shapes : of every value for one row.
    rows : how many there are.
    bound : bytes that may be kept; rows beyond it, in the order of first use, are computed every time.
    compute : gives the values of (B,) rows.
    versions : of the parameters that they are computed with.
    device : where values are kept.
    """

    def __init__(
        self,
        shapes: Mapping[Value, Sequence[int]],
        rows: int,
        bound: float,
        compute: Compute,
        versions: object,
        device: torch.device | str = "cpu",
    ) -> None:
        self._compute, self._versions = compute, versions
        self.capacity = min(rows, int(bound // (BYTES * sum(math.prod(shape) for shape in shapes.values()))))
        # Memory that nobody has written to is not taken from the system yet.
        self._values = {value: torch.empty((self.capacity, *shape), device=device) for value, shape in shapes.items()}
        self._slot = np.full(rows, NEW)  # place among those that are kept, in the order of first use
        self._group = np.full(rows, NEW)
        self._groups: list[np.ndarray] = []
        self._computed: list[bool] = []
        self._known = 0

    def is_good(self, versions: object) -> bool:
        """Whether the parameters are still those that the values were computed with."""
        return bool(self._versions == versions)

    def note(self, rows: np.ndarray) -> None:
        """Hear which rows a batch has; those that are new become a group."""
        new = np.array(list(dict.fromkeys(rows[self._slot[rows] == NEW].tolist())), np.int64)
        self._slot[new] = np.arange(self._known, self._known + len(new))
        self._known += len(new)
        kept = new[self._slot[new] < self.capacity]
        if len(kept):
            self._group[kept] = len(self._groups)
            self._groups.append(kept)
            self._computed.append(False)

    def take(self, rows: np.ndarray) -> dict[Value, Tensor]:
        """Values of the (B,) rows of a batch, (B, …) each."""
        self.note(rows)
        kept = self._slot[rows] < self.capacity
        for group in np.unique(self._group[rows[kept]]):
            if not self._computed[group]:
                self._fill(int(group))
        fresh = self._compute(rows[~kept]) if not kept.all() else {}
        return {value: self._joined(value, self._slot[rows], kept, fresh) for value in self._values}

    def _fill(self, group: int) -> None:
        rows = self._groups[group]
        first = self._slot[rows[0]]
        for value, computed in self._compute(rows).items():
            self._values[value][first : first + len(rows)] = computed
        self._computed[group] = True

    def _joined(self, value: Value, slots: np.ndarray, kept: np.ndarray, fresh: Mapping[Value, Tensor]) -> Tensor:
        """What is kept and what was computed just now, in the order of the batch."""
        store = self._values[value]
        if kept.all():
            return store[torch.from_numpy(slots).to(store.device)]
        result = store.new_empty((len(slots), *store.shape[1:]))
        mask = torch.from_numpy(kept).to(store.device)
        result[mask] = store[torch.from_numpy(slots[kept]).to(store.device)]
        result[~mask] = fresh[value]
        return result
