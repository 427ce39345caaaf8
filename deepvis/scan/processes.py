"""Several processes that make one scan together, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed

from entropy.errors import ScanError

# One process may be hours behind another, and the first waits while the file is put together.
PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Processes:
    """The process among those that work together.

    Parameters
    ----------
    rank : number of the process, from 0 on; 0 puts the file together.
    count : how many there are.
    local_rank : number of the process on its machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def name(self) -> str:
        """Of this process's share."""
        return self.name_of(self.rank)

    def name_of(self, rank: int) -> str:
        """Name of a share: ``share-1-of-4``."""
        return f"share-{rank + 1}-of-{self.count}"

    def share(self, rank: int, images: int, batch: int) -> range:
        """Give the images of a process: whole batches, the same ones that a single process makes."""
        count = -(-images // batch)
        first, last = (count * place // self.count * batch for place in (rank, rank + 1))
        return range(min(first, images), min(last, images))

    def device(self, name: str) -> str:
        """Give each process of a machine a GPU of its own when the choice is left to us."""
        if name in ("auto", "cuda") and self.count > 1 and torch.cuda.is_available():
            return f"cuda:{self.local_rank % torch.cuda.device_count()}"
        return name

    def wait(self) -> None:
        """Wait until all processes are here.

        Raises
        ------
        ScanError : if one of them has ended.
        """
        if self.count == 1:
            return
        try:
            torch.distributed.barrier()
        except RuntimeError as error:
            raise ScanError("another process of this scan has ended; the same command goes on with it") from error


ALONE = Processes()


@contextmanager
def started_processes(environment: Mapping[str, str] = os.environ) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started, by its environment variables; one process without them."""
    count = int(environment.get("WORLD_SIZE", 1))
    if count == 1:
        yield Processes()
        return
    torch.distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Processes(int(environment["RANK"]), count, int(environment.get("LOCAL_RANK", 0)))
    finally:
        torch.distributed.destroy_process_group()
