import os

import pytest

from prototxt.common.atomic import atomic_path, remove_leftovers, write_bytes, write_text
from prototxt.common.errors import FormatError


def test_text_and_bytes_are_written_into_new_folders(tmp_path):
    write_text(tmp_path / "a/b/c.txt", "Größe\n")
    write_bytes(tmp_path / "a/d", b"\0\1")
    assert (tmp_path / "a/b/c.txt").read_bytes() == "Größe\n".encode()
    assert (tmp_path / "a/d").read_bytes() == b"\0\1"


def fail_half_way(path, error):
    with atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise error


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError):
        fail_half_way(path, ZeroDivisionError())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence(tmp_path):
    sentence = r"file: cannot be written \(No space left on device\); choose another place"
    with pytest.raises(FormatError, match=sentence):
        fail_half_way(tmp_path / "file", OSError(28, os.strerror(28)))
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "folder").mkdir()
    write_text(tmp_path / "file", "x")
    for path in (tmp_path / "folder", tmp_path / "file/inside"):
        with pytest.raises(FormatError, match="cannot be written"):
            write_text(path, "y")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    with atomic_path(tmp_path / "file[1]") as temporary:
        temporary.write_text("whole")
        others = [tmp_path / ".file[1].mine.part", tmp_path / ".other.01234567.part"]
        for path in [*others, tmp_path / ".file[1].01234567.part"]:
            path.touch()
    remove_leftovers(tmp_path / "file[1]")
    assert set(tmp_path.iterdir()) == {tmp_path / "file[1]", *others}
