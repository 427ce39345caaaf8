"""What a term measures on its share of a batch, over processes."""

import torch
import torch.distributed
import torch.multiprocessing

from finetune.training.averaging import over_processes


def _measure(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    found = over_processes(torch.tensor([1.0, 10.0]) * (rank + 1))
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_alone_it_is_what_was_measured():
    measured = torch.tensor([1.0, 2.0])
    assert over_processes(measured) is measured


def test_every_process_gets_the_mean(tmp_path):
    torch.multiprocessing.spawn(_measure, (str(tmp_path),), 2)
    assert [torch.load(tmp_path / f"{rank}.pt").tolist() for rank in (0, 1)] == [[1.5, 15.0]] * 2
