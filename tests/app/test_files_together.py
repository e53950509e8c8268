"""Names of results, and files that land together or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from inkover.app.files import check_side_output, numbered, together
from inkover.errors import InkoverError


def test_variations_are_numbered_before_the_ending() -> None:
    assert numbered(Path("a/photo.edited.jpg"), None) == Path("a/photo.edited.jpg")
    assert numbered(Path("a/photo.edited.jpg"), 2) == Path("a/photo.edited-2.jpg")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError, InkoverError])
def test_where_the_last_file_fails_the_others_go(tmp_path: Path, failure: type[BaseException]) -> None:
    def fails(path: Path) -> None:
        path.write_text("half")
        raise failure

    with pytest.raises(failure), together() as put:
        put(tmp_path / "one", lambda path: path.touch())
        put(tmp_path / "two", fails)
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_there_stays(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("old")
    with pytest.raises(KeyboardInterrupt), together() as put:
        put(old, lambda path: None)
        raise KeyboardInterrupt
    assert old.read_text() == "old"


def test_files_stay_where_all_went_well(tmp_path: Path) -> None:
    with together() as put:
        put(tmp_path / "one", lambda path: path.touch())
    assert (tmp_path / "one").exists()


def test_side_outputs_are_checked(tmp_path: Path) -> None:
    there = tmp_path / "there.png"
    there.touch()
    (tmp_path / "folder.png").mkdir()
    for path, said in [
        (tmp_path / "mask.jpg", "would be a .png file: write --save-mask .*mask.png"),
        (tmp_path / "gone" / "mask.png", "there is no folder"),
        (there, "exists: choose another name or add --force"),
        (tmp_path / "folder.png", "is a folder"),
    ]:
        with pytest.raises(InkoverError, match=said):
            check_side_output(path, "--save-mask", ".png", [], False)
    check_side_output(there, "--save-mask", ".png", [], True)
    with pytest.raises(InkoverError, match="in use as another file"):
        check_side_output(there, "--save-mask", ".png", [tmp_path / "." / "there.png"], True)
