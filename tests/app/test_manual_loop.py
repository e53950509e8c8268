"""The page that shows the edit without our recipes does what the recipe does, to the bit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inkover import Editor
from small_photo import SIZE, array, pixels

PAGE = Path(__file__).parents[2] / "docs" / "manual-loop.md"


def test_the_page_and_the_editor_make_the_same_photo(
    photo: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code.count('"tabletop"') == 1 and code.count("40, 1.0, 3.0") == 1
    monkeypatch.chdir(photo.parent)
    quick = code.replace('"tabletop"', repr(str(tiny_folder))).replace("40, 1.0, 3.0", "10, 1.0, 3.0")
    exec(compile(quick, str(PAGE), "exec"), {})
    result = Editor.load(tiny_folder, device="cpu").edit(
        photo, source="a red ball on grass", target="a blue ball on grass", steps=10, feather=4
    )
    assert result.photo.size == SIZE and (result.photo.pixels != pixels()).any()
    assert (array(photo.with_name("edited.png")) == result.photo.pixels).all()
