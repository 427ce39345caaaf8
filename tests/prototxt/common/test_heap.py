"""Freed memory is kept: a tensor as large as the one before costs no page faults."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from prototxt.common.heap import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.zeros(10_000_000).add_(1)  # 40 MB each time, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.set_num_threads(1)
print(faults(), keep_freed_memory(), faults())
"""


def run(**environment: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="for glibc")
def test_memory_is_faulted_in_once() -> None:
    before, kept, after = run()
    assert kept == "True"
    pages = 10_000_000 * 4 // 4096
    assert int(before) > 19 * pages
    assert int(after) < 5 * pages  # once, and again where an aligned block does not fit where the last one was


def test_wishes_in_the_environment_are_left_alone() -> None:
    assert run(MALLOC_TRIM_THRESHOLD_="131072")[1] == "False"
