"""Disks that are really full and places that really cannot be written to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deepvis.scan.joining import merge_scans
from deepvis.scan.run import scan
from prototxt.common.errors import FormatError
from prototxt.common.progress import with_bar

OPTIONS = {"top": 3, "batch": 2, "device": "cpu"}

Remount = Callable[[str], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Remount]]:
    """A small disk of its own, and what changes its options."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=1m", "none", str(place)):
        pytest.skip("only root may mount a disk, and not in every container")

    def remount(options: str) -> None:
        assert mounted("-o", f"remount,{options}", str(place))

    try:
        yield place, remount
    finally:
        subprocess.run(["umount", place], check=True)


def mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def whole(make_model, make_pictures, tmp_path: Path):
    """A model, its pictures and the scan of them in one go."""
    model, images = make_model(), make_pictures(11)
    with_bar(scan(model, images, tmp_path / "whole.h5", **OPTIONS), quiet=True)
    return model, images, tmp_path / "whole.h5"


@pytest.mark.parametrize("kilobytes", [8, 40, 120, 400])
def test_a_disk_that_fills_up(kilobytes: int, whole, disk: tuple[Path, Remount], assert_same_bits) -> None:
    model, images, expected = whole
    place, remount = disk
    out = place / "scan.h5"
    out.write_text("older")
    remount(f"size={kilobytes}k")
    with pytest.raises(FormatError, match=r"scan\.h5: cannot be written \(No space left on device\); choose another"):
        with_bar(scan(model, images, out, **OPTIONS), quiet=True)
    assert out.read_text() == "older"
    remount("size=10m")
    with_bar(scan(model, images, out, **OPTIONS), quiet=True)
    assert_same_bits(out, expected)
    assert [path.name for path in place.iterdir()] == ["scan.h5"]


def test_a_disk_too_small_for_the_merged_file(whole, disk: tuple[Path, Remount]) -> None:
    _, _, expected = whole
    place, remount = disk
    remount("size=100k")
    (place / "all.h5").write_text("older")
    with pytest.raises(FormatError, match=r"all\.h5: cannot be written \(No space left on device\)"):
        with_bar(merge_scans([expected], place / "all.h5"), quiet=True)
    assert [path.name for path in place.iterdir()] == ["all.h5"]
    assert (place / "all.h5").read_text() == "older"


def test_a_disk_that_is_read_only(whole, disk: tuple[Path, Remount], assert_same_bits) -> None:
    model, images, expected = whole
    place, remount = disk
    remount("size=10m")
    work = scan(model, images, place / "scan.h5", **OPTIONS)
    for _ in range(3):
        next(work)
    work.close()
    (place / "scan.h5").write_text("older")
    remount("ro")
    for fresh in (False, True):
        with pytest.raises(FormatError, match=r"scan\.h5: cannot be written \(Read-only file system\); choose"):
            with_bar(scan(model, images, place / "scan.h5", **OPTIONS, fresh=fresh), quiet=True)
    assert (place / "scan.h5").read_text() == "older"
    remount("rw")
    steps = list(scan(model, images, place / "scan.h5", **OPTIONS))
    assert steps[0].done == 4
    assert_same_bits(place / "scan.h5", expected)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into every folder")
def test_a_folder_without_permission(whole, tmp_path: Path) -> None:
    model, images, _ = whole
    place = tmp_path / "theirs"
    place.mkdir(mode=0o555)
    with pytest.raises(FormatError, match=r"scan\.h5: cannot be written \(Permission denied\)"):
        with_bar(scan(model, images, place / "scan.h5", **OPTIONS), quiet=True)
    assert list(place.iterdir()) == []
